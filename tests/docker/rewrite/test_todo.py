from __future__ import annotations

import re

import pytest

from tests.docker.rewrite.conftest import EVERY_STRATEGY, file_of, place, refusal, rewrite, sub, text_of
from toolkit.docker.plan import Strategy
from toolkit.docker.rewrite import series

LINE = r"^( +)# TODO: move packages.*\n"
GOES = "TODO: move packages out of the let"


def comment(new: str) -> str:
    """Return a file with another comment in place of upstream's; @ stands for its margin."""
    return sub(LINE, lambda match: new.replace("@", match[1]))


@EVERY_STRATEGY
def test_code_on_the_line_of_the_todo_stays(strategy: Strategy) -> None:
    text = sub(r'^( +outputs = \[ "out" \];)$', rf"\1 # {GOES}...in", comment(""))
    lifted, _ = rewrite(text, strategy)
    assert 'outputs = [ "out" ];\n' in lifted
    assert "TODO" not in lifted


def test_code_behind_the_todo_stays() -> None:
    lifted, _ = rewrite(sub(LINE + " +", rf"\1/* {GOES} */ "), Strategy.HIDDEN)
    assert re.search(r"^ +# for those who replace a part\n +inherit$", lifted, re.MULTILINE)


def test_todo_in_the_first_line_goes_with_its_line() -> None:
    assert rewrite(f"# {GOES}...in\n{comment('')}")[0].startswith("{ lib, callPackage }:")


def test_todo_at_the_end_of_the_file_goes() -> None:
    before = text_of()
    assert series.without_todo(file_of(f"{before}# {GOES}")) == series.without_todo(file_of(before))


def test_every_todo_goes() -> None:
    line = f"@# {GOES}...in into top-level\n"
    assert "TODO" not in rewrite(comment(line + line))[0]


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
    assert refusal(text) == f"{place(text, begin)}: this comment holds more than the TODO, which is to be removed"


def test_comment_that_goes_on_below_the_end_of_a_line_is_refused() -> None:
    code = '        outputs = [ "out" ]; '
    text = sub(r'^ +outputs = \[ "out" \];$', f"{code}# {GOES}\n{' ' * len(code)}# and more", comment(""))
    assert refusal(text) == f"{place(text, '# TODO')}: this comment holds more than the TODO, which is to be removed"
    assert "# and more" in rewrite(text.replace("  # and more", "# and more"))[0]


@pytest.mark.parametrize(
    "more",
    ["\n@# and more\n", "@# TODO: another thing\n", "@# FIXME: another thing\n", "@  # and more\n", "@/* more */\n"],
)
def test_comment_that_only_follows_the_todo_stays(more: str) -> None:
    lifted, _ = rewrite(comment(f"@# {GOES}\n{more}"))
    assert more.strip("@ \n") in lifted
    assert GOES not in lifted
