"""The judge on whole trees, against what plain Nix says.

`UNLET_NIXPKGS` names the directory that has them.

`real/` has the changes: a table for each tree.
"""

import os
from pathlib import Path

import msgspec
import pytest

from tests.judge import oracle
from tests.judge.edits import Step, file_edits
from tests.judge.test_specimen import NATIVE, cache, shared
from toolkit.judge import JudgeRequest, ground, judge
from toolkit.judge.differences import Judgement, Weight
from toolkit.model import Silence, SourceRequest
from toolkit.sources import trees
from toolkit.sources.changes import Change, ChangeStep
from toolkit.sources.trees import NixpkgsTree

__all__ = ["cache", "shared"]

TREES = os.environ.get("UNLET_NIXPKGS")


class Case(Step, frozen=True, kw_only=True):
    """A change, and what it does: `truth` is a Nix expression of `pkgs`, on `system`.

    `kinds` are what the judge may call it, of the attribute; `unknown` stands for
    leaving it open. Without kinds it has to call it the same.
    """

    name: str
    truth: str
    kinds: list[str] = msgspec.field(default_factory=list[str])
    attribute: str = ""
    system: str = NATIVE
    systems: list[str] = msgspec.field(default_factory=list[str])


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The changes of a tree."""

    cases: list[Case]


CASES = {
    f"{table.stem}: {case.name}": (table.stem, case)
    for table in sorted(Path(__file__).parent.glob("real/*.toml"), reverse=True)
    for case in msgspec.toml.decode(table.read_bytes(), type=Table).cases
}
_BASES: dict[Path, NixpkgsTree] = {}


def change_of(name: str) -> Change:
    """Return the change of a case, with its tree as the base."""
    tree, case = CASES[name]
    root = Path(str(TREES)) / tree
    base = _BASES.setdefault(root, NixpkgsTree(root=root, key=trees.fingerprint(root)))
    after = case.texts(
        lambda path: (root / path).read_text() if (root / path).is_file() else ""
    )
    step = ChangeStep(subject=name, edits=file_edits(root, after))
    return Change(
        subject=name, origin=tree, source=SourceRequest(), base=base, steps=(step,)
    )


def judged(name: str) -> Judgement:
    """Return what the judge says of a case."""
    _, case = CASES[name]
    systems = tuple(case.systems or dict.fromkeys((NATIVE, case.system)))
    return judge(change_of(name), JudgeRequest(systems=systems), progress=Silence())


@pytest.mark.skipif(
    TREES is None, reason="UNLET_NIXPKGS is not set: no whole nixpkgs to try"
)
@pytest.mark.parametrize("name", CASES)
def test_the_judge_says_what_plain_nix_says(name: str, tmp_path: Path) -> None:
    tree, case = CASES[name]
    if not (Path(str(TREES)) / tree).is_dir():
        pytest.skip(f"UNLET_NIXPKGS has no {tree}")
    change = change_of(name)
    with ground.opened(change.base, progress=Silence()) as place:
        old = oracle.plain(place.root, case.system, case.truth, tmp_path)
        with place.holding(
            {edit.path: edit.after for edit in change.steps[0].edits}
        ) as changed:
            new = oracle.plain(changed, case.system, case.truth, tmp_path)
    assert old not in {None, '"throws"'}
    assert (old != new) == bool(case.kinds)
    judgement = judged(name)
    serious = [each for each in judgement.differences if each.weight is not Weight.NOTE]
    if not case.kinds:
        assert serious == []
        assert judgement.unknown == ()
        return
    named = [
        each
        for each in serious
        if each.kind in case.kinds
        and each.attribute == case.attribute
        and each.system == case.system
    ]
    assert named or ("unknown" in case.kinds and judgement.unknown)
    assert case.system == NATIVE or not any(
        each.system == NATIVE and each.kind == named[0].kind for each in serious
    )
