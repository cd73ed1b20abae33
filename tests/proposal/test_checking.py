"""`check DIR` of a lift: what its report says is proven again, and what was changed since is judged as it is now."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.progress import Steps
from tests.proposal.test_propose import NOTES, run, statuses
from toolkit import specimen
from toolkit.cache import VARIABLE
from toolkit.errors import ToolkitError, UsageError
from toolkit.lift.plan import Design
from toolkit.model import Depth, Report, Silence, SourceRequest, Status, Tier
from toolkit.proposal.checking import check
from toolkit.proposal.requests import CheckRequest
from toolkit.sources.changes import ChangeRequest


def again(directory: Path, **asked: object) -> Report:
    return check(CheckRequest(target="", directory=directory, **asked), progress=Silence())  # type: ignore[arg-type]


@pytest.fixture
def proposal(tmp_path: Path) -> Path:
    run(tmp_path / "out", "notes-server", design=Design.STAY)
    return tmp_path / "out"


@pytest.fixture
def edit(proposal: Path) -> Callable[[str, str], None]:
    """Return what changes the one mail of the proposal, as a contributor would."""
    (mail,) = (proposal / "series").iterdir()

    def change(before: str, after: str) -> None:
        text = mail.read_text()
        assert before in text
        mail.write_text(text.replace(before, after))

    return change


# Without a design it moves, and takes what it follows out of the let as well.
@pytest.mark.parametrize("design", [Design.STAY, Design.MOVE, None])
def test_the_same_is_proven_again_by_every_design(tmp_path: Path, design: Design | None) -> None:
    report = run(tmp_path / "out", "notes-server", design=design)
    found = again(tmp_path / "out")
    assert statuses(found) == statuses(report)
    assert [proof.covers for proof in found.proofs] == [proof.covers for proof in report.proofs]
    assert found.warnings == ()


def test_a_lift_of_some_bindings_is_made_again_without_asking_for_their_methods(tmp_path: Path) -> None:
    run(tmp_path / "out", "status-board", bindings=("theme",))
    progress = Steps()
    found = check(CheckRequest(target="", directory=tmp_path / "out"), progress=progress)
    assert found.proposal.bindings == ("theme",)
    assert not [step for step in progress.steps if step.startswith("asking")]


def test_a_link_that_leads_out_of_the_nixpkgs_is_said_again(tmp_path: Path) -> None:
    tree = shutil.copytree(specimen.path(), tmp_path / "nixpkgs")
    (tree / "pkgs/out").symlink_to("/etc")
    report = run(tmp_path / "out", "notes-server", str(tree), author="A <a@b.example>")
    assert len(report.warnings) == 1
    assert again(tmp_path / "out").warnings == report.warnings


def test_a_mail_that_rebuilds_by_now_fails(proposal: Path, edit: Callable[[str, str], None]) -> None:
    edit("\n+})\n", "\n+} // { changed = true; })\n")
    found = again(proposal)
    assert statuses(found)["no-rebuild"] is Status.FAILED


def test_a_mail_whose_message_is_another_is_proven_as_before(proposal: Path, edit: Callable[[str, str], None]) -> None:
    edit("Subject: [PATCH] ", "Subject: [PATCH] my own words: ")
    assert not again(proposal).failed


def test_an_overlay_that_was_changed_fails(proposal: Path) -> None:
    package = proposal / "overlay/notes-server/package.nix"
    package.write_text(package.read_text().replace('version = "', 'version = "9'))
    assert [proof.name for proof in again(proposal).failed] == ["overlay"]


@pytest.mark.parametrize("field", ["file", "target"])
@pytest.mark.parametrize("value", ["../../secret", "/etc", ".."])
def test_a_report_does_not_choose_what_is_read(proposal: Path, field: str, value: str) -> None:
    document = json.loads((proposal / "report.json").read_text())
    (proposal / "report.json").write_text(json.dumps({**document, field: value}))
    with pytest.raises(ToolkitError, match=f"field '{field}' is '{value}', which is no path in a nixpkgs"):
        again(proposal)


def test_only_the_named_proof_runs(proposal: Path) -> None:
    assert statuses(again(proposal, proofs=("readers",))) == {"readers": Status.PASSED}


def test_a_proposal_of_the_specimen_is_known_again_on_another_machine(
    proposal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "another"))
    found = again(proposal, proofs=("parse",))
    assert (found.proposal.source.origin, found.warnings) == ("the embedded specimen", ())


def test_the_nixpkgs_of_a_proposal_can_be_named_if_its_file_is_the_same(proposal: Path, tmp_path: Path) -> None:
    def named(nixpkgs: str) -> Report:
        return again(proposal, proofs=("applies",), change=ChangeRequest(source=SourceRequest(nixpkgs=nixpkgs)))

    (proof,) = named("specimen").proofs
    assert (proof.status, proof.covers.partition(",")[0]) == (Status.PASSED, "1 patch")
    other = shutil.copytree(specimen.path(), tmp_path / "other")
    (other / NOTES).write_text(f"# other\n{(other / NOTES).read_text()}")
    with pytest.raises(ToolkitError, match=rf"^{other}.*: its '{NOTES}' is not the one that report.json is about$"):
        named(str(other))


def test_a_nixpkgs_that_has_changed_since_is_not_asked(tmp_path: Path) -> None:
    tree = shutil.copytree(specimen.path(), tmp_path / "nixpkgs")
    run(tmp_path / "out", "notes-server", str(tree))
    (tree / NOTES).write_text(f"# other\n{(tree / NOTES).read_text()}")
    with pytest.raises(UsageError, match="is a file, not a whole nixpkgs"):
        again(tmp_path / "out")


def test_a_proposal_is_built_if_its_depth_asks_for_that(proposal: Path) -> None:
    depth = Depth(tier=Tier.BUILD, systems=("x86_64-linux",))
    assert statuses(again(proposal, depth=depth, proofs=("built-x86_64-linux",))) == {
        "built-x86_64-linux": Status.PASSED
    }


def test_a_directory_without_a_proposal_is_named_with_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match=r"report\.json") as caught:
        again(tmp_path)
    assert caught.value.hint == "'unlet propose' writes a proposal"
