from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.docker.conftest import drafted
from tests.dockers import docker
from tests.progress import Steps
from toolkit.docker.overlay_kinds import overlay_files
from toolkit.errors import RefusalError, UsageError
from toolkit.model import Commit, Depth, SourceRequest, Status, Tier
from toolkit.proposal.proposing import overlay

PLACE = ", in the specimen's package set"
SPECIMEN = SourceRequest(nixpkgs="specimen")
ROOT = Path(__file__).parents[2]


def names(directory: Path) -> list[str]:
    return sorted(
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file()
    )


def test_rewrap_is_the_overlay_and_the_module_of_this_project(tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = overlay(docker(source=SPECIMEN, out=out), progress=Steps())
    assert (
        names(out)
        == list(report.files)
        == ["default.nix", "privileged-ports.nix", "report.json", "rewrap.nix"]
    )
    for name in ("rewrap.nix", "privileged-ports.nix"):
        assert (out / name).read_bytes() == (ROOT / "overlays" / name).read_bytes()
    assert (out / "default.nix").read_text() == "import ./rewrap.nix\n"
    assert [(proof.name, proof.status) for proof in report.proofs] == [
        ("keeps", Status.PASSED),
        ("builds", Status.PASSED),
    ]


def test_dockers_of_a_system_are_compared(tmp_path: Path) -> None:
    request = docker(
        source=SPECIMEN, out=tmp_path / "out", depth=Depth(systems=("aarch64-linux",))
    )
    proof, _ = overlay(request, progress=Steps()).proofs
    assert (proof.name, proof.status, proof.covers) == (
        "keeps",
        Status.PASSED,
        f"3 docker packages, aarch64-linux{PLACE}",
    )


def test_tier_in_which_docker_is_built_is_refused(tmp_path: Path) -> None:
    request = docker(
        source=SPECIMEN, out=tmp_path / "out", depth=Depth(tier=Tier.BUILD)
    )
    with pytest.raises(
        UsageError,
        match="--tier build: does not apply, because this overlay builds nothing of docker",
    ):
        overlay(request, progress=Steps())


def test_nothing_is_said_of_a_wrapper_that_is_made_otherwise(tmp_path: Path) -> None:
    text = (
        ROOT
        / "toolkit/specimen/29.6/pkgs/applications/virtualization/docker/default.nix"
    ).read_text()
    file = tmp_path / "default.nix"
    file.write_text(
        text.replace('--prefix PATH : "$out/libexec/docker:$extraPath:', '--set PATH "')
    )
    request = docker(source=SourceRequest(file=file), out=tmp_path / "out")
    with pytest.raises(
        RefusalError,
        match=r"no dockerd-rootless wrapper has rootlesskit in its PATH prefix "
        r"\(unknown\)",
    ):
        overlay(request, progress=Steps())


def test_file_alone_is_enough(tmp_path: Path) -> None:
    file = (
        ROOT
        / "tests/specimens/20.10.14/pkgs/applications/virtualization/docker/default.nix"
    )
    report = overlay(
        docker(source=SourceRequest(file=file), out=tmp_path / "out"), progress=Steps()
    )
    assert {proof.status for proof in report.proofs} == {Status.PASSED}


def test_origin_of_several_lines_stays_in_the_comment() -> None:
    case = drafted().case()
    source = replace(case.source, commit=None, origin="a\nb }; evil")
    commit = Commit(
        subject="docker: lift",
        body="",
        before=case.before.content,
        after=case.after.content,
    )
    text = overlay_files(replace(case, source=source, commits=(commit,)))[
        "default.nix"
    ].content.decode()
    assert "# Made for nixpkgs as in a b }; evil.\n" in text
