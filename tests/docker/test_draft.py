import json
import subprocess
from pathlib import Path

from msgspec.structs import replace

from tests.report.conftest import report
from toolkit.docker.overlay import overlay_files
from toolkit.git import reading
from toolkit.git.reading import EXECUTABLE, TreeFile
from toolkit.model import Report

__all__ = ["report"]


def test_overlay_gives_every_release_from_the_patched_file(report: Report, tmp_path: Path) -> None:
    commits = (replace(report.proposal.commits[0], after=b'{ hello }: { docker_28 = "old"; docker_29 = hello; }\n'),)
    proposal = replace(report.proposal, commits=commits)
    beside = {"update.sh": TreeFile(content=b"#!/bin/sh\n")}
    for name, file in overlay_files(proposal, releases=("docker_28", "docker_29"), siblings=beside).items():
        reading.write_file(tmp_path / name, file)
    expression = f"""
      let overlay = import {tmp_path} {{ callPackage = file: _: import file {{ hello = "new"; }}; }} {{ }}; in overlay
    """
    said = subprocess.run(
        ["nix-instantiate", "--store", "dummy://", "--eval", "--strict", "--json", "-E", expression],
        check=True,
        capture_output=True,
    )
    assert json.loads(said.stdout) == {"docker_28": "old", "docker_29": "new"}


def test_overlay_holds_the_patched_file_and_what_it_refers_to(report: Report) -> None:
    beside = {"update.sh": TreeFile(content=b"#!/bin/sh\n"), "hook": TreeFile(content=b"x", mode=EXECUTABLE)}
    written = overlay_files(report.proposal, releases=("docker_29",), siblings=beside)
    assert set(written) == {"default.nix", "docker/hook", "docker/default.nix", "docker/update.sh"}
    assert written["docker/default.nix"].content == report.proposal.commits[-1].after
    assert {name for name, file in written.items() if file.mode == EXECUTABLE} == {"docker/hook"}


def test_comment_names_commit_use_and_cost(report: Report) -> None:
    text = overlay_files(report.proposal, releases=("docker_29",), siblings={})["default.nix"].content.decode()
    for part in (f"at commit {'4' * 40}", "overlays = [ (import ./overlay) ]", "are compiled"):
        assert part in text


def test_origin_of_several_lines_stays_in_the_comment(report: Report) -> None:
    source = replace(report.proposal.source, commit=None, origin="a\nb }; evil")
    text = overlay_files(replace(report.proposal, source=source), releases=("docker_29",), siblings={})[
        "default.nix"
    ].content.decode()
    assert "# Made for nixpkgs as in a b }; evil.\n" in text
