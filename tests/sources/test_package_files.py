"""The package of a file and the files of a package, by text alone."""

from pathlib import Path, PurePosixPath

import pytest

from toolkit.sources import package_files
from toolkit.sources.package_files import CalledNames, called_names

ALL = str(package_files.ALL_PACKAGES)


def written(root: Path, files: dict[str, str]) -> CalledNames:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return called_names(root)


def candidates(root: Path, path: str) -> list[str]:
    return list(called_names(root).candidates(root, PurePosixPath(path)))


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
def test_file_belongs_to_the_package_that_calls_it_else_to_its_place(
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


def test_only_the_outermost_set_equates_names(
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


def test_each_file_that_names_another_gives_its_package_more_names(
    tmp_path: Path,
) -> None:
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


def test_search_for_names_ends_at_the_second_file(tmp_path: Path) -> None:
    chain = {
        f"pkgs/a/{one}.nix": f"{{ n{two} = f ./{two}.nix; }}"
        for one, two in ((1, 2), (2, 3), (3, 4))
    }
    written(tmp_path, {**chain, "pkgs/a/4.nix": ""})
    found = candidates(tmp_path, "pkgs/a/4.nix")
    assert "2.n3.n4" in found
    assert not any(name.startswith("1.") for name in found)


def test_all_packages_are_those_of_by_name_and_of_the_sets(tmp_path: Path) -> None:
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
    ("file", "package"),
    [
        ("pkgs/by-name/ab/abc/package.nix", "abc"),
        ("pkgs/by-name/ab/abc/other.nix", "abc"),
        ("pkgs/by-name/ab/abc/parts/package.nix", "abc"),
        ("pkgs/by-name/ab/abc", None),
        ("pkgs/by-name/README.md", None),
        ("pkgs/servers/ab/abc/package.nix", None),
    ],
)
def test_directory_of_by_name_names_its_package(file: str, package: str | None) -> None:
    assert (
        package_files.by_name(file)
        == package_files.by_name(PurePosixPath(file))
        == package
    )
    is_package = PurePosixPath(file) == package_files.by_name_file("abc")
    assert package_files.is_package(file) == package_files.is_package(
        PurePosixPath(file)
    )
    assert package_files.is_package(file) == is_package


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (" callPackage ../servers/web { };", "../servers/web"),
        (" callPackages ./web.nix { };", "./web.nix"),
        (" libsForQt5.callPackage ../servers/web { };", "../servers/web"),
        (" f (callPackage ../servers/web { });", None),
        (" throw 1;", None),
    ],
)
def test_value_of_a_set_shows_the_path_that_it_calls(
    value: str, path: str | None
) -> None:
    text = f"{{\n  web ={value}\n  other = callPackage ./other {{ }};\n}}\n"
    bound = package_files.bound_value(text, "web")
    assert bound is not None
    assert bound == value
    assert package_files.called_path(bound) == path
    assert package_files.bound_value(text, "none") is None


def test_set_calls_every_path_behind_call_package() -> None:
    text = "{\n  inherit (callPackage ../a { }) b;\n  c =\n    callPackage\n  ./c.nix { };\n}"
    assert package_files.called_paths(text) == ["../a", "./c.nix"]


def test_called_path_means_a_file_or_the_main_file_of_a_directory() -> None:
    assert package_files.called_files("../web.nix") == [PurePosixPath("pkgs/web.nix")]
    assert package_files.called_files("../web") == [
        PurePosixPath("pkgs/web/default.nix"),
        PurePosixPath("pkgs/web/package.nix"),
    ]
