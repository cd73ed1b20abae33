"""A line for people with its tone, which decides its colour."""

from enum import StrEnum

from msgspec import Struct


class Tone(StrEnum):
    """The tone of a line: good, unknown or bad; a plain line has none."""

    PLAIN = "plain"
    PROVEN = "proven"
    NOT_RUN = "not run"
    FAILED = "failed"


class Line(Struct, frozen=True, kw_only=True):
    """A line for people, without a line feed.

    `head` is how many of its first characters have the tone; None means all.
    """

    text: str
    tone: Tone = Tone.PLAIN
    head: int | None = None
