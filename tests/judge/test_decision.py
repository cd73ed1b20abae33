"""The verdict of a judgement, by the differences and the gaps that it has."""

import pytest

from toolkit.judge.decision import Decision, decide
from toolkit.judge.differences import (
    Cause,
    Difference,
    DifferenceFact,
    DifferencePlace,
    Form,
    Gap,
    Judgement,
    Kind,
    Reason,
    Weight,
)

NATIVE = "x86_64-linux"
VERSION = Cause(fact=DifferenceFact.VERSION, names=("1", "2"))
BUILT = Cause(fact=DifferenceFact.BUILT_DIFFERENTLY)
SET = Cause(fact=DifferenceFact.BUILT_DIFFERENTLY, setting="config.pulse = true")
MAIN = Cause(fact=DifferenceFact.GONE, place=DifferencePlace.META, name="mainProgram")
BY_INPUT = (Reason(form=Form.INPUT, name="buildInputs", added=("zlib",)),)
BY_FLAG = (Reason(form=Form.MEMBERS, name="configureFlags", added=("--with-x",)),)
DEPENDENCIES = Cause(
    fact=DifferenceFact.BUILT_DIFFERENTLY,
    place=DifferencePlace.PASSTHRU,
    name="dependencies",
)
GAP = Gap(what="notes", reason="no time")


def difference(
    cause: Cause,
    kind: Kind = Kind.DERIVATION,
    weight: Weight = Weight.CHANGE,
    why: tuple[Reason, ...] = (),
    attribute: str = "notes",
) -> Difference:
    return Difference(
        attribute=attribute,
        system=NATIVE,
        kind=kind,
        weight=weight,
        cause=cause,
        why=why,
    )


UPDATED = difference(VERSION)


@pytest.mark.parametrize(
    ("differences", "gaps", "decision"),
    [
        ((), {}, Decision.SAME),
        ((difference(MAIN, Kind.META, Weight.NOTE),), {}, Decision.SAME),
        ((), {"unanswered": (GAP,)}, Decision.SAFE),
        ((), {"unknown": (GAP,)}, Decision.UNKNOWN),
        ((UPDATED,), {}, Decision.SAFE),
        ((UPDATED,), {"unknown": (GAP,)}, Decision.UNKNOWN),
        ((UPDATED, difference(BUILT, attribute="board")), {}, Decision.SAFE),
        (
            (difference(DEPENDENCIES, Kind.PASSTHRU, attribute="board"),),
            {},
            Decision.SAFE,
        ),
        ((difference(DEPENDENCIES, Kind.PASSTHRU),), {}, Decision.LOOK),
        ((difference(BUILT, why=BY_INPUT),), {}, Decision.LOOK),
        (
            (difference(BUILT, why=BY_INPUT), difference(VERSION, attribute="zlib")),
            {},
            Decision.SAFE,
        ),
        ((difference(BUILT),), {}, Decision.LOOK),
        ((difference(VERSION, why=BY_FLAG),), {}, Decision.LOOK),
        ((difference(BUILT, why=(*BY_FLAG, *BY_INPUT)),), {}, Decision.LOOK),
        ((difference(SET, attribute="board"),), {}, Decision.LOOK),
        ((difference(MAIN, Kind.META),), {"unknown": (GAP,)}, Decision.LOOK),
        (
            (UPDATED, difference(MAIN, Kind.META, Weight.REGRESSION)),
            {},
            Decision.REGRESSION,
        ),
    ],
)
def test_the_worst_that_is_known_decides(
    differences: tuple[Difference, ...],
    gaps: dict[str, tuple[Gap, ...]],
    decision: Decision,
) -> None:
    judgement = Judgement(
        files=1,
        systems=(NATIVE,),
        asked=2,
        same=0,
        differ=2,
        differences=differences,
        reached={NATIVE: ("notes",)},
        readers={NATIVE: ("board",)},
        unknown=gaps.get("unknown", ()),
        unanswered=gaps.get("unanswered", ()),
    )
    assert decide(judgement) is decision
