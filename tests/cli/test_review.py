"""`unlet check` about a change: what it prints, and how it ends."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema  # type: ignore[import-untyped]
import pytest

from toolkit import specimen

if TYPE_CHECKING:
    from tests.cli.conftest import Unlet

NOTES = "pkgs/by-name/no/notes-server/package.nix"
NATIVE = ("--system", "x86_64-linux")
SCHEMA = Path(__file__).parents[2] / "docs/schema/judgement.json"


def git(clone: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(clone), *words], check=True, capture_output=True)


@pytest.fixture
def clone(unlet: Unlet) -> Path:
    shutil.copytree(specimen.path(), unlet.cwd, dirs_exist_ok=True)
    git(unlet.cwd, "init", "--quiet", "--initial-branch=master")
    git(unlet.cwd, "add", "--all")
    git(unlet.cwd, "commit", "--quiet", "--message=base")
    return unlet.cwd


def edit(clone: Path, old: str, new: str) -> None:
    text = (clone / NOTES).read_text()
    assert old in text
    (clone / NOTES).write_text(text.replace(old, new, 1))


def test_a_refactoring_is_the_same(unlet: Unlet, clone: Path) -> None:
    edit(clone, "let\n", "let\n  unused = 1;\n")
    done = unlet("check", "--expect", "same", *NATIVE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "1 remark (asked 1 attribute of 1 file)"


def test_a_damage_fails_what_is_expected_and_nothing_else(unlet: Unlet, clone: Path) -> None:
    edit(clone, "    platforms = lib.platforms.all;\n", "")
    assert unlet("check", *NATIVE).returncode == 0
    done = unlet("check", "--expect", "same", *NATIVE, "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    (damage,) = [each for each in document["changes"] if each["weight"] == "damage"]
    assert (damage["kind"], damage["attribute"], damage["what"]) == ("meta", "notes-server", "meta.platforms is gone")
    assert unlet("check", "--expect", "no-rebuild", *NATIVE).returncode == 0


def test_what_no_longer_evaluates_fails_by_itself_with_the_reason(unlet: Unlet, clone: Path) -> None:
    edit(clone, "buildInputs = [ curl ];", 'buildInputs = throw "no curl here";')
    done = unlet("check", *NATIVE)
    assert done.returncode == 1
    assert "no curl here" in done.stdout


def test_a_range_has_a_line_for_each_commit(unlet: Unlet, clone: Path) -> None:
    edit(clone, "let\n", "# A comment.\nlet\n")
    git(clone, "commit", "--quiet", "--all", "--message=notes-server: comment")
    edit(clone, "echo notes", "echo others")
    git(clone, "commit", "--quiet", "--all", "--message=notes-server: others")
    done = unlet("check", "HEAD~2..HEAD", *NATIVE)
    assert done.returncode == 0
    lines = [line for line in done.stdout.splitlines() if line.startswith("commit")]
    assert [line.partition(" ")[2].split(" ", 2)[2] for line in lines] == [
        "notes-server: comment: rebuilds nothing",
        "notes-server: others: rebuilds 1",
    ]


def test_a_comment_is_short_and_says_what_made_it(unlet: Unlet, clone: Path) -> None:
    edit(clone, "echo notes", "echo others")
    done = unlet("check", "--comment", *NATIVE)
    lines = done.stdout.splitlines()
    assert len(lines) <= 25
    assert lines[0].startswith("**1 change")
    assert str(clone) not in done.stdout
    assert "not yet read by a person" in lines[-1]


def test_documents_have_nothing_to_evaluate(unlet: Unlet, clone: Path) -> None:
    (clone / "README.md").write_text("# Read me\n")
    done = unlet("check", "--expect", "same", *NATIVE)
    assert done.returncode == 0
    assert done.stdout.startswith("same: nothing to evaluate")
