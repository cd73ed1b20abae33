"""Eight ways to lift the components, and whether `check --patch`, `track` sees in each what it does."""

import difflib
import subprocess
from pathlib import Path

import pytest

from tests.designs import COMPONENTS, DESIGNS, METHODS, demoted
from tests.progress import Steps
from tests.trees import trees
from toolkit import specimen
from toolkit.docker import PathPlace
from toolkit.docker.claims import catalogue as claims
from toolkit.docker.meaning import place_of
from toolkit.model import Report, SourceRequest, Status
from toolkit.proposal.checking import check
from toolkit.proposal.requests import CheckRequest
from toolkit.sources.changes import ChangeRequest
from toolkit.track.readings import Overridable, Reading, State
from toolkit.track.refs import TrackRequest, track

TARGET = "pkgs/applications/virtualization/docker/default.nix"
TREES = [pytest.param(specimen.path(), id="specimen"), *trees(having="pkgs/by-name")]
OF_ATTRIBUTES = ("move", "both", "final-small")
CAPTURED = "parameter"
"""The design that takes a component from the package set."""


@pytest.fixture
def before(tree: Path) -> str:
    return (tree / TARGET).read_text()


def judged(tree: Path, before: str, after: str, directory: Path) -> Report:
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    patch = directory / "theirs.patch"
    patch.write_text("".join(difflib.unified_diff(old, new, f"a/{TARGET}", f"b/{TARGET}")))
    return check(
        CheckRequest(target="docker", change=ChangeRequest(patch=patch, source=SourceRequest(nixpkgs=str(tree)))),
        progress=Steps(),
    )


def tracked(text: str, directory: Path) -> Reading:
    file = directory / "clone" / TARGET
    file.parent.mkdir(parents=True)
    file.write_text(text)
    for command in (["init", "-b", "master"], ["add", "--all"], ["commit", "-m", "docker"]):
        subprocess.run(["git", *command], cwd=directory / "clone", check=True, capture_output=True)
    answer = track(TrackRequest(refs=("master",), git_dir=directory / "clone"), progress=Steps())
    (ref,) = answer.refs
    assert ref.reading is not None, ref
    return ref.reading


def methods(name: str) -> dict[str, tuple[str, ...]]:
    return {each: tuple(method.replace("NAME", each) for method in METHODS[name](each)) for each in COMPONENTS}


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("tree", TREES)
class TestDesign:
    def test_patch_passes_and_its_method_is_named(self, tree: Path, before: str, name: str, tmp_path: Path) -> None:
        report = judged(tree, before, DESIGNS[name](before), tmp_path)
        found = {proof.name: proof for proof in report.proofs}
        if name == CAPTURED:
            assert {"capture-safe", "readers"} <= {proof.name for proof in report.failed}
            return
        expected = {claim.name: "passed" for claim in claims.CLAIMS}
        expected |= dict.fromkeys(("format", "overlay", "exact-change"), "not run")
        assert {proof.name: str(proof.status) for proof in report.proofs} == expected
        assert found["exact-change"].reason == "because the patch leaves the wrapper's PATH as it is"
        shown = found["overridable"].found or ""
        assert shown.startswith("by overrideAttrs " if name in OF_ATTRIBUTES else "by override { ")
        assert shown.endswith("(before: in part)" if name in OF_ATTRIBUTES[:2] else "(before: none)")

    def test_track_calls_it_fixed(self, before: str, name: str, tmp_path: Path) -> None:
        half = DESIGNS[name](before)
        for number, (text, state, place) in enumerate(
            (
                (half, State.HALF_FIXED, PathPlace.PREFIX),
                (demoted(half), State.FIXED, PathPlace.SUFFIX),
            )
        ):
            directory = tmp_path / str(number)
            directory.mkdir()
            reading = tracked(text, directory)
            assert (reading.state, reading.overridable, place_of(reading)) == (state, Overridable.YES, place)
            assert {each.name: each.methods for each in reading.components} == methods(name)


@pytest.mark.parametrize("name", ["move", "hidden", CAPTURED])
@pytest.mark.parametrize("tree", TREES)
def test_patch_that_also_demotes_is_proven_by_what_it_changes(
    tree: Path, before: str, name: str, tmp_path: Path
) -> None:
    report = judged(tree, before, demoted(DESIGNS[name](before)), tmp_path)
    failed = {proof.name for proof in report.failed}
    if name == CAPTURED:
        assert {"capture-safe", "exact-change"} <= failed
        return
    assert not failed
    (exact,) = (proof for proof in report.proofs if proof.name == "exact-change")
    assert exact.status is Status.PASSED
