"""Cases of a rewrite as files: a text, and what becomes of it as a diff without omissions, or why it is refused.

A case begins with lines that start with `#`: behind `##` its name, which also those
below have until the next one, then TOML with options of the rewrite and with what is
expected of its value. The lines of the text follow; `-` begins those that go, `+` those
that come. A header with `refusal` or `layout` has the message of that error, and its
`hint` if any. A field of a field stands in quotes, as "let.moved"; `none` names one that
is None.
"""

import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import pytest
from msgspec import Struct, json

from tests.parsing import assert_parses
from toolkit.errors import LayoutError, RefusalError

_REFUSALS = {"refusal": RefusalError, "layout": LayoutError}


class Case(Struct, frozen=True, kw_only=True):
    """A text before and after a rewrite, with the options of that and the fields of its value."""

    name: str
    options: Mapping[str, object]
    expected: Mapping[str, object]
    before: str
    after: str

    def check(self, rewrite: Callable[[], object]) -> None:
        """Compare a rewrite's text, or value with `text` and the fields that are expected, or its refusal."""
        refusal = next((name for name in _REFUSALS if name in self.expected), None)
        if refusal is None:
            made = rewrite()
            assert_parses(self.after)
            assert (
                made if isinstance(made, str) else getattr(made, "text", None)
            ) == self.after
            expected = {**self.expected}
            if none := expected.pop("none", None):
                assert getattr(made, str(none)) is None
            fields = {name: attrgetter(name)(made) for name in expected}
            assert json.decode(json.encode(fields, order="sorted")) == expected
        else:
            with pytest.raises(RefusalError) as caught:
                rewrite()
            assert type(caught.value) is _REFUSALS[refusal]
            found = {refusal: caught.value.message, "hint": caught.value.hint}
            assert {
                name: each for name, each in found.items() if each is not None
            } == self.expected


def cases(path: Path, options: Collection[str] = ()) -> list[Case]:
    """Read the cases of a file.

    `options` are the names in their headers that are options.
    """
    return list(_cases(path.read_text().splitlines(), options))


def _cases(lines: list[str], options: Collection[str]) -> Iterator[Case]:
    name, header = "", dict[str, object]()
    for is_header, group in groupby(lines, key=lambda line: line.startswith("#")):
        if is_header:
            first, *rest = group
            name = first.removeprefix("## ") if first != "#" else name
            header = tomllib.loads("\n".join(line[1:] for line in rest))
        else:
            body = "\n".join(group).rstrip("\n").split("\n")
            yield Case(
                name=name,
                options={key: value for key, value in header.items() if key in options},
                expected={
                    key: value for key, value in header.items() if key not in options
                },
                before="".join(
                    f"{line[1:]}\n" for line in body if not line.startswith("+")
                ),
                after="".join(
                    f"{line[1:]}\n" for line in body if not line.startswith("-")
                ),
            )
