"""Conclusions about an override without further questions: from its members, two values, or Nix's failure."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from msgspec import Struct

from toolkit import files
from toolkit.errors import ToolkitError
from toolkit.reach.answers import Pair
from toolkit.reach.effects import OWN, Left, Outcome, Override, Replacement
from toolkit.reach.session import EvaluationError


class Verdict(Struct, frozen=True, kw_only=True):
    """The effect of an override, its remains, the reason, and an alternative; see `Override`."""

    status: Outcome
    left: tuple[Left, ...] = ()
    reason: str | None = None
    instead: str | None = None
    replaced_by: Replacement | None = None


def together(members: Sequence[Override]) -> Verdict:
    """Judge an attribute by the members of its scope."""
    found = {each.status for each in members}
    left = next((each.left for each in members if each.left), ())
    if len(found) == 1:
        first = members[0]
        return Verdict(status=first.status, left=left, reason=first.reason, replaced_by=first.replaced_by)
    if found <= {Outcome.REACHES, Outcome.NEW, Outcome.NO_EFFECT}:
        return Verdict(status=Outcome.REACHES)
    return Verdict(status=Outcome.IN_PART, left=left, reason="only some members of its scope reach the build")


def unlike(pair: Pair) -> Verdict:
    """Judge a pair with at most one package in it."""
    if pair.old.kind == "nothing":
        return Verdict(status=Outcome.NEW)
    if pair.new.kind == "function" or (pair.new.drv is None and pair.old.kind == pair.new.kind):
        return Verdict(status=Outcome.UNKNOWN, reason=f"is a {pair.new.kind}, not a package")
    return Verdict(status=Outcome.REACHES)


_INPUT = re.compile(r"… unlet: input '([^']+)'")
_ABSENT = re.compile(
    r"^unlet: |unable to download|cannot fetch|Cannot find Git revision|"
    r"Unable to start any build|Failed to open archive"
)


def is_absent(failed: EvaluationError) -> bool:
    """Return whether Nix failed because a file of the user's is missing here, which is not the override's fault."""
    return _ABSENT.search(failed.message) is not None


def reason_of(failed: EvaluationError) -> str:
    """Return why something cannot be read; name the flake's input if that is unavailable."""
    found = _INPUT.search(failed.stderr) if is_absent(failed) and " is not locked" not in failed.message else None
    return f"input '{found[1]}' cannot be fetched" if found is not None else failed.message.removeprefix("unlet: ")


@cache
def is_own(file: str) -> bool:
    """Return whether a file is one of unlet's own overlays."""
    try:
        return f"\n{OWN}".encode() in files.read(Path(file))
    except ToolkitError:
        return False
