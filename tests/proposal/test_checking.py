"""`check DIR` of a lift: it proves the report again, and judges later edits."""

import json
import shutil
from pathlib import Path

import pytest

from tests.progress import Steps
from tests.proposal.nixpkgs import ALONE, NOTES, Nixpkgs, run, statuses
from toolkit import specimen
from toolkit.cache import VARIABLE
from toolkit.errors import ToolkitError, UsageError
from toolkit.lift.plan import Design
from toolkit.model import Depth, Report, Silence, SourceRequest, Status, Tier
from toolkit.proposal.checking import check
from toolkit.proposal.requests import CheckRequest
from toolkit.sources.changes import ChangeRequest


def again(directory: Path, **asked: object) -> Report:
    request = CheckRequest(target="", directory=directory, **{"depth": ALONE, **asked})  # type: ignore[arg-type]
    return check(request, progress=Silence())


def edit(proposal: Path, before: str, after: str) -> None:
    """Change the one mail of the proposal, as a contributor would."""
    (mail,) = (proposal / "series").iterdir()
    text = mail.read_text()
    assert before in text
    mail.write_text(text.replace(before, after))


def refused(directory: Path, message: str) -> None:
    with pytest.raises(ToolkitError) as caught:
        again(directory)
    assert (caught.value.message, caught.value.hint) == (message, None)


# Without a design it moves, and takes what it follows out of the let as well.
@pytest.mark.parametrize("design", [Design.STAY, None])
def test_the_same_is_proven_again_by_every_design(
    tmp_path: Path, design: Design | None
) -> None:
    report = run(tmp_path / "out", design=design)
    found = again(tmp_path / "out")
    assert statuses(found) == statuses(report)
    assert [proof.covers for proof in found.proofs] == [
        proof.covers for proof in report.proofs
    ]
    assert found.warnings == ()


def test_a_lift_of_some_bindings_is_made_again_without_asking_for_their_methods(
    tmp_path: Path,
) -> None:
    run(tmp_path / "out", "status-board", bindings=("theme",))
    progress = Steps()
    request = CheckRequest(target="", directory=tmp_path / "out", proofs=("parse",))
    assert check(request, progress=progress).proposal.bindings == ("theme",)
    assert not [step for step in progress.steps if step.startswith("asking")]


def test_a_link_that_leads_out_of_the_nixpkgs_is_said_again(nixpkgs: Nixpkgs) -> None:
    (nixpkgs.root / "pkgs/out").symlink_to("/etc")
    report = nixpkgs.propose()
    assert len(report.warnings) == 1
    assert again(nixpkgs.out, proofs=("parse",)).warnings == report.warnings


def test_a_mail_that_rebuilds_by_now_fails(proposal: Path) -> None:
    edit(proposal, "\n+})\n", "\n+} // { changed = true; })\n")
    assert statuses(again(proposal))["no-rebuild"] is Status.FAILED


def test_another_message_of_a_mail_is_proven_and_a_changed_overlay_fails(
    proposal: Path,
) -> None:
    edit(proposal, "Subject: [PATCH] ", "Subject: [PATCH] my own words: ")
    assert not again(proposal).failed
    package = proposal / "overlay/notes-server/package.nix"
    package.write_text(package.read_text().replace('version = "', 'version = "9'))
    assert [proof.name for proof in again(proposal).failed] == ["overlay"]


@pytest.mark.parametrize("field", ["file", "target"])
@pytest.mark.parametrize("value", ["../../secret", "/etc", ".."])
def test_a_report_does_not_choose_what_is_read(
    proposal: Path, field: str, value: str
) -> None:
    document = json.loads((proposal / "report.json").read_text())
    (proposal / "report.json").write_text(json.dumps({**document, field: value}))
    with pytest.raises(
        ToolkitError,
        match=f"field '{field}' is '{value}', which is not a path in a nixpkgs",
    ):
        again(proposal)


def test_a_proposal_of_the_specimen_is_known_again_on_another_machine(
    proposal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "another"))
    found = again(proposal, proofs=("readers",))
    assert (found.proposal.source.origin, found.warnings) == (
        "the embedded specimen",
        (),
    )
    assert statuses(found) == {"readers": Status.PASSED}


def test_the_nixpkgs_of_a_proposal_can_be_named_if_its_file_is_the_same(
    proposal: Path, nixpkgs: Nixpkgs
) -> None:
    def named(place: str) -> Report:
        return again(
            proposal,
            proofs=("applies",),
            change=ChangeRequest(source=SourceRequest(nixpkgs=place)),
        )

    (proof,) = named("specimen").proofs
    assert (proof.status, proof.covers.partition(",")[0]) == (Status.PASSED, "1 patch")
    nixpkgs.write(NOTES, f"# other\n{nixpkgs.text()}")
    fact = f"its '{NOTES}' is not the version for which report.json was written"
    with pytest.raises(ToolkitError, match=rf"^{nixpkgs.root}.*: {fact}$"):
        named(str(nixpkgs.root))


def test_files_of_different_proposals_are_named(nixpkgs: Nixpkgs) -> None:
    nixpkgs.propose()
    out, spoiled = nixpkgs.out, nixpkgs.out.with_name("spoiled")
    (mail,) = (shutil.copytree(out, spoiled) / "series").iterdir()
    mail.write_text(mail.read_text().replace("\n-  ", "\n-  not "))
    refused(spoiled, f"{mail}: does not apply to this nixpkgs: patch failed: {NOTES}:5")
    mail.unlink()
    refused(spoiled, f"{spoiled / 'series'}: has 0 commits, but report.json lists 1")
    report = spoiled / "report.json"
    document = json.loads(report.read_text())
    report.write_text(json.dumps({**document, "commits": []}))
    refused(spoiled, f"{report}: has 0 commits, but report.json lists 1")
    report.write_text(json.dumps({**document, "target": "docker"}))
    path = "pkgs/applications/virtualization/docker/default.nix"
    refused(spoiled, f"{report}: field 'file' must be '{path}', but is '{NOTES}'")
    # Of a nixpkgs that has changed nothing is asked; of one that is gone, the file is
    # that of the overlay.
    nixpkgs.write(NOTES, f"# other\n{nixpkgs.text()}")
    with pytest.raises(UsageError, match="is one file, but this needs a whole nixpkgs"):
        again(out)
    shutil.rmtree(nixpkgs.root)
    package = out / "overlay/notes-server/package.nix"
    package.write_text(f"{package.read_text()}# more\n")
    refused(
        out,
        f"{out}: upstream.diff and overlay/ do not match the file in report.json",
    )


def test_a_nixpkgs_that_is_gone_is_the_file_of_the_overlay_without_the_change(
    nixpkgs: Nixpkgs,
) -> None:
    nixpkgs.propose("docker", only=("demote",))
    shutil.rmtree(nixpkgs.root)
    found = again(nixpkgs.out, proofs=("parse", "applies"))
    assert not found.failed
    path = "pkgs/applications/virtualization/docker/default.nix"
    assert found.proposal.source.content == (specimen.path() / path).read_bytes()
    assert found.warnings[0].startswith(
        "the source is not available, so unlet took the file from the proposal"
    )
    with pytest.raises(UsageError, match="is one file, but this needs a whole nixpkgs"):
        again(nixpkgs.out, depth=Depth(whole=True))
    for file in (nixpkgs.out / "overlay").rglob("default.nix"):
        file.write_text(file.read_text().replace("dockerGen", "dockerMake"))
    with pytest.raises(ToolkitError):
        again(nixpkgs.out)


def test_a_proposal_is_built_if_its_depth_asks_for_that(proposal: Path) -> None:
    depth = Depth(tier=Tier.BUILD, systems=("x86_64-linux",))
    assert statuses(again(proposal, depth=depth, proofs=("built-x86_64-linux",))) == {
        "built-x86_64-linux": Status.PASSED
    }


def test_a_directory_without_a_proposal_is_named_with_what_writes_one(
    tmp_path: Path,
) -> None:
    with pytest.raises(ToolkitError, match=r"report\.json") as caught:
        again(tmp_path)
    assert caught.value.hint == "'unlet propose' writes a proposal"
