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
"""Names of parts that are nouns, with which a sentence uses "the"."""

MOST_LISTED = 4
"""The most names of a list in a sentence."""


class TextPart(Struct, frozen=True, kw_only=True):
    """A part of a package: the name of its binding, and the path of its attribute."""

    name: str
    path: tuple[str, ...]

    @property
    def attribute(self) -> str:
        """The last name of the path."""
        return self.path[-1]

    @property
    def introduced(self) -> str:
        """The attribute, and the binding if that has another name."""
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
    # Commands that propose nothing start without it.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader(patches.shipped() / folder),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - a commit message is no HTML
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
    """Return the singular or plural form for the number of `words`."""
    return many if len(words) > 1 else one


def listed(words: Sequence[str]) -> str:
    """Return `a`, `a and b`, or `a, b and c`."""
    *most, last = words or ("",)
    return f"{', '.join(most)} and {last}" if most else last


def few(words: Sequence[str]) -> str:
    """Return the words as `listed` does, with all after the third as `others`."""
    if len(words) > MOST_LISTED:
        words = (*words[: MOST_LISTED - 1], "others")
    return listed(words)


def called(parts: Sequence[TextPart]) -> list[str]:
    """Return the names of parts in a sentence."""
    return [f"{_article(part)}{part.attribute}" for part in parts]


def introduced(parts: Sequence[TextPart]) -> list[str]:
    """Return the names of parts, with those of their bindings if these differ."""
    return [f"{_article(part)}{part.introduced}" for part in parts]


def _article(part: TextPart) -> str:
    return "the " if part.attribute in _NOUNS else ""


def capital(words: str) -> str:
    """Return the beginning of a sentence with a capital letter; keep a part's name."""
    return f"T{words[1:]}" if words.startswith("the ") else words
