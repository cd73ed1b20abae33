"""Render the sentences in `patches/`; a template has a macro for each sentence."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import patches

if TYPE_CHECKING:
    from jinja2 import Environment

_NOUNS = {
    "agent",
    "backend",
    "cli",
    "client",
    "core",
    "daemon",
    "dashboard",
    "frontend",
    "generator",
    "server",
    "service",
    "ui",
    "website",
    "webui",
}
"""Names of let-bound packages that are nouns and get the article "the" in a sentence.
"""

MOST_LISTED = 4
"""The maximum number of names that a sentence lists."""


class TextPart(Struct, frozen=True, kw_only=True):
    """A let-bound package in a text: its binding's name, and its attribute path."""

    name: str
    path: tuple[str, ...]

    @property
    def attribute(self) -> str:
        """The last name of the attribute path."""
        return self.path[-1]

    @property
    def introduced(self) -> str:
        """The attribute's name, with the name of the binding if it differs."""
        is_known = self.name == self.attribute or len(self.path) == 1
        return self.attribute if is_known else f"{self.attribute} ({self.name})"


def sentence(template: str, macro: str, *arguments: object) -> str:
    """Return the result of a macro in `patches/TEMPLATE.jinja`, on one line."""
    return " ".join(block(template, macro, *arguments).split())


def block(template: str, macro: str, *arguments: object) -> str:
    """Return the result of a macro in `patches/TEMPLATE.jinja` with line breaks."""
    folder, _, name = template.rpartition("/")
    macros = _environment(folder).get_template(f"{name}.jinja").module
    return str(getattr(macros, macro)(*arguments))


@cache
def _environment(folder: str) -> "Environment":
    # A late import: commands that propose nothing start faster without jinja2.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader(patches.shipped() / folder),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - a commit message is not HTML
    )
    filters: dict[str, Callable[..., object]] = {
        "agree": agree,
        "called": called,
        "capital": capital,
        "few": few,
        "introduced": introduced,
        "listed": listed,
    }
    environment.filters.update(filters)
    return environment


def agree(words: Sequence[object], one: str, many: str) -> str:
    """Return `one` or `many`, the singular or plural form for the number of `words`."""
    return many if len(words) > 1 else one


def listed(words: Sequence[str]) -> str:
    """Return words as `a`, `a and b`, or `a, b and c`."""
    *most, last = words or ("",)
    return f"{', '.join(most)} and {last}" if most else last


def few(words: Sequence[str]) -> str:
    """Return the words as `listed` does; if there are many, the last is `others`."""
    if len(words) > MOST_LISTED:
        words = (*words[: MOST_LISTED - 1], "others")
    return listed(words)


def called(parts: Sequence[TextPart]) -> list[str]:
    """Return the names of let-bound packages for a sentence, with articles."""
    return [f"{_article(part)}{part.attribute}" for part in parts]


def introduced(parts: Sequence[TextPart]) -> list[str]:
    """Return the names of let-bound packages, with their bindings if those differ."""
    return [f"{_article(part)}{part.introduced}" for part in parts]


def _article(part: TextPart) -> str:
    return "the " if part.attribute in _NOUNS else ""


def capital(words: str) -> str:
    """Return words with a capital letter if they begin with "the".

    Other words begin with the name of a package, which stays as it is.
    """
    return f"T{words[1:]}" if words.startswith("the ") else words
