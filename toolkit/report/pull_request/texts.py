"""What pull-request.md says beside the evidence: patches/pull-request.toml as values."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.errors import ToolkitError
from toolkit.record import Record
from toolkit.report.pull_request.wording import unwrapped

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What is said of one thing that becomes of rootlesskit, and of the whole series where it does."""

    title: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A way to make the components overridable: what it is, more of it where it is taken, why not where it is not."""

    what: str
    taken: str
    rejected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """Another pull request of the same goal; `about` continues its number to a sentence without a full stop."""

    number: int
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box of the template.

    `heading` is the line that stands above it. `proof` is the name of the proof that ticks it, None for what only
    people can; `extra` is the commit without which even that does not. `todo` is how people come to tick it.
    """

    text: str
    todo: str
    heading: str | None = None
    level: int = 0
    proof: str | None = None
    extra: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """All texts, in Markdown. `usage_proven` are sentences by their proofs, `extras` the proofs about each extra."""

    note: str
    why: str
    usage: str
    usage_proven: Mapping[str, str]
    endings: Mapping[str, Ending]
    designs: Mapping[str, Design]
    extras: Mapping[str, tuple[str, ...]]
    earlier: tuple[Earlier, ...]
    disclosure: str
    disclosure_trailers: str
    boxes: tuple[Box, ...]
    links: Mapping[str, str]


def read(content: bytes, *, name: str = "pull-request.toml") -> Texts:
    """Read a file like patches/pull-request.toml; raise ToolkitError where it is not as it should be."""
    try:
        record = Record(tomllib.loads(content.decode()), document=name)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ToolkitError(f"{name}: not TOML: {error}") from error
    record.only(
        *("note", "why", "usage", "usage-proven", "demotion", "design", "extra", "earlier", "disclosure", "box", "link")
    )
    demotion, extra, disclosure = record.record("demotion"), record.record("extra"), record.record("disclosure")
    disclosure.only("text", "trailers")
    return Texts(
        note=record.text("note").strip(),
        why=unwrapped(record.text("why")),
        usage=unwrapped(record.text("usage")),
        usage_proven=_texts(record.record("usage-proven")),
        endings={kind: _ending(demotion.record(kind)) for kind in demotion.names()},
        designs=_designs(record.record("design")),
        extras={kind: extra.record(kind).texts("proofs") for kind in extra.names()},
        earlier=tuple(_earlier(table) for table in record.records("earlier")),
        disclosure=unwrapped(disclosure.text("text")),
        disclosure_trailers=disclosure.text("trailers"),
        boxes=tuple(_box(table) for table in record.records("box")),
        links=_texts(record.record("link")),
    )


def _texts(record: Record) -> dict[str, str]:
    return {name: record.text(name) for name in record.names()}


def _ending(record: Record) -> Ending:
    record.only("title", "heading", "text")
    return Ending(title=record.text("title"), heading=record.text("heading"), text=unwrapped(record.text("text")))


def _designs(record: Record) -> dict[str, Design]:
    """Return the designs in their order; one without `taken` is never that of a series."""
    found: dict[str, Design] = {}
    for name in record.names():
        table = record.record(name)
        table.only("is", "taken", "rejected")
        found[name] = Design(
            what=table.text("is"),
            taken=unwrapped(table.optional("taken", table.text) or ""),
            rejected=table.text("rejected").strip(),
        )
    return found


def _earlier(record: Record) -> Earlier:
    record.only("number", "about")
    return Earlier(number=record.integer("number"), about=record.text("about"))


def _box(record: Record) -> Box:
    record.only("heading", "level", "text", "proof", "with", "todo")
    return Box(
        text=record.text("text"),
        todo=record.text("todo"),
        heading=record.optional("heading", record.text),
        level=record.optional("level", record.integer) or 0,
        proof=record.optional("proof", record.text),
        extra=record.optional("with", record.text),
    )
