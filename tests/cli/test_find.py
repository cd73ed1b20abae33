from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from toolkit import specimen
from toolkit.cli import output

if TYPE_CHECKING:
    from tests.cli.conftest import Unlet

UI = (
    "{ mk, nixosTests }: let src = 1; ui = buildX { inherit src; }; s = runCommand x { } x; in "
    "mk { inherit src; e = [ ui s ]; }"
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    package = tmp_path / "nixpkgs/pkgs/by-name/zy/zyx/package.nix"
    package.parent.mkdir(parents=True)
    package.write_text(UI)
    sets = tmp_path / "nixpkgs/pkgs/top-level/all-packages.nix"
    sets.parent.mkdir(parents=True)
    sets.write_text("{ }")
    return tmp_path / "nixpkgs"


def test_a_line_says_where_and_how_far_out_of_reach(unlet: Unlet, tree: Path) -> None:
    done = unlet("find", "--nixpkgs", tree)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "zyx  ui  buildX  hidden  shares src  pkgs/by-name/zy/zyx/package.nix:1\n"
        "\n"
        "1 bindings in 1 of 2 files: 1 hidden, 0 shown without effect, 0 reached in part, 0 routed\n"
        "src or version shared with the package around them: 1\n"
    )


def test_json_has_paths_in_the_tree(unlet: Unlet, tree: Path) -> None:
    done = unlet("find", "zyx", "--nixpkgs", tree, "--json", "--all")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["schema"] == 1
    assert document["bindings"][0] == {
        "file": "pkgs/by-name/zy/zyx/package.nix",
        "package": "zyx",
        "binding": "ui",
        "builder": "buildX",
        "kind": "package",
        "line": 1,
        "state": "hidden",
        "shares": ["src"],
        "liftable": True,
    }
    assert [binding["kind"] for binding in document["bindings"]] == ["package", "helper"]
    assert document["totals"]["hidden"] == 2


def test_the_checkout_around_the_working_directory_is_taken(unlet: Unlet, tree: Path) -> None:
    done = subprocess.run(
        [*unlet.argv, "find"],
        cwd=tree / "pkgs/by-name",
        env=unlet.env,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "zyx  ui  buildX  hidden  shares src  pkgs/by-name/zy/zyx/package.nix:1",
    )


def test_nix_is_asked_what_an_override_does(unlet: Unlet) -> None:
    done = unlet("find", "notes-server", "status-board", "--nixpkgs", "specimen", "--prove", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    doors = {binding["binding"]: binding["door"] for binding in json.loads(done.stdout)["bindings"]}
    # What a derivation has as an attribute is in its environment: an override changes that, if not what is linked.
    assert doors == {"web-ui": "none", "checker": "none", "theme": "works in part"}


def test_an_override_that_reaches_all_works(unlet: Unlet, tmp_path: Path) -> None:
    root = tmp_path / "specimen"
    shutil.copytree(specimen.path(), root)
    board = root / "pkgs/by-name/st/status-board/package.nix"
    text = board.read_text()
    assert text.count("ln -s ${theme} ") == 1
    board.write_text(text.replace("ln -s ${theme} ", "ln -s $theme "))
    done = unlet("find", "status-board", "--nixpkgs", root, "--prove", "--json")
    found = {each["binding"]: (each["state"], each["door"]) for each in json.loads(done.stdout)["bindings"]}
    assert found == {"checker": ("hidden", "none"), "theme": ("routed", "works")}


def test_a_whole_tree_is_not_asked_about(unlet: Unlet) -> None:
    done = unlet("find", "--nixpkgs", "specimen", "--prove")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("unlet find: --prove takes a PACKAGE")


def test_elsewhere_a_nixpkgs_has_to_be_named(unlet: Unlet) -> None:
    done = unlet("find")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "unlet find: the current directory is not in a checkout of nixpkgs; name one with --nixpkgs\n"
    )


def group(leader: int) -> list[int]:
    """Return the processes of a process group (proc(5): field 5 of stat)."""
    found: list[int] = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = place.read_text().rpartition(")")[2].split()
            if int(fields[2]) == leader:
                found.append(int(place.parent.name))
    return found


@pytest.mark.parametrize("seconds", [0.0, 0.3, 0.9])
def test_an_interrupt_leaves_no_process(unlet: Unlet, tree: Path, seconds: float) -> None:
    for number in range(3000):
        package = tree / f"pkgs/by-name/p{number % 90}/p{number}/package.nix"
        package.parent.mkdir(parents=True)
        package.write_text(UI + f" # {number}")
    with subprocess.Popen(
        [*unlet.argv, "find", "--nixpkgs", str(tree)],
        cwd=unlet.cwd,
        env=unlet.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    ) as running:
        deadline = time.monotonic() + 60
        while len(group(running.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(seconds)
        os.killpg(running.pid, signal.SIGINT)
        _, stderr = running.communicate(timeout=30)
    assert (running.returncode, stderr.strip()) == (130, "unlet: interrupted")
    deadline = time.monotonic() + 60
    while (left := group(running.pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left


def test_a_long_name_does_not_widen_its_column() -> None:
    rows = [("a", "1"), ("bcd", "2"), ("efghij", "3")]
    assert list(output.table(rows, widest=3)) == ["a    1", "bcd  2", "efghij  3"]
    assert list(output.table(rows)) == ["a       1", "bcd     2", "efghij  3"]
    assert list(output.table([("long",)], widest=3)) == ["long"]


def test_long_builder_moves_only_what_has_no_room_beside_it() -> None:
    rows = [
        ("app", "buildNpmPackage", "hidden", "", "a.nix:1"),
        ("other", "rustPlatform.buildRustPackage", "shown without effect", "shares src", "b.nix:22"),
        ("third", "rustPlatform.buildRustPackage", "hidden", "shares src", "c.nix:3"),
    ]
    assert list(output.table(rows, widest=24)) == [
        "app    buildNpmPackage  hidden                            a.nix:1",
        "other  rustPlatform.buildRustPackage  shown without effect  shares src  b.nix:22",
        "third  rustPlatform.buildRustPackage  hidden  shares src  c.nix:3",
    ]
