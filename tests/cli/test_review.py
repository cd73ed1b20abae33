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
    assert done.stdout.splitlines()[0] == "same, 1 remark (asked 1 attribute of 1 file)"


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


def refusal(unlet: Unlet, *words: str) -> str:
    """Return the one line that says why a change is not judged."""
    done = unlet("check", *words, *NATIVE)
    assert (done.returncode, done.stdout) == (3, "")
    first, *hints = done.stderr.splitlines()
    assert all(line.startswith("hint: ") for line in hints)
    return first


def test_a_merge_commit_is_refused_in_one_line(unlet: Unlet, clone: Path) -> None:
    git(clone, "checkout", "--quiet", "-b", "side")
    edit(clone, "echo notes", "echo others")
    git(clone, "commit", "--quiet", "--all", "--message=others")
    git(clone, "checkout", "--quiet", "master")
    git(clone, "commit", "--quiet", "--allow-empty", "--message=empty")
    git(clone, "merge", "--quiet", "--no-ff", "--message=both", "side")
    assert "is a merge commit ('both')" in refusal(unlet, "HEAD~1..HEAD")


def test_a_submodule_is_refused_in_one_line(unlet: Unlet, clone: Path) -> None:
    head = subprocess.run(["git", "-C", str(clone), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    git(clone, "update-index", "--add", "--cacheinfo", f"160000,{head.stdout.strip()},pkgs/module")
    git(clone, "commit", "--quiet", "--message=module")
    assert "'pkgs/module' is a submodule, which has nothing to evaluate" in refusal(unlet, "HEAD~1..HEAD")


def test_a_patch_that_does_not_apply_is_refused_in_one_line(unlet: Unlet, clone: Path) -> None:
    text = (clone / NOTES).read_text()
    edit(clone, "echo notes", "echo others")
    diff = subprocess.run(["git", "-C", str(clone), "diff"], capture_output=True, check=True).stdout
    patch = clone.parent / "theirs.diff"
    patch.write_bytes(diff.replace(b"echo notes", b"echo nothing"))
    (clone / NOTES).write_text(text)
    assert "does not apply" in refusal(unlet, "--patch", str(patch), "--nixpkgs", str(clone))


def test_a_binary_file_is_judged_by_what_it_is_part_of(unlet: Unlet, clone: Path) -> None:
    edit(clone, 'sourceRoot = "web";', "logo = ./logo.png;")
    logo = (clone / NOTES).with_name("logo.png")
    logo.write_bytes(b"\x89PNG\0\1")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message=logo")
    logo.write_bytes(b"\x89PNG\0\2")
    done = unlet("check", *NATIVE, "--json")
    assert done.returncode == 0
    changes = json.loads(done.stdout)["changes"]
    assert ("notes-server", "derivation") in {(each["attribute"], each["kind"]) for each in changes}


def test_a_base_that_does_not_evaluate_is_said(unlet: Unlet, clone: Path) -> None:
    table = clone / "pkgs/top-level/all-packages.nix"
    text = table.read_text()
    table.write_text(
        text.replace("in\nstubs", "in\nnobody.has.this // stubs", 1).replace("{ lib }:", "{ lib, nobody }:")
    )
    git(clone, "commit", "--quiet", "--all", "--message=broken")
    edit(clone, "echo notes", "echo others")
    done = unlet("check", *NATIVE)
    assert done.returncode == 3
    assert done.stdout.splitlines()[0].startswith("unknown (asked")
    assert "notes-server" in done.stdout
    assert "nobody" in done.stdout
