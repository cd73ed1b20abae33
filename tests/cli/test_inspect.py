from __future__ import annotations

import json
from typing import TYPE_CHECKING

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
    assert imported.isdisjoint({"concurrent.futures", "toolkit.documents", "toolkit.model", "toolkit.nix.stores"})


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
