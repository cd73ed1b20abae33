import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import pytest
from msgspec.structs import replace

from tests.proposal.cases import lift_case
from tests.proposal.nixpkgs import Nixpkgs
from toolkit import specimen
from toolkit.asking.trials import (
    ChangedMethod,
    Derivations,
    Effect,
    LiftQuestion,
    Method,
)
from toolkit.lift.final_attrs import final_attrs
from toolkit.lift.outcome import Lifted
from toolkit.model import SourceRequest
from toolkit.proposal.choosing import LiftCase
from toolkit.proposal.claims import (
    CLAIMS,
    follows,
    overlaid,
    overridable,
    source_follows,
)
from toolkit.proposal.judged import Judging
from toolkit.proposal.lifted import Asking
from toolkit.proposal.prove import Stage, Subject
from toolkit.sources import changes
from toolkit.sources.changes import Change
from toolkit.sources.trees import NixpkgsTree, fingerprint

BOARD = PurePosixPath("pkgs/by-name/st/status-board/package.nix")


def case(
    before: Path, after: Path, package: str, lifted: Lifted | None = None
) -> LiftCase:
    lifted = lifted or Lifted(text="", methods={})
    question = LiftQuestion(
        package=package, methods=lifted.methods, follows=lifted.follows
    )
    stages = tuple(
        Stage(name=name, content=b"", path=root)
        for name, root in (("before", before), ("after", after))
    )
    asking = Asking(trees=(before, after), own=question, systems=("x86_64-linux",))
    judging = Judging(change=change_of(before, after), systems=("x86_64-linux",))
    return lift_case(BOARD, stages, lifted=lifted, asking=asking, judging=judging)


def change_of(before: Path, after: Path) -> Change:
    tree = NixpkgsTree(root=before, key=fingerprint(before))
    return changes.one_file(
        tree, BOARD, (after / BOARD).read_bytes(), source=SourceRequest()
    )


@pytest.fixture
def tree(nixpkgs: Nixpkgs) -> Path:
    return nixpkgs.root


def changed(tree: Path, change: Callable[[str], str]) -> Path:
    other = tree.with_name("changed")
    shutil.copytree(tree, other)
    (other / BOARD).write_text(change((tree / BOARD).read_text()))
    return other


def test_a_source_that_follows_the_version_does_so_only_afterwards(tree: Path) -> None:
    after = changed(tree, lambda text: final_attrs(text, name="package.nix"))
    assert source_follows(case(tree, after, "status-board")).failures == ()
    unchanged = source_follows(case(tree, tree, "status-board")).failures
    assert unchanged == ("an override of version does not change src",)
    assert source_follows(case(after, after, "status-board")).failures == (
        "it already did so before the change",
    )


def test_a_part_that_stays_the_same_does_not_follow(tree: Path) -> None:
    lifted = Lifted(
        text="", methods={"theme": ("theme",)}, follows={"theme": ("version",)}
    )
    finding = follows(case(tree, tree, "status-board", lifted))
    assert finding.failures == ("theme: does not change with version",)
    nothing = follows(case(tree, tree, "status-board"))
    assert (nothing.covers, nothing.not_run) == (
        "nothing",
        "because no part takes src or version from the package",
    )
    gone = replace(lifted, methods={"theme": ("passthru", "none")})
    assert follows(case(tree, tree, "status-board", gone)).failures == (
        "passthru.none: does not evaluate on any system",
    )


SYSTEMS = ("x86_64-linux", "aarch64-linux")
PLACE = ", ".join(SYSTEMS)


def tried(
    effect: Effect, *, before: Effect = Effect.NONE, **facts: object
) -> ChangedMethod:
    """Return a method that has an effect after the change."""
    after = Method(there=True, effect=effect, **facts)  # type: ignore[arg-type]
    return ChangedMethod(before=Method(there=False, effect=before), after=after)


def answered(
    *answers: Derivations | ChangedMethod,
    taken: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> LiftCase:
    """Return the case of a package with Nix's answer for each system in turn."""
    root = specimen.path()
    lifted = Lifted(text="", methods={"ui": ("passthru", "ui")}, follows=taken)
    found = case(root, root, "app", lifted)
    asking = replace(found.asking, systems=SYSTEMS[: len(answers)])
    for system, answer in zip(SYSTEMS, answers, strict=False):
        known = (
            answer
            if isinstance(answer, Derivations)
            else Derivations(before="/a", after="/a", methods={"ui": answer})
        )
        asking.known[system] = known
    return replace(found, asking=asking)


LATE = Derivations(methods={}, error="ran out of time", limited=True)
NOWHERE = Derivations(methods={})
SPOILED = Derivations(methods={}, error="abort")
METHOD = "ui: an override of passthru.ui"
ARRIVES = "ui: a replacement of passthru.ui arrives in"
OTHERS = "other attributes of passthru"
STAYS = "works only in part: the build still contains the replaced package, through"


@pytest.mark.parametrize(
    ("answers", "failures", "evidence"),
    [
        (
            (tried(Effect.WORKS),) * 2,
            (),
            (f"{ARRIVES} the build, and did not before ({PLACE})",),
        ),
        (
            (
                tried(Effect.WORKS, before=Effect.WORKS),
                tried(Effect.INEFFECTIVE, shown=True),
            ),
            (),
            (
                f"{ARRIVES} the build, and did so before (x86_64-linux)",
                f"{ARRIVES} {OTHERS}, and did not before (aarch64-linux)",
            ),
        ),
        (
            (tried(Effect.WORKS), tried(Effect.WORKS, before=Effect.UNASKED)),
            (),
            (
                f"{ARRIVES} the build, and did not before (x86_64-linux)",
                f"{ARRIVES} the build (aarch64-linux)",
            ),
        ),
        (
            (tried(Effect.WORKS, before=Effect.PARTLY),),
            (),
            (f"{ARRIVES} the build, and did so in part before (x86_64-linux)",),
        ),
        (
            (tried(Effect.PARTLY, way=("app", "ui")), tried(Effect.INEFFECTIVE)),
            (f"{METHOD} {STAYS} app → ui (x86_64-linux)",),
            (f"{METHOD} has no effect on aarch64-linux",),
        ),
        (
            (tried(Effect.INEFFECTIVE), tried(Effect.NONE)),
            (f"{METHOD} has no effect on any system",),
            (),
        ),
        (
            (tried(Effect.UNKNOWN), tried(Effect.NONE)),
            (
                f"{METHOD} does not evaluate on x86_64-linux",
                "ui: the package has no passthru.ui on aarch64-linux",
            ),
            (),
        ),
        (
            (replace(tried(Effect.WORKS), before=Method(there=False, named=True)),),
            ("ui: the package already had a different attribute 'ui'",),
            (f"{ARRIVES} the build, and did not before (x86_64-linux)",),
        ),
    ],
)
def test_an_override_of_each_method_has_to_arrive(
    answers: tuple[ChangedMethod, ...],
    failures: tuple[str, ...],
    evidence: tuple[str, ...],
) -> None:
    found = overridable(answered(*answers))
    before = {each.before.effect for each in answers}
    earlier = (
        ""
        if Effect.WORKS in before
        else " (before: in part)"
        if Effect.PARTLY in before
        else " (before: none)"
    )
    ways = f"by overrideAttrs of passthru.ui{earlier}"
    assert (found.failures, found.evidence) == (failures, (ways, *evidence))
    assert found.covers == f"app, ui on {', '.join(SYSTEMS[: len(answers)])}"
    assert (found.not_run, found.gaps) == (None, ())


def test_package_that_nix_did_not_answer_for_is_not_claimed() -> None:
    works = tried(Effect.WORKS)
    found = overridable(answered(works, LATE))
    assert (found.covers, found.gaps) == (
        "app, ui on x86_64-linux",
        ("aarch64-linux: ran out of time",),
    )
    assert found.evidence[1:] == (
        f"{ARRIVES} the build, and did not before (x86_64-linux)",
    )
    found = overridable(answered(LATE, LATE))
    assert (found.covers, found.not_run) == (
        "nothing",
        "because x86_64-linux: ran out of time",
    )
    assert len(found.commands) == len(SYSTEMS)
    found = overridable(answered(NOWHERE, NOWHERE))
    assert (found.covers, found.not_run) == (
        "nothing",
        "because the unchanged package does not evaluate on any system",
    )
    found = overridable(answered(SPOILED, works))
    assert found.covers == f"app, ui on {PLACE}"


def test_each_part_that_follows_has_to_change_on_all_systems() -> None:
    def method(**reached: bool) -> ChangedMethod:
        return replace(tried(Effect.WORKS), follows=reached)

    asked = {"ui": ("src", "version")}
    found = follows(
        answered(
            method(src=True, version=True), method(src=True, version=False), taken=asked
        )
    )
    assert found.failures == ("passthru.ui: does not change with version",)
    assert found.evidence == ("passthru.ui: changes when src changes",)
    assert found.covers == f"app, ui on {PLACE}"
    found = follows(answered(method(src=True, version=True), NOWHERE, taken=asked))
    assert (found.failures, found.covers) == ((), "app, ui on x86_64-linux")
    several = answered(method(src=True, version=True), taken=asked)
    lifted = replace(
        several.lifted,
        methods={"ui": ("ui",), "cli": ("cli",)},
        follows={**asked, "cli": ("src",)},
    )
    both = Derivations(
        before="/a",
        after="/a",
        methods={"ui": method(src=True, version=True), "cli": method(src=True)},
    )
    several.asking.known["x86_64-linux"] = both
    found = follows(replace(several, lifted=lifted))
    assert found.evidence == (
        "ui: changes when src changes",
        "ui: changes when version changes",
        "cli: changes when src changes",
    )


def test_a_package_without_an_overlay_or_a_version_has_nothing_to_prove(
    tree: Path,
) -> None:
    found = overlaid(answered(tried(Effect.WORKS)))
    reason = (
        "because nixpkgs passes arguments to the package, or its file reads "
        "other directories"
    )
    assert (found.covers, found.not_run) == ("nothing", reason)
    overlay = tree.with_name("overlay")
    overlay.mkdir()
    (overlay / "default.nix").write_text("_: _: { }")
    found = overlaid(replace(answered(NOWHERE), overlay=overlay))
    assert (found.covers, found.not_run) == (
        "nothing",
        "because the unchanged package does not evaluate on any system",
    )
    nowhere = source_follows(case(tree, tree, "none-such"))
    reason = "because the package or its source does not evaluate on x86_64-linux"
    assert (nowhere.covers, nowhere.not_run) == ("nothing", reason)
    there = source_follows(case(tree, tree, "status-board"))
    assert there.covers == "status-board.src on x86_64-linux"
    (again,) = there.commands
    assert '"methods": {"src": ["src"]}' in again


def test_claims_that_ask_nix_name_the_requested_systems() -> None:
    deep = [claim for claim in CLAIMS if claim.queue]
    assert [claim.name for claim in deep if not claim.wide] == [
        "source-follows",
        "tests-follow",
        "overlay",
    ]


def test_only_a_claim_of_recipes_is_about_no_sort_of_change() -> None:
    assert [claim.name for claim in CLAIMS if not claim.applies_to] == [
        "source-follows",
        "tests-follow",
    ]
    assert [
        claim.name
        for claim in CLAIMS
        if Subject.OVERLAY in claim.applies_to and claim.queue
    ] == [*("no-rebuild", "overridable", "passthru", "meta", "overrides", "overlay")]
