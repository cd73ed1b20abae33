"""The file of a package, and the packages of a file, as Nix finds them."""

import shutil
from pathlib import Path, PurePosixPath

import pytest

from toolkit import specimen
from toolkit.lift.locating import (
    CROSS,
    SYSTEMS,
    Location,
    locate,
    owners,
    siblings,
)
from toolkit.lift.survey import survey
from toolkit.nix import limits
from toolkit.sources.package_files import called_names

ALL = "pkgs/top-level/all-packages.nix"
NOTES = PurePosixPath("pkgs/by-name/no/notes-server/package.nix")


def test_a_file_further_below_what_is_called_is_named_by_its_path(
    tmp_path: Path,
) -> None:
    called = "{\n  http = callPackage ../servers/http { };\n}\n"
    part = "pkgs/servers/http/parts/ui/default.nix"
    text = 'f:\nlet\n  ui = mk { src = 1; pname = "ui"; };\nin\nmk { src = 2; pname = "all"; x = ui; }\n'
    for path, content in {
        ALL: called,
        part: text,
        "pkgs/servers/http/default.nix": text,
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    names = called_names(tmp_path)
    assert names.package(PurePosixPath(part)) == "http"
    assert {each.package for each in survey(tmp_path).findings} == {"http", part}


@pytest.mark.parametrize(
    ("platforms", "systems"),
    [
        ((*SYSTEMS, "i686-linux"), (*SYSTEMS, CROSS)),
        (("x86_64-linux",), ("x86_64-linux",)),
        (("aarch64-darwin", "aarch64-linux"), ("aarch64-linux", "aarch64-darwin")),
        (("mips-linux", "riscv64-linux"), ("mips-linux",)),
        ((), SYSTEMS),
    ],
)
def test_a_package_is_asked_about_on_what_it_is_for(
    platforms: tuple[str, ...], systems: tuple[str, ...]
) -> None:
    assert Location(file=NOTES, others=(), platforms=platforms).systems == systems


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copytree(specimen.path(), tmp_path / "nixpkgs")
    return tmp_path / "nixpkgs"


def add(tree: Path, attributes: str) -> None:
    packages = tree / ALL
    text = packages.read_text().rstrip()
    packages.write_text(f"{text[: text.rindex('}')]}{attributes}}}\n")


def test_a_package_is_where_nix_says_and_one_that_ends_nix_is_nowhere(
    tree: Path,
) -> None:
    add(
        tree,
        "  endless = let x = x; in x;\n  bare = derivation { name = builtins.throw 1; "
        "};\n"
        '  placed = final.bare // { meta.position = toString ./. + "/a:b.nix:3"; };\n',
    )
    found = locate(
        tree,
        [
            "notes-server",
            "endless",
            "none",
            "lib",
            "docker.moby",
            "bare",
            "status-board",
            "placed",
        ],
    )
    assert list(found) == [
        "notes-server",
        "docker.moby",
        "bare",
        "status-board",
        "placed",
    ]
    # It has no meta, so its place is that of its attributes.
    assert found["bare"] == Location(file=PurePosixPath(ALL), others=(), platforms=())
    assert found["placed"].file == PurePosixPath("pkgs/top-level/a:b.nix")
    assert found["placed"].others == (PurePosixPath(ALL),)
    assert found["notes-server"].file == NOTES
    assert (
        PurePosixPath("pkgs/stdenv/generic/make-derivation.nix")
        in found["notes-server"].others
    )
    assert PurePosixPath("pkgs/stdenv/default.nix") in found["docker.moby"].others
    assert NOTES not in found["notes-server"].others
    assert "x86_64-linux" in found["notes-server"].platforms
    assert found["docker.moby"].file == PurePosixPath(
        "pkgs/applications/virtualization/docker/default.nix"
    )


def test_a_package_may_take_all_memory_where_it_has_the_time_of_others_with_it(
    tree: Path,
) -> None:
    add(
        tree,
        "  large = builtins.deepSeq (builtins.length (builtins.genList (x: x) "
        "1000000)) final.notes-server;\n",
    )
    with limits.allowing(None, 120), limits.sealed(seconds=60):
        assert [*locate(tree, ["large"])] == ["large"]


def test_a_package_that_no_text_names_is_looked_at_where_nix_says(tree: Path) -> None:
    assert survey(tree, ["docker.moby"]).files == 1


def test_a_file_is_owned_by_the_package_that_is_written_in_it(tree: Path) -> None:
    add(
        tree,
        "  notes_2 = callPackage ../servers/notes/main.nix { };\n"
        "  notes_3.notes_3 = callPackage ../servers/notes/notes_3.nix { };\n",
    )
    (tree / "pkgs/servers/notes").mkdir(parents=True)
    main, third = (
        PurePosixPath(f"pkgs/servers/notes/{name}.nix") for name in ("main", "notes_3")
    )
    for copy in (main, third):
        shutil.copy(tree / NOTES, tree / copy)
    none, builder = (
        PurePosixPath("pkgs/top-level/aliases.nix"),
        PurePosixPath("pkgs/top-level/by-name.nix"),
    )
    found = owners(tree, [NOTES, none, main, third, builder])
    names = {file: name for file, (name, _) in found.items()}
    assert names == {NOTES: "notes-server", main: "notes_2", third: "notes_3.notes_3"}
    assert found[main][1].file == main


def test_a_file_makes_its_packages_and_each_counts_once(tree: Path) -> None:
    call = "callPackage ../by-name/no/notes-server/package.nix { }"
    add(
        tree,
        f"  notes-lts = {call};\n  notes-new = notes-lts;\n  notes-other = f "
        f"./{NOTES.name};\n",
    )
    text = (tree / ALL).read_text().replace("final: _:\n", "final: _:\nwith final;\n")
    (tree / ALL).write_text(text)
    (tree / NOTES.parent / "more.nix").write_text("{ notes-new = f ./package.nix; }\n")
    board = PurePosixPath("pkgs/by-name/st/status-board/package.nix")
    assert siblings(tree, {"notes-server": NOTES, "status-board": board}) == {
        "notes-server": ("notes-lts", "notes-server"),
        "status-board": ("status-board",),
    }
