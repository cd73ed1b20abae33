import pytest

from toolkit import specimen
from toolkit.judge import tokens
from toolkit.judge.mapping import ALL_PACKAGES, Map
from toolkit.sources.trees import NixpkgsTree

SET = """{ lib, callPackage }:
let
  common = callPackage ./common.nix { };
in
with lib;
{
  one = callPackage ./one.nix { };
  two = with one; { inner = callPackage ./two.nix { }; };
  inherit (callPackages ./more { }) three four;
  text = "${toString (callPackage ./text.nix { })} ''";
  long = ''
    ''${no} ${callPackage ./long.nix { }}
  '';
  five = common;
}
"""


def at(path: str) -> set[tuple[str, ...]]:
    return tokens.attributes(SET, SET.index(path))


def test_a_place_is_part_of_the_attributes_around_it() -> None:
    assert at("./one.nix") == {("one",)}
    assert at("./two.nix") == {("two",), ("two", "inner")}
    assert at("./text.nix") == {("text",)}
    assert at("./long.nix") == {("long",)}


def test_a_let_within_an_attribute_is_part_of_that() -> None:
    text = "{ a.b = let x = 1; in x; c = x; }"
    assert tokens.attributes(text, text.index("1")) == {("a", "b")}


def test_a_place_is_not_part_of_what_ends_there() -> None:
    text = "{ a = 1;b = 2; }"
    assert tokens.attributes(text, text.index("b")) == {("b",)}


def test_a_name_may_stand_in_quotes() -> None:
    text = '{ a = 1; "x y" = ./one.nix; }'
    assert tokens.attributes(text, text.index("./one.nix")) == {("x y",)}


def test_what_is_inherited_from_is_part_of_all_names() -> None:
    assert at("./more") == {("three",), ("four",)}


def test_a_binding_of_a_let_is_part_of_what_names_it() -> None:
    assert at("./common.nix") == {("five",)}


def test_a_set_of_a_let_that_another_one_inherits_is_part_of_what_that_is() -> None:
    text = (
        "let stable = rec { tiles = ./stable.nix; }; self = { inherit stable; }; "
        "in self"
    )
    found = tokens.attributes(text, text.index("./stable.nix"))
    assert found == {("tiles",), ("stable",), ("stable", "tiles")}


def test_attributes_that_differ_are_named_and_comments_are_none() -> None:
    after = (
        SET.replace("./one.nix", "./uno.nix")
        .replace("three four", "three")
        .replace("{ lib", "# x\n{ lib")
    )
    assert tokens.differing(SET, after) == (frozenset({("one",), ("four",)}), False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('"a#one"', '"a#two"'),
        ('"/*a*/"', '"/*b*/"'),
        ('"a b"', '"a  b"'),
        ("''\n  # a\n''", "''\n  # b\n''"),
        ('"${"#a"}"', '"${"#b"}"'),
    ],
)
def test_within_a_string_nothing_is_a_comment(one: str, other: str) -> None:
    before, after = (f"{{ a = 1; b = {value}; /* c */ }}" for value in (one, other))
    assert tokens.differing(before, after)[0] == {("b",)}
    assert (
        tokens.differing(
            before, before.replace("/* c */", "# d\n").replace("; b", ";\n  b")
        )[0]
        == set()
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{ notes }: 1", 1),
        ("pkgs.notes.version", 1),
        ('"a ${notes}/bin"', 1),
        ("''\n  ${pkgs.notes}\n''", 1),
        ('pkgs."notes"', 1),
        ('getAttr "notes" pkgs', 1),
        ('"take notes"', 0),
        ('"notes of ${other}"', 0),
        ("''\n  await notes\n''", 0),
        ("1 # notes", 0),
        ("/* notes */ 1", 0),
        ("./notes.nix", 0),
    ],
)
def test_a_word_of_a_comment_or_of_a_longer_string_is_no_name(
    text: str, found: int
) -> None:
    assert len(tokens.in_code(text, (text.index("notes"),))) == found


CONDITIONS = """{
  inputs = [
    one
  ]
  ++ optionals isMusl [
    two
    three
  ];
  script = optionalString (
    isWindows && x
  ) \'\'
    four
  \'\';
  word =
    if isAvr then
      "five"
    else
      "six";
}
"""


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("    one", ""),
        ("    three", "isMusl"),
        ("    four", "isWindows"),
        ('      "five"', "isAvr"),
    ],
)
def test_the_conditions_of_a_line_are_before_what_it_stands_in(
    line: str, word: str
) -> None:
    found = tokens.conditions(CONDITIONS, {line})
    assert line in found
    assert tokens.conditions(CONDITIONS.replace("\n", "\r\n"), {line}) == found.replace(
        "\n", "\r\n"
    )
    assert [each for each in ("isMusl", "isWindows", "isAvr") if each in found] == [
        word
    ] * bool(word)


def test_only_what_opens_the_brackets_is_a_condition() -> None:
    assert tokens.conditions(CONDITIONS, {"    four"}) == "".join(
        CONDITIONS.splitlines(keepends=True)[:1]
    ) + ("  script = optionalString (\n    isWindows && x\n  ) ''\n    four\n")


def test_attributes_in_others_and_in_a_let_are_named_if_asked_for() -> None:
    table = (
        "let self = with self; { one = { }; two = rec { inner = { x = 1; }; }; "
        "}; in self"
    )
    after = table.replace("x = 1", "x = 2")
    assert tokens.differing(table, after, deep=True)[0] == {
        ("two",),
        ("two", "inner"),
        ("two", "inner", "x"),
    }
    assert tokens.differing(table, after)[0] == {("two",)}


def test_what_is_in_no_attribute_is_the_rest() -> None:
    assert tokens.differing(
        SET, SET.replace("common = callPackage", "common = callPackages")
    )[1]


def test_a_text_that_is_not_nix_has_no_bindings() -> None:
    assert tokens.find("a = }; }") == []


def test_a_path_of_fifty_thousand_names_is_read_like_any_other() -> None:
    (binding,) = tokens.find(f"{{ {'.'.join(['a'] * 50_000)} = 1; }}")
    assert len(binding.names) == 50_000


def test_a_file_that_nobody_names_is_in_what_is_called_by_its_directory() -> None:
    contents = {
        ALL_PACKAGES: b"{ parts = callPackage ../tools/parts { }; }",
        "pkgs/tools/parts/default.nix": b"{ parts }: parts { }",
    }
    places = Map(NixpkgsTree(root=specimen.path(), key="specimen"), contents)
    found, is_all = places.reached("pkgs/tools/parts/one/two.txt")
    assert {*found} == {("parts",), ("parts", "one")}
    assert not is_all
    assert places.reached("pkgs/tools/parts/two.nix")[0] == {
        ("parts",),
        ("parts", "two"),
    }
    assert places.families() >= {
        ("emacs", "pkgs"),
        ("linuxKernel", "packages"),
        ("qt5",),
    }


def test_a_table_of_the_package_set_makes_sets_and_has_what_it_inherits() -> None:
    contents = {ALL_PACKAGES: b"{ inherit (gnome) gvfs; }"}
    places = Map(NixpkgsTree(root=specimen.path(), key="specimen"), contents)
    assert places.inherited([("gnome", "gvfs"), ("gnome", "other")]) == {("gvfs",)}
    assert places.reached(
        ALL_PACKAGES, [("gnome", "gvfs"), ("linuxPackagesFor", "zfs")]
    )[0] == {
        ("gnome", "gvfs"),
        ("gvfs",),
        ("linuxPackages", "zfs"),
        ("linuxPackages_latest", "zfs"),
    }
    configured = places.reached(
        "pkgs/development/haskell-modules/common.nix", [("self", "aeson")]
    )[0]
    assert configured == {("haskellPackages", "aeson")}
    files = (
        ALL_PACKAGES,
        "pkgs/top-level/python-packages.nix",
        "pkgs/tools/parts/default.nix",
    )
    assert [places.is_table(file) for file in files] == [True, True, False]


def test_each_version_of_a_language_but_the_default_has_sets_of_its_own() -> None:
    table = b"""{
  python3 = python313;
  python313Packages = recurseIntoAttrs python313.pkgs;
  python314Packages = recurseIntoAttrs python314.pkgs;
}
"""
    places = Map(
        NixpkgsTree(root=specimen.path(), key="specimen"), {ALL_PACKAGES: table}
    )
    assert ("python314Packages",) in places.families()
    assert ("python313Packages",) not in places.families()
