"""The flake: it names what pyproject.toml names, and each nixpkgs that is given has that."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.overlays.test_nixos import EXAMPLES
from tests.trees import trees
from toolkit import __version__, documents
from toolkit.errors import CommandError
from toolkit.nix import evaluator

EXPRESSION = Path(__file__).with_name("flake.nix")
PROJECT = tomllib.loads((EXPRESSION.parents[1] / "pyproject.toml").read_text())
SYSTEM = "x86_64-linux"
AST_GREP = "pkgs/development/python-modules/ast-grep-py"

# Not in nixpkgs; of mutmut it has the program, not the package that the tests import.
ABSENT = {"import-linter", "mutmut"}
# Not of Python's packages there.
PROGRAMS = {"pyright", "ruff"}
# Named by no file for Python.
OTHERS = {"git", "nix", "nixfmt", "shellcheck"}


def requirements(lines: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(each.name): each for each in map(Requirement, lines)}


NEEDED = requirements(PROJECT["project"]["dependencies"])
DEVELOPMENT = requirements(PROJECT["dependency-groups"]["dev"])


def outputs(
    names: set[str],
    tree: Path | str = "",
    *,
    example: Path | str = "",
    attribute: str | None = None,
) -> dict[str, Any]:
    arguments = {
        "tree": str(tree),
        "names": json.dumps(sorted(names)),
        "example": str(example),
    }
    answer = evaluator.evaluate(EXPRESSION, arguments, attribute=attribute)
    return documents.convert(answer, dict[str, Any], document="flake.nix")


def test_package_and_shell_have_what_the_project_names() -> None:
    python = NEEDED.keys() | DEVELOPMENT.keys() - ABSENT - PROGRAMS
    found = outputs(python)
    assert set(found["package"]) == NEEDED.keys()
    assert set(found["shell"]) == python | PROGRAMS | OTHERS
    assert found["version"] == __version__
    assert found["meta"]["description"] == PROJECT["project"]["description"]
    assert {"homepage", "changelog", "license", "mainProgram"} <= found["meta"].keys()


@pytest.mark.parametrize("tree", trees(having=AST_GREP))
def test_all_outputs_evaluate_with_a_real_nixpkgs(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "flake.nix").write_text(EXAMPLES["flake.nix"])
    machine = '{ boot.isContainer = true; system.stateVersion = "25.11"; }'
    (tmp_path / "configuration.nix").write_text(machine)
    found = outputs(set(NEEDED), tree, example=tmp_path / "flake.nix")
    systems = ["aarch64-darwin", "aarch64-linux", "x86_64-linux"]
    assert sorted(found["package"]) == sorted(found["shell"]) == systems
    versions = found["versions"]
    assert [
        str(each)
        for name, each in NEEDED.items()
        if versions[name] not in each.specifier
    ] == []
    assert found["rewrapped"]
    assert (found["wrappers"], found["failed"]) == (["docker-rootlesskit"], [])


@pytest.mark.parametrize("tree", trees(having=AST_GREP))
def test_package_is_one_of_nixpkgs(tree: Path, tmp_path: Path) -> None:
    file = EXPRESSION.parents[1] / "package.nix"
    added = file.read_text().splitlines(keepends=True)
    (tmp_path / "add.diff").write_text(
        "--- /dev/null\n+++ b/pkgs/by-name/un/unlet/package.nix\n"
        f"@@ -0,0 +1,{len(added)} @@\n{''.join(f'+{line}' for line in added)}"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "toolkit",
            "check",
            "--patch",
            "add.diff",
            "--nixpkgs",
            tree,
            "--system",
            SYSTEM,
            "--json",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(EXPRESSION.parents[1])},
        stdout=subprocess.PIPE,
        check=True,
    )
    judged = json.loads(done.stdout)
    assert [change["what"] for change in judged["changes"]] == ["is new"]
    assert judged["unknown"] == []


@pytest.mark.parametrize("tree", trees(having=AST_GREP))
def test_nix_flake_check_accepts_every_output(tree: Path, tmp_path: Path) -> None:
    root, flake = EXPRESSION.parents[1], tmp_path / "flake"
    for name in subprocess.check_output(
        ["git", "-C", root, "ls-files", "-z"], encoding="utf-8"
    ).split("\0")[:-1]:
        if (root / name).is_file():
            (flake / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, flake / name)
    # A tree without its largest file cannot make nixfmt.
    legible = (
        "(if pkgs.haskellPackages ? safe-exceptions then pkgs.nixfmt else pkgs.hello)"
    )
    (flake / "flake.nix").write_text(
        (flake / "flake.nix").read_text().replace("pkgs.nixfmt", legible)
    )
    settings = (
        "--extra-experimental-features",
        "nix-command flakes",
        "--option",
        "substituters",
        "",
    )
    checking = (
        "flake",
        "check",
        "--no-build",
        "--no-write-lock-file",
        "--store",
        tmp_path / "store",
    )
    done = subprocess.run(
        [
            "nix",
            *settings,
            *checking,
            "--override-input",
            "nixpkgs",
            f"path:{tree}",
            f"path:{flake}",
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "checks.x86_64-linux.version" in done.stderr


@pytest.mark.parametrize("tree", trees(lacking=AST_GREP))
def test_nixpkgs_that_is_too_old_is_told_the_release_to_take(tree: Path) -> None:
    with pytest.raises(CommandError) as caught:
        outputs(set(), tree, attribute="package.x86_64-linux")
    assert (
        "no python3Packages.ast-grep-py: take that of NixOS 25.11 or newer"
        in caught.value.stderr
    )
