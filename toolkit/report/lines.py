"""A line of output for people, with a tone that determines the line's colour."""

from enum import StrEnum

from msgspec import Struct


class Tone(StrEnum):
    """The tone of a line, which determines its colour on a terminal.

    The tones mean: no colour, good, unknown, and bad.
    """

    PLAIN = "plain"
    PROVEN = "proven"
    NOT_RUN = "not run"
    FAILED = "failed"


class Line(Struct, frozen=True, kw_only=True):
    """A line of output for people, without a line feed.

    `head` is the number of characters at the line's start that have the tone; None
    means all.
    """

    text: str
    tone: Tone = Tone.PLAIN
    head: int | None = None
