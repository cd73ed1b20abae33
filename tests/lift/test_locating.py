"""Which file a package is written in, and by which attribute paths a file's package is known."""

import shutil
from pathlib import Path, PurePosixPath

import pytest

from toolkit import specimen
from toolkit.lift.locating import (
    CROSS,
    SYSTEMS,
    CalledNames,
    Location,
    locate,
    owners,
    siblings,
)
from toolkit.lift.survey import survey
from toolkit.nix import limits

ALL = "pkgs/top-level/all-packages.nix"
NOTES = PurePosixPath("pkgs/by-name/no/notes-server/package.nix")


def written(root: Path, files: dict[str, str]) -> CalledNames:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return CalledNames.of(root)


def candidates(root: Path, path: str) -> list[str]:
    return list(CalledNames.of(root).candidates(root, PurePosixPath(path)))


@pytest.mark.parametrize(
    ("file", "package"),
    [
        ("pkgs/servers/http/default.nix", "http_2"),
        ("pkgs/servers/http/parts/more.nix", "http_2"),
        ("pkgs/servers/one.nix", "one"),
        ("pkgs/servers/two/default.nix", "python3Packages.two"),
        ("pkgs/by-name/ab/abc/package.nix", "abc"),
        ("pkgs/by-name/ab/abc/parts/ui.nix", "abc"),
        ("pkgs/by-name/ab/stray.nix", "stray"),
        ("pkgs/by-name/ed/editor/package.nix", "editor"),
        ("pkgs/by-name/ed/editor/other.nix", "editor-other"),
        ("pkgs/by-name/ed/editor", "editor"),
        ("pkgs/development/python-modules/flask/default.nix", "python3Packages.flask"),
        ("pkgs/development/python-modules/flask/parts/ui.nix", "python3Packages.flask"),
        ("pkgs/by-name/mp/mpv/scripts/thumbs.nix", "mpvScripts.thumbs"),
        ("pkgs/misc/tmux-plugins/tmux-fingers/default.nix", "tmuxPlugins.fingers"),
        ("pkgs/misc/tmux-plugins/tmux-inner/default.nix", "tmuxPlugins.tmux-inner"),
        ("pkgs/os-specific/linux/driver-1.2/default.nix", "linuxPackages.driver"),
        ("pkgs/servers/other/default.nix", "other"),
        ("pkgs/servers/other/unwrapped.nix", "unwrapped"),
    ],
)
def test_a_file_belongs_to_what_calls_it_else_to_its_place(
    tmp_path: Path, file: str, package: str
) -> None:
    names = written(
        tmp_path,
        {
            ALL: "{\n  http_2 = callPackage ../servers/http { };\n  http_3 = "
            "callPackage ../servers/http { };\n"
            "  one = libsForQt5.callPackages ../servers/one.nix { };\n"
            "  editor-full = callPackage ../by-name/ed/editor/package.nix { };\n"
            "  editor-other = callPackage ../by-name/ed/editor/other.nix { };\n}\n",
            "pkgs/top-level/python-packages.nix": "{\n  two = callPackage "
            "../servers/two { };\n}\n",
            "pkgs/top-level/linux-kernels.nix": "{\n  driver = callPackage "
            "../os-specific/linux/driver-1.2 { "
            "};\n}\n",
            "pkgs/misc/tmux-plugins/default.nix": "{\n  fingers = pkgs.callPackage "
            "./tmux-fingers { };\n"
            "  set = {\n    inner = callPackage ./tmux-inner { };\n  };\n}\n",
        },
    )
    assert names.package(PurePosixPath(file)) == package
    assert names.known(PurePosixPath(file)) in {package, None}


def test_a_file_further_below_what_is_called_is_named_by_its_path(
    tmp_path: Path,
) -> None:
    called = "{\n  http = callPackage ../servers/http { };\n}\n"
    part = "pkgs/servers/http/parts/ui/default.nix"
    text = 'f:\nlet\n  ui = mk { src = 1; pname = "ui"; };\nin\nmk { src = 2; pname = "all"; x = ui; }\n'
    names = written(
        tmp_path, {ALL: called, part: text, "pkgs/servers/http/default.nix": text}
    )
    assert names.package(PurePosixPath(part)) == "http"
    assert {each.package for each in survey(tmp_path).findings} == {"http", part}


def test_names_that_are_bound_to_others_are_those_of_the_outermost_set(
    tmp_path: Path,
) -> None:
    names = written(
        tmp_path,
        {
            ALL: "{\n  http = http_2;\n  http_1 = http.override { };\n    inner = "
            "http;\n}\n",
            "pkgs/top-level/python-packages.nix": "{\n  two = three;\n}\n",
        },
    )
    assert names.same == {"http": "http_2"}


def test_what_names_a_file_gives_its_package_more_names(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "pkgs/servers/web/default.nix": "{ }: { ui = callPackage ./parts/ui.nix { "
            "}; plain = x == ./none.nix; }",
            "pkgs/servers/web/parts/ui.nix": "",
            "pkgs/servers/web/parts/other.nix": "",
            ALL: "{\n  web_2 = callPackage ../servers/web { };\n"
            "  direct = f ../servers/web/parts/ui.nix {\n    inherit x;\n  };\n"
            "  Upper = f ../servers/web/parts/ui.nix;\n"
            "  inherit (f (import ../servers/web/parts/ui.nix) arg) one two';\n"
            "  all = f ../servers/web/parts;\n}\n",
            "pkgs/top-level/ocaml-packages.nix": "{\n  inherit (f "
            "../servers/web/parts/ui.nix) "
            "ml;\n}\n",
            "pkgs/top-level/stage.nix": "x: { stage = f ../servers/web/parts/ui.nix; "
            "}\n",
            "pkgs/top-level/whole.nix": ";whole = import ../servers/web/parts/ui.nix",
        },
    )
    assert candidates(tmp_path, "pkgs/servers/web/parts/ui.nix") == [
        *("web_2", "web_2.ui"),
        # What the file above names it, for the packages of that file, then alone.
        *("web_2", "web_2.ui", "web_2.web", "web_2.web.ui", "web_2", "web_2.ui", "ui"),
        *("direct", "Upper", "one", "two'"),
        *("ocamlPackages.ml", "stage", "whole"),
    ]
    assert candidates(tmp_path, "pkgs/servers/web/parts/other.nix") == [
        "web_2",
        "web_2.other",
    ]
    assert candidates(tmp_path, "pkgs/servers/web/default.nix") == [
        "web_2",
        "web_2.web",
        "web_2",
    ]


def test_names_of_names_end_at_the_second_file(tmp_path: Path) -> None:
    chain = {
        f"pkgs/a/{one}.nix": f"{{ n{two} = f ./{two}.nix; }}"
        for one, two in ((1, 2), (2, 3), (3, 4))
    }
    written(tmp_path, {**chain, "pkgs/a/4.nix": ""})
    found = candidates(tmp_path, "pkgs/a/4.nix")
    assert "2.n3.n4" in found
    assert not any(name.startswith("1.") for name in found)


def test_known_names_are_those_of_by_name_and_of_the_sets(tmp_path: Path) -> None:
    names = written(
        tmp_path,
        {
            "pkgs/by-name/ab/Abc/package.nix": "",
            "pkgs/by-name/de/def/package.nix": "",
            ALL: "{\n  thing = callPackage ../things/thing.nix { };\n}\n",
        },
    )
    assert sorted(names.all(tmp_path)) == ["Abc", "def", "thing"]
    assert names.places(tmp_path, "Abc") == (PurePosixPath("pkgs/by-name/ab/Abc"),)
    assert names.places(tmp_path, "thing") == (PurePosixPath("pkgs/things/thing.nix"),)
    assert names.places(tmp_path, "none") == ()


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
