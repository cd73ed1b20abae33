from __future__ import annotations

import re

import pytest

from tests.docker.rewrite.conftest import (
    EVERY_STRATEGY,
    file_of,
    kit,
    place,
    refusal,
    rewrite,
    sub,
    text_of,
)
from toolkit.docker.steps import Demotion
from toolkit.lift.plan import Design
from toolkit.lift.style import Style

LAST = r",(\n    \}:)$"
"""The end of dockerGen's parameters."""


# Comments


@EVERY_STRATEGY
@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"^( +)docker-tini =", r"\1# remark\n\1docker-tini ="),
        (r"^( +)docker-tini =", r"\1/* remark */\n\n\1docker-tini ="),
        (r"^( +)docker-tini =", r"\1/* remark */ docker-tini ="),
        (r"^( +)docker-meta =", r"\1# remark\n\n\1docker-meta ="),
        (r"^( +\}\);)\n\n( +docker-tini)", r"\1 # remark\n\n\2"),
        (r"^( +\}\);)\n\n( +docker-tini)", r"\1 /* remark */\n\n\2"),
        (r"^    let$", r"    let # remark"),
        (r"^    let$", r"    # remark\n    let"),
        (r"^    \}:$", r"    }: # remark"),
        (r"dockerGen =$", r"dockerGen = # remark"),
        (LAST, r", # remark\1"),
        (LAST, r" /* remark */,\1"),
        (LAST, r"\n      # remark\n      ,\1"),
        (LAST, r" # remark\1"),
        (r"^( +)rootlesskit$", r"\1# remark\n\1rootlesskit"),
        (r"^( +)slirp4netns$", r"\1# remark\n\1slirp4netns"),
    ],
)
def test_comment_stays_once(pattern: str, new: str, strategy: Design) -> None:
    # What drops rootlesskit also drops its parameter.
    lifted, demoted = rewrite(sub(pattern, new), strategy, Demotion.DROP)
    assert (lifted.count("remark"), demoted.count("remark")) == (1, 1)


def test_comment_stays_once_where_rootlesskit_moves() -> None:
    text = sub(r"^( +)rootlesskit$", r"\1# remark\n\1rootlesskit")
    assert [made.count("remark") for made in rewrite(text, Design.HIDDEN, Demotion.SUFFIX)] == [1, 1]


@pytest.mark.parametrize("remark", ["# remark", "/* remark */", "/* re */ /* remark */", "/* re */ # remark"])
def test_comment_on_the_line_of_a_binding_moves_with_it(remark: str) -> None:
    lifted, _ = rewrite(sub(r"^( +\}\);)\n\n( +docker-tini)", rf"\1 {remark}\n\n\2"))
    assert f"}}); {remark}\n\n" in lifted
    assert lifted.index("finalAttrs:") < lifted.index("remark") < lifted.index("docker-tini =")


def test_comment_before_code_on_the_same_line_belongs_to_that_code() -> None:
    text = sub(r"^( +)docker-meta =", r"\1one = 1; /* remark */ docker-meta =")
    lifted, _ = rewrite(text)
    assert lifted.index("one = 1; /* remark */ docker-meta =") < lifted.index("finalAttrs:")


@pytest.mark.parametrize(
    ("strategy", "other", "pattern", "new"),
    [
        (Design.HIDDEN, Design.MOVE, "callPackage dockerGen", "callPackage /* remark */ dockerGen"),
        (Design.HIDDEN, Design.MOVE, "docker-tini = ", "docker-tini = /* remark */ "),
    ],
)
def test_comment_that_would_be_lost_is_refused(strategy: Design, other: Design, pattern: str, new: str) -> None:
    text = sub(pattern, new)
    fact = "this comment would be lost: the code around it is rewritten, not moved"
    assert refusal(text, strategy) == f"{place(text, '/* remark')}: {fact}"
    assert "/* remark */" in rewrite(text, other)[1]


# dockerGen's parameters


def test_missing_last_comma_is_added() -> None:
    lifted, _ = rewrite(sub(LAST, r"\1"), Design.HIDDEN)
    assert re.search(r"systemd,\n +# components", lifted)


def test_last_comma_does_not_stand_before_one_that_leads() -> None:
    lifted, _ = rewrite(sub(r"^( +\}):$", r"      , # remark\n\1:", text_of("24.0")), Design.HIDDEN)
    assert re.search(r"\n +# remark\n +# components", lifted)


def test_lone_comma_does_not_make_the_style() -> None:
    text = sub(r"^( +)rootlesskit,$", r"\1rootlesskit\n\1# remark\n\1,")
    assert file_of(text).style is Style.NIXFMT
    rewrite(text)


@pytest.mark.parametrize("name", ["29.6", "24.0"])
def test_parameter_goes_into_the_braces_of_a_pattern_with_a_name(name: str) -> None:
    text = sub(r"^( +\}):$", r"\1@all:", text_of(name))
    lifted, _ = rewrite(text, Design.HIDDEN)
    assert lifted.index("docker-runc ?") < lifted.index("}@all:")


@EVERY_STRATEGY
@pytest.mark.parametrize("pattern", [r",?\n    \}:$", r",\n    \}:$"])
def test_brace_need_not_stand_alone(pattern: str, strategy: Design) -> None:
    rewrite(sub(pattern, " }:" if "?" in pattern else ", }:"), strategy)


@EVERY_STRATEGY
@pytest.mark.parametrize("name", ["29.6", "24.0"])
def test_pattern_may_be_one_line(name: str, strategy: Design) -> None:
    text = re.sub(r" *#[^\n]*", "", text_of(name))
    rewrite(sub(r"dockerGen =(\s+)\{[^}]*\}:", lambda match: re.sub(r"\s+", " ", match[0]), text), strategy)


@EVERY_STRATEGY
@pytest.mark.parametrize(("pattern", "new"), [(r"^( +\}):$", r"\1@all:"), (r"dockerGen =\s+\{", "dockerGen =\n all@{")])
def test_pattern_may_have_a_name(pattern: str, new: str, strategy: Design) -> None:
    rewrite(sub(pattern, new), strategy)


def test_pattern_without_parameters_is_refused() -> None:
    text = sub(r"^let$", "with import ./all.nix;\nlet", sub(r"\{\n +# in alpha(?:.|\n)*?\n    \}:$", "{ }:"))
    assert refusal(text, Design.HIDDEN) == f"{place(text, '{ }:')}: dockerGen has no parameters"
    rewrite(text)


# Names


@pytest.mark.parametrize("written", ["{}", '"{}"', '${{"{}"}}'])
def test_name_that_the_rewrite_introduces_is_seen_however_it_is_written(written: str) -> None:
    attribute = written.format("callDocker")
    text = sub(r"^( +)docker-runc =", lambda match: f"{match[1]}{attribute} = 7;\n{match[0]}")
    said = "the name 'callDocker', which the rewrite would introduce, is in use here"
    assert refusal(text, Design.HIDDEN) == f"{place(text, f'{attribute} = 7')}: {said}"
    assert "      finalAttrs:\n" in rewrite(text)[0]


def test_call_by_another_function_of_that_name_is_refused_by_scope() -> None:
    other = "(let callPackage = lib.callPackageWith { }; in callPackage dockerGen)"
    text = sub("callPackage dockerGen", other)
    said = "'callPackage' has a different meaning here than at dockerGen"
    assert refusal(text, Design.HIDDEN) == f"{place(text, 'callPackage dockerGen)')}: {said}"
    assert other in rewrite(text)[0]


@pytest.mark.parametrize("call", ["callPackage (dockerGen)", "(callPackage) dockerGen", "callPackage ((dockerGen))"])
def test_parentheses_around_a_call_make_no_difference(call: str) -> None:
    lifted, _ = rewrite(sub("callPackage dockerGen", call), Design.HIDDEN)
    assert lifted.count("callPackage") == text_of().count("callPackage")
    assert lifted.count("callDocker") == 3


@EVERY_STRATEGY
def test_parentheses_around_the_function_make_no_difference(strategy: Design) -> None:
    text = sub(r"^in\n\{", r"  );\nin\n{", sub(r"dockerGen =\n    \{", "dockerGen = (\n    {"))
    text = sub(r"\n    \);\n  \);", "\n    ));", text)
    rewrite(text, strategy)


@EVERY_STRATEGY
def test_operator_that_the_whole_file_has_is_no_obstacle(strategy: Design) -> None:
    rewrite(sub(r"^let$", r"let\n  __sub = a: b: 7;"), strategy)


# What stands around the let


@EVERY_STRATEGY
@pytest.mark.parametrize("where", [r"^    let$", r"^let$"])
def test_assert_is_no_obstacle(where: str, strategy: Design) -> None:
    lifted, _ = rewrite(sub(where, r"assert 1 == 1;\n\g<0>"), strategy)
    assert lifted.count("assert 1") == 1


@EVERY_STRATEGY
def test_list_that_moves_is_found_again(strategy: Design) -> None:
    text = sub(r"^( +)moby =", r"\1kitPath = lib.makeBinPath [ rootlesskit slirp4netns ];\n\n\1moby =", kit("kitPath"))
    assert "lib.makeBinPath [ slirp4netns ]" in rewrite(text, strategy)[1]


def test_braces_that_end_in_the_line_of_the_last_parameter_stay_out_of_a_comment() -> None:
    text = sub(r"^      \);\n(?=\n +plugins =)", r"      ); # remark\n", sub(r",\n    \}:$", ", }:"))
    assert " # remark\n }:" in rewrite(text, Design.HIDDEN)[0]
