"""The claims about a target beside a review's judgement, or why there are none."""

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import pytest

from tests import specimens
from tests.diffs import diff
from tests.proposal.nixpkgs import NOTES, Nixpkgs, statuses
from toolkit import specimen
from toolkit.errors import LimitError
from toolkit.judge import SYSTEMS, JudgeRequest
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.rewriting import lift
from toolkit.model import Report, Silence, SourceRequest, Status
from toolkit.nix import limits
from toolkit.nix.limits import Allowance
from toolkit.process import Command, Completed
from toolkit.proposal.checking import Review, review
from toolkit.proposal.requests import CheckRequest
from toolkit.sources.changes import ChangeRequest

DOCKER = "pkgs/applications/virtualization/docker/default.nix"
NATIVE = "x86_64-linux"
LIFTED = lift(
    (specimen.path() / NOTES).read_text(),
    LiftWay(design=Design.STAY),
    name="package.nix",
).text
UNLIFTED = (specimen.path() / DOCKER).read_text().replace("# TODO", "# To do", 1)
FIXED = (specimens.path("states/fixed") / DOCKER).read_text()


def patch(path: Path, file: str, after: str) -> Path:
    path.write_text(diff(file, (specimen.path() / file).read_text(), after))
    return path


@pytest.fixture
def reviewed(tmp_path: Path) -> Callable[..., Review]:
    def of(
        file: str, after: str, *, on: tuple[str, ...] = (NATIVE,), **more: object
    ) -> Review:
        theirs = patch(tmp_path / "theirs.diff", file, after)
        asked = ChangeRequest(patch=theirs, source=SourceRequest(nixpkgs="specimen"))
        request = CheckRequest(change=asked, judging=JudgeRequest(systems=on), **more)  # type: ignore[arg-type]
        found = review(request, progress=Silence())
        assert isinstance(found, Review)
        return found

    return of


def test_without_a_target_or_with_another_one_there_is_the_judgement_alone(
    reviewed: Callable[..., Review],
) -> None:
    for target, notes in (
        ("", ()),
        ("docker", ("docker: the change does not touch its file",)),
    ):
        found = reviewed(str(NOTES), LIFTED, target=target)
        assert (found.report, found.notes) == (None, notes)
        assert found.judgement is not None
        assert found.judgement.asked > 0
        assert found.judgement.systems == (NATIVE,)


def test_the_claims_about_a_package_are_judged_on_the_systems_of_the_judge(
    reviewed: Callable[..., Review],
) -> None:
    asked = {
        "target": "notes-server",
        "bindings": ("web-ui",),
        "proofs": ("overridable",),
    }
    found = reviewed(str(NOTES), LIFTED, on=("aarch64-linux", "cross"), **asked)
    assert found.judgement is not None
    assert found.report is not None
    assert found.report.proposal.package == "notes-server"
    assert found.report.proposal.bindings == ("web-ui",)
    (proof,) = found.report.proofs
    assert proof.status is Status.PASSED
    assert proof.covers.endswith("on aarch64-linux")
    assert proof.claim.endswith("on aarch64-linux")


def test_all_systems_of_the_judge_are_all_of_the_package(
    reviewed: Callable[..., Review],
) -> None:
    found = reviewed(
        str(NOTES), LIFTED, target="notes-server", on=SYSTEMS, proofs=("overridable",)
    )
    assert found.report is not None
    (proof,) = found.report.proofs
    assert "on" not in proof.claim.split()[-2:]
    assert f"{NATIVE}, aarch64-linux, aarch64-darwin" in proof.covers


def test_the_claims_of_a_target_with_a_leaf_are_judged_if_its_file_is_changed(
    reviewed: Callable[..., Review],
) -> None:
    found = reviewed(DOCKER, FIXED, target="docker", proofs=("overridable",))
    assert found.judgement is not None
    assert found.report is not None
    assert (found.report.proposal.package, found.notes) == ("docker", ())
    assert statuses(found.report)["overridable"] is Status.PASSED


@pytest.mark.parametrize(
    ("target", "after", "note"),
    [
        ("docker", UNLIFTED, "docker: neither commit changes anything"),
        ("docker", "", "docker: the change moves, adds or deletes its file"),
        (
            "notes-server",
            "",
            (
                "notes-server: the proofs did not run, because theirs.diff: deletes "
                f"'{NOTES}'"
            ),
        ),
    ],
)
def test_why_the_claims_of_a_target_are_not_judged_is_a_note(
    reviewed: Callable[..., Review], target: str, after: str, note: str
) -> None:
    found = reviewed(DOCKER if target == "docker" else str(NOTES), after, target=target)
    assert found.judgement is not None
    assert found.report is None
    (line,) = found.notes
    assert line.startswith(note)
    assert "None" not in line


def test_file_without_a_nixpkgs_has_the_claims_alone(
    tmp_path: Path, nixpkgs: Nixpkgs
) -> None:
    (nixpkgs.root / "lib/default.nix").unlink()
    theirs = patch(tmp_path / "theirs.diff", DOCKER, FIXED)
    asked = ChangeRequest(patch=theirs, source=SourceRequest(nixpkgs=str(nixpkgs.root)))
    found = review(CheckRequest(change=asked, proofs=("parse",)), progress=Silence())
    assert isinstance(found, Report)
    assert found.proposal.package == "docker"


@pytest.mark.clock
def test_the_judge_and_the_claims_have_the_time_of_an_attribute_together(
    reviewed: Callable[..., Review], monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[float] = []
    execute = Allowance.execute

    def observed(
        self: Allowance, command: Command, things: Sequence[Hashable], *, mark: str
    ) -> Completed:
        left = [
            self.left(thing) for thing in things if thing == (NATIVE, ("notes-server",))
        ]
        try:
            return execute(self, command, things, mark=mark)
        except LimitError:
            late.extend(left)
            raise

    monkeypatch.setattr(Allowance, "execute", observed)
    endless = (
        'pname = let f = n: if n == 0 then "" else f (n - 1) + f (n - 1); in f 60;'
    )
    text = LIFTED.replace('pname = "notes-server";', endless)
    with limits.allowing(2.0, None):
        found = reviewed(str(NOTES), text, target="notes-server")
    assert found.judgement is not None
    assert {each.attribute for each in found.judgement.unknown} >= {"notes-server"}
    assert len(late) > 1
    assert [left > 0 for left in late].count(True) == 1
