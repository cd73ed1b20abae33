import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests import specimens
from tests.cli.conftest import Unlet
from tests.clones import NOTES, TARGET
from toolkit import specimen
from toolkit.cli import output
from toolkit.lift.rewriting import lift

UI = (
    "{ mk, nixosTests }: let src = 1; ui = buildX { inherit src; }; s = runCommand x "
    "{ } x; in "
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
        "hidden, with a reason to lift:\n"
        "  zyx  ui  buildX  shares src  pkgs/by-name/zy/zyx/package.nix:1\n"
        "\n"
        "1 part in 1 of 2 files: 1 hidden, 0 shown without effect, 0 reached in "
        "part, 0 routed\n"
        "1 share src or version with the package around them\n"
    )
    document = json.loads(unlet("find", "--nixpkgs", tree, "--json", "--all").stdout)
    assert [binding["kind"] for binding in document["bindings"]] == [
        "package",
        "helper",
    ]
    assert document["totals"]["hidden"] == 2


def test_a_private_part_stands_last_and_has_no_reason(unlet: Unlet, tree: Path) -> None:
    private = tree / "pkgs/by-name/ab/abc/package.nix"
    private.parent.mkdir(parents=True)
    private.write_text(UI.replace("inherit src", "src = 1"))
    done = unlet("find", "--nixpkgs", tree)
    assert [
        line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")
    ] == ["zyx", "abc"]
    assert "\nhidden, without a reason to lift:\n  abc " in done.stdout
    hint = "1 have no reason to lift; 'propose --binding NAME' lifts them nevertheless"
    assert done.stdout.splitlines()[-1] == hint
    bindings = json.loads(unlet("find", "--nixpkgs", tree, "--json").stdout)["bindings"]
    assert [each["reason"] for each in bindings] == ["shares src", None]


SHOWN = [
    "notes-server: pkgs/by-name/no/notes-server/package.nix, 4.2.0",
    "  web-ui  let, line 18  stdenv.mkDerivation  hidden",
    "  overrides that have an effect on the build:",
    "    web-ui  none",
    "  decided by Nix's evaluation for x86_64-linux",
]


def test_nix_is_asked_about_each_package_that_is_named(unlet: Unlet) -> None:
    done = unlet("find", "notes-server", "status-board", "--nixpkgs", "specimen")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:5] == SHOWN
    # What a derivation has as an attribute is in its environment: an override changes
    # that, if not what is linked.
    assert "    theme    none; in part: overrideAttrs { theme = …; }" in lines[5:]


def test_overrides_that_work_are_named_and_drawn(unlet: Unlet) -> None:
    tree = shutil.copytree(specimen.path(), unlet.cwd / "tree")
    file = tree / NOTES
    file.write_text(lift(file.read_text(), name="package.nix").text)
    (part,) = json.loads(
        unlet("find", "notes-server", "--nixpkgs", tree, "--json").stdout
    )["packages"][0]["parts"]
    assert (part["name"], part["reached"]) == ("web-ui", True)
    (method,) = part["methods"]
    drawn = unlet("find", "notes-server", "--nixpkgs", tree, "--graph").stdout
    assert f'(["{method}"]) -.-> p0' in drawn


@pytest.mark.parametrize(
    ("name", "moby", "methods", "decided"),
    [
        ("29.6", "let, line ", "none", "the syntax"),
        (
            "states/fixed",
            "parameter, line ",
            "override { moby = …; }",
            "Nix's evaluation for x86_64-linux",
        ),
    ],
)
def test_parts_of_docker_are_those_of_its_own_file(
    unlet: Unlet, name: str, moby: str, methods: str, decided: str
) -> None:
    tree = shutil.copytree(specimen.path(), unlet.cwd / "tree")
    shutil.copyfile(specimens.path(name) / TARGET, tree / TARGET)
    done = unlet("find", "docker", "--nixpkgs", tree)
    assert (done.returncode, done.stderr) == (0, "")
    first, *lines = done.stdout.splitlines()
    assert first == f"docker: {TARGET}, 29.6.1"
    (number,) = (
        int(line.rpartition(moby)[2]) for line in lines if line.startswith("  moby ")
    )
    assert (
        (tree / TARGET).read_text().splitlines()[number - 1].strip().startswith("moby")
    )
    assert f"    moby               {methods}" in lines
    assert lines[-1] == f"  decided by {decided}"


def test_docker_that_is_not_understood_has_the_reason(unlet: Unlet) -> None:
    tree = shutil.copytree(specimen.path(), unlet.cwd / "tree")
    shutil.copyfile(specimens.path("states/unknown") / TARGET, tree / TARGET)
    done = unlet("find", "docker", "--nixpkgs", tree)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout.splitlines()[1]
        == "  unknown layout: it binds nothing to a function dockerGen"
    )


def test_a_recipe_counts_the_packages_that_are_left(unlet: Unlet) -> None:
    done = unlet("find", "--recipe", "final-attrs", "--nixpkgs", "specimen")
    (row, count) = done.stdout.splitlines()
    assert (row.split()[0], count) == ("status-board", "left: 1 package")
    done = unlet("find", "--recipe", "fetcher", "--nixpkgs", "specimen")
    assert done.stdout.splitlines() == ["left: 0 packages"]
    done = unlet(
        "find", "status-board", "--recipe", "final-attrs", "--nixpkgs", "specimen"
    )
    assert done.stdout.splitlines() == [row]


def group(leader: int) -> list[int]:
    """Return the processes of a process group (proc(5): field 5 of stat)."""
    found: list[int] = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = place.read_text().rpartition(")")[2].split()
            if int(fields[2]) == leader:
                found.append(int(place.parent.name))
    return found


def test_an_interrupt_leaves_no_process(unlet: Unlet, tree: Path) -> None:
    slow = UI.replace("s = ", f"l = [ {'x ' * 40_000}]; s = ")
    for number in range(90):
        package = tree / f"pkgs/by-name/p{number}/p{number}/package.nix"
        package.parent.mkdir(parents=True)
        package.write_text(f"{slow} # {number}")
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
        time.sleep(0.3)
        os.killpg(running.pid, signal.SIGINT)
        _, stderr = running.communicate(timeout=10)
    assert (running.returncode, stderr.strip()) == (130, "unlet: interrupted")
    deadline = time.monotonic() + 60
    while (left := group(running.pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left


def test_a_long_cell_does_not_widen_its_column_nor_move_other_rows() -> None:
    rows = [("a", "1"), ("bcd", "2"), ("efghij", "3")]
    assert list(output.table(rows, widest=3)) == ["a    1", "bcd  2", "efghij  3"]
    assert list(output.table(rows)) == ["a       1", "bcd     2", "efghij  3"]
    assert list(output.table([("long",)], widest=3)) == ["long"]
    wide = [
        ("app", "buildNpmPackage", "hidden", "", "a.nix:1"),
        (
            "other",
            "rustPlatform.buildRustPackage",
            "shown without effect",
            "shares src",
            "b.nix:22",
        ),
        ("third", "rustPlatform.buildRustPackage", "hidden", "shares src", "c.nix:3"),
    ]
    assert list(output.table(wide, widest=24)) == [
        "app    buildNpmPackage  hidden                            a.nix:1",
        (
            "other  rustPlatform.buildRustPackage  shown without effect  shares src  "
            "b.nix:22"
        ),
        "third  rustPlatform.buildRustPackage  hidden  shares src  c.nix:3",
    ]
