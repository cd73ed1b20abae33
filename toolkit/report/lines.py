"""A line for people, and what it is, for whoever gives it a colour."""

from enum import StrEnum

from msgspec import Struct


class Tone(StrEnum):
    """What a line is: nothing went wrong, something is not known, or is wrong; a plain line is none of these."""

    PLAIN = "plain"
    PROVEN = "proven"
    NOT_RUN = "not run"
    FAILED = "failed"


class Line(Struct, frozen=True, kw_only=True):
    """A line for people, without a line feed; its first `head` characters have the tone, all for None."""

    text: str
    tone: Tone
    head: int | None = None
