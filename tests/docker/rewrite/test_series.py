import re

import pytest

from tests import specimens
from tests.docker.rewrite.conftest import (
    COMPONENTS,
    file_of,
    place,
    refusal,
    rewrite,
    sub,
    text_of,
)
from tests.parsing import assert_parses
from toolkit.docker import series
from toolkit.docker.rewrite.layout import component
from toolkit.docker.steps import DESIGNS, Demotion, steps
from toolkit.errors import LayoutError, RefusalError
from toolkit.lift.plan import Design

LAYOUTS = [name for name in specimens.LAYOUTS if name != "19.03"]


@pytest.mark.parametrize("demotion", Demotion)
@pytest.mark.parametrize("strategy", DESIGNS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_can_be_rewritten_by_every_strategy(
    layout: str, strategy: Design, demotion: Demotion
) -> None:
    _, demoted = rewrite(text_of(layout), strategy, demotion)
    file = file_of(demoted)
    bound = "attribute" if strategy is Design.MOVE else "parameter"
    assert {component(file, name).bound for name in COMPONENTS} == {bound}
    assert not file.todos()
    with pytest.raises(LayoutError, match="fixed: components overridable"):
        rewrite(demoted)


@pytest.mark.parametrize("strategy", DESIGNS)
def test_series_may_be_of_one_commit(strategy: Design) -> None:
    file = file_of(text_of())
    both = rewrite(text_of(), strategy)
    assert series.rewrite(file, steps(strategy, None)) == both[:1]
    (demoted,) = series.rewrite(file, steps(None, Demotion.SUFFIX))
    lifted_after = series.rewrite(file_of(demoted), steps(strategy, None))
    assert lifted_after == both[1:]


def test_remaining_step_can_be_proposed_alone() -> None:
    for name, only in (
        ("states/half-demoted", steps(Design.MOVE, None)),
        ("states/no-wrapper", steps(Design.HIDDEN, None)),
    ):
        (text,) = series.rewrite(file_of(text_of(name)), only)
        assert_parses(text)


@pytest.mark.parametrize("strategy", DESIGNS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_lines_outside_of_the_edit_never_change(layout: str, strategy: Design) -> None:
    before = text_of(layout)
    after = rewrite(before, strategy)[1]
    file = file_of(before)
    for block in file.release_blocks().values():
        assert (
            block.replace("callPackage dockerGen", "callDocker") in after
            or block in after
        )
    assert before.splitlines()[:2] == after.splitlines()[:2]
    assert not re.search(r"[ \t]+$", after, re.MULTILINE)
    assert after.endswith(before[-2:])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_suffix_keeps_rootlesskit_and_drop_leaves_no_trace_of_it(layout: str) -> None:
    suffix = rewrite(text_of(layout))[1]
    assert (
        len(
            re.findall(
                r'--suffix PATH : "\$\{(lib\.)?makeBinPath \[ ?rootlesskit ?\]\}"',
                suffix,
            )
        )
        == 1
    )
    assert "comes last, so that a security wrapper" in suffix
    assert "rootlesskit" not in rewrite(text_of(layout), demotion=Demotion.DROP)[
        1
    ].replace("rootlesskit.sh", "")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("19.03", "older than 20.10"),
        (
            "states/fixed",
            "fixed: components overridable: yes; rootlesskit in PATH: suffix",
        ),
        (
            "states/half-demoted",
            "half fixed: components overridable: no; rootlesskit in PATH: suffix",
        ),
        (
            "states/half-lifted",
            "half fixed: components overridable: partly; rootlesskit in PATH: prefix",
        ),
        (
            "states/no-wrapper",
            (
                "unknown: the file contains no known command that creates the "
                "dockerd-rootless wrapper"
            ),
        ),
        (
            "states/unknown",
            "unknown layout: no 'let' or 'rec' of the file defines a function dockerGen",
        ),
    ],
)
def test_other_files_are_named_for_what_they_are(name: str, said: str) -> None:
    with pytest.raises(LayoutError) as caught:
        rewrite(text_of(name))
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def change(layout: str, old: str, new: str) -> str:
    before = text_of(layout)
    assert old in before
    return before.replace(old, new, 1)


@pytest.mark.parametrize("strategy", DESIGNS)
@pytest.mark.parametrize("bad", ["\t", "\r"])
def test_string_that_cannot_be_indented_anew_stays_as_it_is(
    strategy: Design, bad: str
) -> None:
    text = change("29.6", "runHook preInstall\n", f"runHook preInstall{bad}# x\n")
    file = file_of(text)
    string = next(
        node
        for node in file.tree.nodes
        if node.kind == "indented_string_expression" and bad in node.text
    )
    lifted = re.sub(r"\bfinalAttrs\.(?=[a-z])", "", rewrite(text, strategy)[0])
    assert string.text in lifted


def test_empty_path_entry_is_never_written() -> None:
    text = re.sub(
        r"rootlesskit\s+slirp4netns\s+fuse-overlayfs", "rootlesskit", text_of("29.6")
    )
    with pytest.raises(RefusalError, match="an empty PATH entry"):
        rewrite(text)


# Upstream's TODO

LINE = r"^( +)# TODO: move packages.*\n"
GOES = "TODO: move packages out of the let"
ALONE = "the change removes the TODO, but other text shares its line or comment"


def comment(new: str) -> str:
    """Return a file with another comment in place of upstream's.

    @ stands for its margin.
    """
    return sub(LINE, lambda match: new.replace("@", match[1]))


def test_todo_that_is_not_alone_on_its_line_is_refused() -> None:
    for text in (
        sub(r'^( +outputs = \[ "out" \];)$', rf"\1 # {GOES}...in", comment("")),
        sub(LINE + " +", rf"\1/* {GOES} */ "),
    ):
        assert refusal(text).endswith(f": {ALONE}")


def test_every_todo_goes_with_its_line() -> None:
    line = f"@# {GOES}...in into top-level\n"
    assert "TODO" not in rewrite(comment(line + line))[0]
    assert rewrite(f"# {GOES}...in\n{comment('')}")[0].startswith(
        "{ lib, callPackage }:"
    )
    before = text_of()
    assert series.without_todo(file_of(f"{before}# {GOES}")) == series.without_todo(
        file_of(before)
    )


@pytest.mark.parametrize(
    ("new", "begin"),
    [
        (f"@# Note this. {GOES}\n", "# Note"),
        (f"@# {GOES}\n@# and more\n", "# TODO"),
        (f"@/* {GOES}\n@   and more */\n", "/* TODO"),
    ],
)
def test_comment_that_says_more_than_the_todo_is_refused(new: str, begin: str) -> None:
    text = comment(new)
    assert refusal(text) == f"{place(text, begin)}: {ALONE}"


@pytest.mark.parametrize(
    "more",
    [
        "\n@# and more\n",
        "@# TODO: another thing\n",
        "@# FIXME: another thing\n",
        "@  # and more\n",
        "@/* more */\n",
    ],
)
def test_comment_that_only_follows_the_todo_stays(more: str) -> None:
    lifted, _ = rewrite(comment(f"@# {GOES}\n{more}"))
    assert more.strip("@ \n") in lifted
    assert GOES not in lifted
