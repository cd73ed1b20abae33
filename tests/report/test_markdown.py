import re

import pytest

from toolkit.report.markdown import code, fence, plain
from toolkit.text import harmless


def test_code_block_cannot_be_ended_by_its_content() -> None:
    assert fence(("```", "x")) == "````\n```\nx\n````"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("@someone", "`@someone`"),
        ("see #1, a/b#1 and GH-1", "see `#1,` `a/b#1` and `GH-1`"),
        ("at https://github.com/a/b/issues/1", "at `https://github.com/a/b/issues/1`"),
        ("(www.a.b) HTTP://a", "`(www.a.b)` `HTTP://a`"),
        ("a@b.c 0123abc", "`a@b.c` `0123abc`"),
        ("`@a` ``#1", "`` `@a` `` ``` ``#1 ```"),
        ("&#64;someone &lt;img&gt;", "`&#64;someone` &amp;lt;img&amp;gt;"),
        ("<img src=x> <!-- -->", "&lt;img src=x> &lt;!-- -->"),
        ("![x](http://x) [x]: y", r"`![x](http://x)` \[x\]: y"),
        ("a `b` *c*\n# d\n\n- e", r"a \`b\` \*c\* # d - e"),
        ("\x1b[31m\u202e\u2028\u2060", r"\\u001b\[31m\\u202e \\u2060"),
    ],
)
def test_foreign_text_is_no_markup_and_notifies_nobody(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert harmless(plain(text)) == plain(text)


@pytest.mark.parametrize("text", ["`", "``a```b`", "a\n\n# b", "@someone `@other`"])
def test_span_of_code_cannot_be_ended_by_its_content(text: str) -> None:
    shown = code(text)
    ticks = len(shown) - len(shown.lstrip("`"))
    assert "\n" not in shown
    assert shown.endswith("`" * ticks)
    assert max(map(len, re.findall("`+", shown[ticks:-ticks])), default=0) < ticks
