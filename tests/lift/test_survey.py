import os
import time
from pathlib import Path, PurePosixPath

import pytest

from toolkit.errors import ToolkitError
from toolkit.lift import survey as module
from toolkit.lift.survey import Survey, files_of, read_files, survey
from toolkit.nix.tree import readable

UI = (
    "{ mk, nixosTests }: let src = 1; ui = buildX { inherit src; }; in mk { inherit "
    "src; e = ui; }"
)
PLAIN = "{ mk }: let ui = buildX { }; in mk { e = ui; }"
OTHER = "pkgs/servers/http/other/default.nix"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path, "pkgs/by-name/ab/abc/package.nix", PLAIN)
    write(tmp_path, "pkgs/by-name/zy/zyx/generic.nix", UI)
    write(tmp_path, "pkgs/servers/http/thing/default.nix", PLAIN)
    write(tmp_path, "pkgs/servers/http/other/default.nix", PLAIN)
    write(tmp_path, "pkgs/servers/http/broken/default.nix", "let in }")
    write(tmp_path, "pkgs/servers/http/notes.txt", "let")
    write(tmp_path, "nixos/modules/services/http.nix", PLAIN)
    write(
        tmp_path,
        "pkgs/top-level/all-packages.nix",
        "{\n  thing_2 = callPackage ../servers/http/thing { };\n}\n",
    )
    return tmp_path


def write(root: Path, path: str, content: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def packages(found: Survey) -> list[str]:
    return [finding.package for finding in found.findings]


def test_survey_puts_parts_with_a_shared_source_first_under_the_called_name(
    tree: Path,
) -> None:
    found = survey(tree)
    assert packages(found) == ["zyx", "abc", OTHER, "thing_2"]
    assert found.findings[0].file == PurePosixPath("pkgs/by-name/zy/zyx/generic.nix")
    assert found.files == 6
    assert survey(tree).unread == (
        PurePosixPath("pkgs/servers/http/broken/default.nix"),
    )
    found = survey(tree, ["pkgs/servers"])
    assert (packages(found), found.files) == ([OTHER, "thing_2"], 3)


def test_a_function_that_a_set_calls_is_no_package(tree: Path) -> None:
    function = f"{{ lib }}: {PLAIN}"
    for path in (
        "pkgs/servers/http/thing/default.nix",
        "pkgs/by-name/ab/abc/package.nix",
        OTHER,
    ):
        write(tree, path, function)
    write(tree, "pkgs/servers/http/lone.nix", function)
    write(tree, "pkgs/servers/http/thing/part.nix", function)
    called = (
        "{\n  thing_2 = callPackage ../servers/http/thing { };\n  lone = "
        "callPackage ../servers/http/lone.nix { };\n}\n"
    )
    write(tree, "pkgs/top-level/all-packages.nix", called)
    assert packages(survey(tree)) == ["zyx", OTHER, "thing_2"]
    assert packages(survey(tree, ["abc"])) == ["abc"]


def test_a_second_look_finds_the_same_and_what_has_changed(tree: Path) -> None:
    first = survey(tree)
    assert survey(tree) == first
    write(tree, "pkgs/by-name/ab/abc/package.nix", "{ mk }: mk { }")
    assert packages(survey(tree)) == ["zyx", OTHER, "thing_2"]
    assert survey(tree, ["abc"]).findings == ()


@pytest.mark.parametrize(
    "name", ["abc", "thing_2", "pkgs/by-name/zy", "pkgs/by-name/zy/zyx/generic.nix"]
)
def test_one_package_is_looked_at_alone(tree: Path, name: str) -> None:
    found = survey(tree, [name])
    assert found.files == len(found.findings) == 1


def test_near_names_are_three_at_most_and_a_path_is_no_name(tree: Path) -> None:
    with pytest.raises(
        ToolkitError, match=r"^abd: this nixpkgs has no package of this name"
    ) as caught:
        survey(tree, ["abd"])
    assert caught.value.hint == "did you mean abc?"
    for name in ("abcd", "abce", "abcf", "abcg"):
        write(tree, f"pkgs/by-name/ab/{name}/package.nix", PLAIN)
    with pytest.raises(ToolkitError) as caught:
        survey(tree, ["abcx"])
    assert caught.value.hint == "did you mean abc or abcg or abcf?"
    for name in ("no/such/place", "ⅷ"):
        with pytest.raises(
            ToolkitError, match="this nixpkgs has no package of this name"
        ) as caught:
            survey(tree, [name])
        assert (
            caught.value.hint
            == "name a package by its attribute path, or by its path in the tree"
        )


def test_a_directory_that_is_no_nixpkgs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="this directory has no 'pkgs'") as caught:
        survey(tmp_path)
    assert caught.value.hint == "name a nixpkgs tree with --nixpkgs"


def test_a_file_that_keeps_the_parser_for_minutes_is_named_and_the_others_are_read(
    tree: Path,
) -> None:
    write(tree, "pkgs/by-name/zy/zyx/slow.nix", "let " + "?-" * 8_000)
    found = survey(tree)
    assert packages(found) == ["zyx", "abc", OTHER, "thing_2"]
    assert PurePosixPath("pkgs/by-name/zy/zyx/slow.nix") in found.unread


def test_each_file_with_a_let_is_read_or_said_to_be_unreadable(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree, "pkgs/none.nix", "{ a }: a")
    write(tree, "pkgs/service.nix", UI)
    write(tree, "pkgs/plain.nix", PLAIN)
    write(tree, "pkgs/broken.nix", "let in }")
    (tree / "pkgs/latin.nix").write_bytes(b"let # \xe9\n")
    monkeypatch.setattr(module, "_MAXIMUM_BYTES", 2_000)
    write(tree, "pkgs/large.nix", f"{PLAIN}{'#' * 2_000}")
    names = [
        f"pkgs/{name}.nix"
        for name in ("large", "none", "latin", "service", "plain", "broken")
    ]
    read = {file.path: file for file in read_files(tree, names)}
    assert {path: file.readable for path, file in read.items()} == {
        **dict.fromkeys(("pkgs/large.nix", "pkgs/latin.nix", "pkgs/broken.nix"), False),
        **dict.fromkeys(("pkgs/service.nix", "pkgs/plain.nix"), True),
    }
    assert [binding.name for binding in read["pkgs/service.nix"].bindings] == ["ui"]


def test_when_the_time_is_over_nothing_is_parsed(tree: Path) -> None:
    names = ["pkgs/one.nix", "pkgs/two.nix"]
    for number, name in enumerate(names):
        write(tree, name, f"let x = {number}; in {'+'.join(['1'] * 60_000)}")
    began = os.times()
    read = [*read_files(tree, names, end=time.process_time())]
    assert [(file.path, file.readable, file.late) for file in read] == [
        (name, False, True) for name in names
    ]
    assert os.times().children_user == began.children_user


def test_files_of_a_place_are_those_of_nix_and_links_to_them(tree: Path) -> None:
    place = tree / "pkgs/links"
    place.mkdir()
    (place / "one.nix").symlink_to("../by-name/ab/abc/package.nix")
    (place / "out.nix").symlink_to("/etc/passwd")
    (place / "directory.nix").symlink_to("../by-name")
    (place / "text").symlink_to("one.nix")
    (tree / "pkgs/shared").symlink_to("by-name")
    assert list(files_of(tree, "pkgs/links")) == ["pkgs/links/one.nix"]
    assert list(files_of(tree, "pkgs/links/one.nix")) == ["pkgs/links/one.nix"]
    assert list(files_of(tree, "pkgs/links/directory.nix")) == []
    assert list(files_of(tree, "pkgs/shared")) == []
    assert list(files_of(tree, "pkgs/servers/http/notes.txt")) == []
    assert sorted(files_of(tree, "pkgs/by-name")) == [
        "pkgs/by-name/ab/abc/package.nix",
        "pkgs/by-name/zy/zyx/generic.nix",
    ]


def test_files_that_keep_the_parser_for_long_have_one_time_together(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = [
        "let x = 1; in " + "+".join(["1"] * (60_000 + number)) for number in range(16)
    ]
    began = os.times()
    assert readable(sums, most=1) == [False] * 16
    ended = os.times()
    assert ended.children_user - began.children_user < 4
    # What a process has taken before it reads counts as well.
    monkeypatch.setattr(module, "_SECONDS", -1.0)
    found = survey(tree, ["zyx"])
    assert [str(path) for path in found.unread] == ["pkgs/by-name/zy/zyx/generic.nix"]
    assert found.late == found.unread
    assert len(survey(tree).late) == 5
