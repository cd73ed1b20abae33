from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from toolkit import specimen

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Unlet


def test_layout_is_told_in_plain_lines(unlet: Unlet, docker_nix: Path) -> None:
    done = unlet("inspect", docker_nix)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{docker_nix}: not fixed: ")
    for part in ("docker-containerd  let, line ", "rootlesskit        prefix, line ", "TODO               line "):
        assert part in done.stdout


def test_what_only_other_commands_need_is_not_imported(unlet: Unlet, docker_nix: Path) -> None:
    done = unlet("inspect", docker_nix, PYTHONPROFILEIMPORTTIME="1", PYTHONWARNINGS="")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "toolkit.docker.meaning" in imported
    assert imported.isdisjoint(
        {"requests", "git", "jinja2", "rich", "toolkit.judge", "toolkit.pr", "toolkit.track.tracking"}
    )


def test_json_has_one_entry_a_file_and_is_the_same_before_and_after_the_command(unlet: Unlet, docker_nix: Path) -> None:
    after = unlet("inspect", docker_nix, docker_nix, "--json")
    before = unlet("--json", "inspect", docker_nix, docker_nix)
    assert after.stdout == before.stdout
    first, second = json.loads(after.stdout)["files"]
    assert first == second
    assert {component["name"] for component in first["components"]} >= {"moby", "docker-runc"}
    assert first["rootlesskit"] == "prefix"


def test_graph_is_printed_alone(unlet: Unlet, docker_nix: Path) -> None:
    done = unlet("inspect", "--graph", "mermaid", docker_nix)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("%% ")
    assert "moby" in done.stdout


def test_package_is_inspected_by_nix(unlet: Unlet) -> None:
    done = unlet("inspect", "notes-server", "--nixpkgs", "specimen")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "notes-server: pkgs/by-name/no/notes-server/package.nix, 4.2.0",
        "  web-ui  let, line 18  stdenv.mkDerivation  hidden",
        "  overrides that have an effect on the build:",
        "    web-ui  none",
        "  decided by Nix's evaluation for x86_64-linux",
    ]


def test_overrides_that_work_are_named_and_drawn(unlet: Unlet) -> None:
    tree = unlet.cwd / "tree"
    shutil.copytree(specimen.path(), tree)
    assert unlet("propose", "notes-server", "--nixpkgs", tree, "--out", "lifted").returncode == 0
    subprocess.run(["git", "apply", "../lifted/upstream.diff"], cwd=tree, check=True)
    (part,) = json.loads(unlet("inspect", "notes-server", "--nixpkgs", tree, "--json").stdout)["packages"][0]["parts"]
    assert (part["name"], part["reached"]) == ("web-ui", True)
    (door,) = part["doors"]
    drawn = unlet("inspect", "notes-server", "--nixpkgs", tree, "--graph").stdout
    assert 'subgraph reached["within reach of an override"]' in drawn
    assert f'(["{door}"]) -.-> p0' in drawn


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("notes-server",), 2, "name one with --nixpkgs"),
        (("notes-server", "--nixpkgs", "specimen", "--path"), 2, "PACKAGE and --path exclude each other"),
        (("nots-server", "--nixpkgs", "specimen"), 3, "nots-server: "),
    ],
)
def test_package_that_cannot_be_inspected_is_one_line(
    unlet: Unlet, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = unlet("inspect", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
