"""Carrying the commits of one file over to another version of it, as `git am` and `git cherry-pick` do."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.errors import ToolkitError
from toolkit.git import mailing, patching, program
from toolkit.model import Fit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePosixPath

    from toolkit.model import Commit, Patch

# Longer than any line that a file of Nix would have by chance.
_MARKER = 60


class Merged(Struct, frozen=True, kw_only=True):
    """What became of one commit on another version of the file.

    `content` is the file after it, None if there is none. `offset` is by how many lines its hunks moved.
    `conflicts` are the lines of that version, before any commit, at which `git cherry-pick` conflicts; one that
    `git am` takes all the same APPLIES. `reason` continues a sentence that begins with the commit.
    """

    fit: Fit
    content: bytes | None
    offset: int = 0
    conflicts: tuple[int, ...] = ()
    reason: str | None = None


def merge(
    content: bytes, target: PurePosixPath, commits: Sequence[Commit], patches: Sequence[Patch]
) -> tuple[Merged, ...]:
    """Carry commits, which follow one another, over to a file of this content, each onto the result of the one before.

    `patches` are the commits as mails. The last of what is returned is the first commit that conflicts, if one does:
    those after it have nothing to go on. Everything happens in repositories that live for the call.
    """
    merged: list[Merged] = []
    now = content
    for commit, patch in zip(commits, patches, strict=True):
        merged.append(_carry(commit, patch, target, now=now, first=content))
        if (after := merged[-1].content) is None:
            break
        now = after
    return tuple(merged)


def _carry(commit: Commit, patch: Patch, target: PurePosixPath, *, now: bytes, first: bytes) -> Merged:
    """Carry one commit over to the content `now`; lines of conflicts are numbered as those of `first`."""
    fits = patching.fit(now, target, patch.content)
    applied = patching.apply(now, target, patch.content) if fits.applies else None
    clean, picked = _cherry_pick(commit, target, onto=now)
    if not clean:
        lines = _conflicts(picked, first)
        if applied is None:
            return Merged(fit=Fit.CONFLICTS, content=None, conflicts=lines, reason="conflicts")
        reason = "applies by git am, conflicts by git cherry-pick"
        return Merged(fit=Fit.APPLIES, content=applied, offset=fits.offset, conflicts=lines, reason=reason)
    if applied == picked:
        return Merged(fit=Fit.APPLIES, content=applied, offset=fits.offset)
    elsewhere = None if applied is None else "git am and git cherry-pick put it in different places"
    return Merged(fit=Fit.MERGES, content=picked, reason=elsewhere)


def _cherry_pick(commit: Commit, target: PurePosixPath, *, onto: bytes) -> tuple[bool, bytes]:
    """Let git pick the commit, in a repository that has the file alone.

    Return whether it could, and the file then, which has conflict markers where it could not.
    """
    here = mailing.NewCommit(files={target: onto})
    there = (mailing.NewCommit(files={target: content}, branch="picked") for content in (commit.before, commit.after))
    with mailing.throwaway(here, *there) as repository:
        attributes = repository / ".git" / "info" / "attributes"
        attributes.parent.mkdir(exist_ok=True)
        attributes.write_text(f"* conflict-marker-size={_MARKER}\n")
        pick = ("cherry-pick", "--keep-redundant-commits", "picked")
        tried = program.run_hermetic(repository, *pick, ok=(0, 1), date=program.EPOCH)
        return tried.status == 0, (repository / target).read_bytes()


def _conflicts(marked: bytes, first: bytes) -> tuple[int, ...]:
    """Return the lines of `first` that the conflicts in `marked` begin at."""
    ours: list[bytes] = []
    places: list[int] = []
    theirs = False
    for line in marked.split(b"\n"):
        if line.startswith(b"<" * _MARKER):
            places.append(len(ours))
        elif line.startswith(b"=" * _MARKER):
            theirs = True
        elif line.startswith(b">" * _MARKER):
            theirs = False
        elif not theirs:
            ours.append(line)
    if not places:
        raise ToolkitError("git cherry-pick: stopped, and shows no conflict")
    known = first.split(b"\n")
    blocks = SequenceMatcher(None, ours, known, autojunk=False).get_opcodes()
    last = len(first.splitlines())
    lines = (min(last, _line(place, blocks)) for place in places)
    return tuple(dict.fromkeys(line for line in lines if line))


def _line(place: int, blocks: Sequence[tuple[str, int, int, int, int]]) -> int:
    """Return the line, from 1 on, that an index of the first of two texts is at in the second."""
    kind, begin, _, other, _ = next(block for block in reversed(blocks) if block[1] <= place)
    return other + (place - begin if kind == "equal" else 0) + 1
