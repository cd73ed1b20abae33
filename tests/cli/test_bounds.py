"""An evaluation beyond its limit is unknown, not red, and names the option."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Unlet
from tests.cli.conftest import own_cache as cache_place
from tests.clones import NOTES, TARGET, edit, git, patched
from toolkit import landlock
from toolkit.nix import limits

pytestmark = pytest.mark.clock

__all__ = ["cache_place"]

BOARD = "pkgs/by-name/st/status-board/package.nix"
SLOW = '(let f = n: if n == 0 then "x" else f (n - 1) + f (n - 1); in f 60)'
# A text of a gigabyte is refused at once.
HOG = (
    '(builtins.substring 0 1 (builtins.foldl\' (text: _: text + text) "x" '
    "(builtins.genList (n: n) 30)))"
)
HUNGRY = ('pname = "docker"', f'pname = builtins.seq {HOG} "docker"')

NATIVE = ("--system", "x86_64-linux")
LITTLE = ("--max-memory", "64")

LIMITS = {
    "time": (SLOW, "--timeout", "1", "still running after "),
    "memory": (HOG, *LITTLE, "out of memory"),
}
"""By the limit: how it is reached, its option and value, and the fact that is shown."""


def versioned(clone: Path, path: str, expression: str) -> None:
    edit(clone, 'version = "', f'version = {expression} + "', path)


def test_evaluation_that_reaches_its_limit_is_unknown(unlet: Unlet) -> None:
    done = unlet("propose", "--nixpkgs", "specimen", "--timeout", "0.01", "--json")
    told = json.loads(done.stdout)
    assert told["walls"] == list(landlock.walls())
    proofs = {proof["name"]: proof for proof in told["proofs"]}
    assert done.returncode == 3, done.stderr
    assert {proof["status"] for proof in proofs.values()} == {"passed", "not run"}
    said = proofs["no-rebuild"]
    wanted = (
        r"because nix-instantiate: still running after \S+ s; raise the limit "
        r"with --timeout"
    )
    assert re.fullmatch(wanted, said["reason"])
    assert said["asked"]


def test_memory_of_the_stand_in_tree_is_named(unlet: Unlet, clone: Path) -> None:
    edit(clone, *HUNGRY, TARGET)
    done = unlet(
        "check", "--patch", patched(clone), "--file", clone / TARGET, *LITTLE, "--json"
    )
    proofs = {proof["name"]: proof for proof in json.loads(done.stdout)["proofs"]}
    said = proofs["no-rebuild"]
    assert (said["status"], said["asked"]) == ("not run", True)
    assert said["reason"].endswith("out of memory; raise the limit with --max-memory")


def test_one_attribute_that_needs_more_is_unknown_and_the_others_are_judged(
    unlet: Unlet, clone: Path
) -> None:
    versioned(clone, NOTES, HOG)
    versioned(clone, BOARD, '"1"')
    done = unlet("check", "--git-dir", clone, *NATIVE, *LITTLE, "--json")
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout)
    unknown = {gap["what"]: gap["reason"] for gap in told["unknown"]}
    assert (
        "out of memory; raise the limit with --max-memory"
        in unknown["notes-server on x86_64-linux"]
    )
    assert "status-board" not in " ".join(unknown)
    assert {each["attribute"] for each in told["changes"]} == {"status-board"}


def test_claims_of_a_package_that_needs_more_are_unknown(
    unlet: Unlet, clone: Path
) -> None:
    versioned(clone, NOTES, HOG)
    done = unlet(
        "check",
        "--patch",
        patched(clone),
        "notes-server",
        "--nixpkgs",
        clone,
        *NATIVE,
        *LITTLE,
        "--json",
    )
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout)
    proofs = {proof["name"]: proof for proof in told["claims"]}
    assert "failed" not in {proof["status"] for proof in proofs.values()}, told
    assert proofs["no-rebuild"]["reason"].startswith("because ")
    assert proofs["no-rebuild"]["reason"].endswith(
        "out of memory; raise the limit with --max-memory"
    )


WORDS = {
    "find": ("find", "notes-server", "--nixpkgs"),
    "propose": ("propose", "notes-server", "--out", "out", "--nixpkgs"),
    "overlay": ("overlay", "notes-server", "--out", "out", "--nixpkgs"),
    "pr": ("pr", "notes-server", "--repo"),
}


@pytest.mark.parametrize(
    ("limit", "command"),
    [("time", "find"), ("time", "overlay"), ("time", "pr"), ("memory", "propose")],
)
def test_every_command_about_a_package_names_the_option(
    unlet: Unlet, clone: Path, limit: str, command: str
) -> None:
    words = WORDS[command]
    expression, option, amount, fact = LIMITS[limit]
    versioned(clone, NOTES, expression)
    git(clone, "commit", "--quiet", "--all", "--message=theirs")
    git(clone, "config", "user.name", "Somebody")
    git(clone, "config", "user.email", "somebody@example.org")
    done = unlet(*words, clone, option, amount)
    assert done.returncode == (0 if command == "find" else 3), done.stderr
    line = next(
        line for line in (done.stdout + done.stderr).splitlines() if fact in line
    )
    assert line.endswith(f"; raise the limit with {option}")


@pytest.mark.parametrize("command", ["find", "track"])
def test_file_of_docker_that_needs_more_memory_is_unknown_with_the_option(
    unlet: Unlet, clone: Path, command: str
) -> None:
    edit(clone, *HUNGRY, TARGET)
    git(clone, "commit", "--quiet", "--all", "--message=theirs")
    of_clone = ("track", "--git-dir", clone, "--ref", "master")
    words = of_clone if command == "track" else ("find", "docker", "--nixpkgs", clone)
    done = unlet(*words, *LITTLE)
    assert "; raise the limit with --max-memory" in done.stdout


def test_find_names_the_option_if_files_are_not_reached(
    unlet: Unlet, clone: Path
) -> None:
    done = unlet("find", "--nixpkgs", clone, "--timeout", "0.0001")
    assert done.returncode == 0, done.stderr
    late = (
        r"\d+ of the files: the time limit was reached before this was evaluated; "
        r"raise the limit with --timeout"
    )
    assert re.fullmatch(late, done.stdout.splitlines()[-1])
    late = json.loads(
        unlet("find", "--nixpkgs", clone, "--timeout", "0.0001", "--json").stdout
    )["late"]
    assert NOTES in late


@pytest.mark.parametrize("limit", ["time", "memory"])
def test_reach_names_the_option(unlet: Unlet, clone: Path, limit: str) -> None:
    expression, option, amount, _ = LIMITS[limit]
    overlay = clone.parent / "overlay.nix"
    attributes = f"{{ version = {expression}; }}"
    overlay.write_text(
        f"final: prev: {{ notes-server = prev.notes-server.overrideAttrs (old: "
        f"{attributes}); }}"
    )
    done = unlet("reach", overlay, "--nixpkgs", clone, "--sealed", option, amount)
    assert f"; raise the limit with {option}" in done.stdout


def test_limit_of_a_command_without_an_option_for_it_names_none() -> None:
    assert limits.raised_by("--timeout", "late") == "late"
    with limits.allowing(None, None):
        assert (
            limits.raised_by("--timeout", "late")
            == "late; raise the limit with --timeout"
        )
