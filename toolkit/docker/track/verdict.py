"""What the answers come to: keep the overlay, update, remove it, or that it cannot be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.docker.track.report.document import Judgement, Ref, State, Verdict
from toolkit.docker.track.upstream import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTHING_CHANGED, CHANGED, FIXED, COULD_NOT_TELL = 0, 1, 10, 11


def judge(refs: Sequence[Ref], pin: Ref | None) -> Verdict:
    """Judge what was found at the refs, and at the user's own pin where there is one.

    A channel is where a fix can be had; where no ref is a channel, any ref is. A state that is not known is no
    reason to keep or to remove anything.
    """
    channels = [ref for ref in refs if ref.kind == CHANNEL]
    sources = channels or list(refs)
    fixed = [ref for ref in sources if ref.state is State.FIXED]
    elsewhere = [ref for ref in refs if ref.state is State.FIXED and ref not in fixed]
    unknown = [ref for ref in (*refs, *((pin,) if pin is not None else ())) if ref.state is State.UNKNOWN]
    judgement, text = _judged(sources, fixed, elsewhere, pin)
    return Verdict(
        judgement=judgement,
        text=text,
        fixed_in=tuple(ref.name for ref in (*fixed, *elsewhere)),
        unknown=tuple(ref.name for ref in unknown),
    )


def _judged(
    sources: Sequence[Ref], fixed: Sequence[Ref], elsewhere: Sequence[Ref], pin: Ref | None
) -> tuple[Judgement, str]:
    if pin is not None and pin.state is State.FIXED:
        return Judgement.REMOVE, f"fixed in your nixpkgs ({pin.name}): remove the overlay"
    if pin is not None and pin.state is State.UNKNOWN:
        return Judgement.UNKNOWN, f"could not tell for your nixpkgs ({pin.name}): {pin.reason}"
    if fixed:
        where = _listed(fixed)
        if pin is not None:
            return Judgement.UPDATE, f"fixed in {where}; your pin ({pin.name}) does not have it yet"
        return Judgement.UPDATE, f"fixed in {where}: you can remove the overlay as soon as your nixpkgs is one of these"
    return _not_fixed(sources, elsewhere)


def _not_fixed(sources: Sequence[Ref], elsewhere: Sequence[Ref]) -> tuple[Judgement, str]:
    names = {state: ", ".join(ref.name for ref in sources if ref.state is state) for state in State}
    if unknown := names[State.UNKNOWN]:
        text = f"could not tell whether it is fixed in {unknown}: keep the overlay until that is known"
        return Judgement.UNKNOWN, text
    if elsewhere:
        return Judgement.KEEP, f"keep the overlay: fixed in {_listed(elsewhere)}, but in no channel yet"
    if half := names[State.HALF_FIXED]:
        return Judgement.KEEP, f"keep the overlay: half fixed in {half}, fixed nowhere"
    return Judgement.KEEP, "keep the overlay: fixed nowhere yet"


def exit_code(verdict: Verdict, *, changed: bool) -> int:
    """Return the exit code; a fix that is to be had comes first, an answer with gaps is never called unchanged."""
    if verdict.judgement in {Judgement.REMOVE, Judgement.UPDATE}:
        return FIXED
    if verdict.judgement is Judgement.UNKNOWN or verdict.unknown:
        return COULD_NOT_TELL
    return CHANGED if changed else NOTHING_CHANGED


def _listed(refs: Sequence[Ref]) -> str:
    """Return names with the dates since when they are fixed, each date once."""
    by_date: dict[str | None, list[str]] = {}
    for ref in refs:
        by_date.setdefault(ref.fixed_by.date[:10] if ref.fixed_by is not None else None, []).append(ref.name)
    return ", ".join(f"{', '.join(names)}{f' since {date}' if date else ''}" for date, names in by_date.items())
