"""Ways to lift the components, and whether `check --patch` and `track` see what each does."""

import subprocess
from pathlib import Path

import pytest

from tests.designs import COMPONENTS, DESIGNS, METHODS, demoted
from tests.diffs import diff
from tests.progress import Steps
from tests.proposal.nixpkgs import ALONE
from tests.trees import trees
from toolkit import specimen
from toolkit.docker import TARGET, PathPlace
from toolkit.docker.meaning import place_of
from toolkit.model import Proof, SourceRequest
from toolkit.proposal.checking import check
from toolkit.proposal.requests import CheckRequest
from toolkit.sources.changes import ChangeRequest
from toolkit.track.readings import Overridable, State
from toolkit.track.refs import TrackRequest, track

TREES = [pytest.param(specimen.path(), id="specimen"), *trees(having="pkgs/by-name")]
BY_ATTRIBUTES = ("move", "both", "final-small")
IN_PART_BEFORE = ("move", "both", "args-or")
"""The designs whose method is one that reached a part of the uses before."""
CAPTURED = "parameter"
"""The design that takes a component from the package set."""
ASKED = ("exact-change", "overridable", "compatible", "capture-safe")
COMPARED = ("move", "hidden", "final-small")
"""The designs, one of each kind, whose derivations are compared too."""


def judged(tree: Path, after: str, directory: Path, *names: str) -> dict[str, Proof]:
    patch = directory / "theirs.patch"
    patch.write_text(diff(str(TARGET), (tree / TARGET).read_text(), after))
    change = ChangeRequest(patch=patch, source=SourceRequest(nixpkgs=str(tree)))
    report = check(
        CheckRequest(target="docker", change=change, proofs=names, depth=ALONE),
        progress=Steps(),
    )
    return {proof.name: proof for proof in report.proofs}


def methods(name: str) -> dict[str, tuple[str, ...]]:
    return {
        each: tuple(method.replace("NAME", each) for method in METHODS[name](each))
        for each in COMPONENTS
    }


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("tree", TREES)
def test_patch_passes_and_its_method_is_named(
    tree: Path, name: str, tmp_path: Path
) -> None:
    after = DESIGNS[name]((tree / TARGET).read_text())
    if name == CAPTURED:
        found = judged(tree, demoted(after), tmp_path, "capture-safe")
        assert str(found["capture-safe"].status) == "failed"
        return
    names = (*ASKED, "no-rebuild") if name in COMPARED else ASKED
    found = judged(tree, after, tmp_path, *names)
    expected = dict.fromkeys(names, "passed") | {"exact-change": "not run"}
    assert {name: str(proof.status) for name, proof in found.items()} == expected
    assert (
        found["exact-change"].reason
        == "because the patch does not change the wrapper's PATH"
    )
    shown = found["overridable"].found or ""
    assert shown.startswith(
        "by overrideAttrs " if name in BY_ATTRIBUTES else "by override { "
    )
    assert shown.endswith(
        "(before: in part)" if name in IN_PART_BEFORE else "(before: none)"
    )


@pytest.mark.parametrize("tree", TREES)
def test_track_calls_them_fixed_and_half_fixed_without_the_demotion(
    tree: Path, tmp_path: Path
) -> None:
    file = tmp_path / TARGET
    file.parent.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", "-b", "master", tmp_path], check=True)
    before = (tree / TARGET).read_text()
    wanted: dict[str, object] = {}
    for ref, name in (("half", "move"), *zip(DESIGNS, DESIGNS, strict=True)):
        half = DESIGNS[name](before)
        file.write_text(half if ref == "half" else demoted(half))
        for command in (
            ["checkout", "--quiet", "-B", ref],
            ["add", "--all"],
            ["commit", "--quiet", "-m", ref],
        ):
            subprocess.run(["git", "-C", tmp_path, *command], check=True)
        means = (
            (State.HALF_FIXED, PathPlace.PREFIX)
            if ref == "half"
            else (State.FIXED, PathPlace.SUFFIX)
        )
        wanted[ref] = (*means, Overridable.YES, methods(name))
    found: dict[str, object] = {}
    for each in track(
        TrackRequest(refs=tuple(wanted), git_dir=tmp_path), progress=Steps()
    ).refs:
        assert each.reading is not None, each
        named = {
            component.name: component.methods for component in each.reading.components
        }
        found[each.name] = (
            each.reading.state,
            place_of(each.reading),
            each.reading.overridable,
            named,
        )
    assert found == wanted
