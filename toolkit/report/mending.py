"""Describe the changes that `reach --fix` makes, as a diff and as sentences."""

import shlex
from collections.abc import Iterator, Sequence
from difflib import unified_diff
from pathlib import Path

from msgspec import Struct


class Mended(Struct, frozen=True, kw_only=True):
    """A file that `reach --fix` changes: its old and new text.

    `attributes` are the attributes whose overrides take effect after the change.
    `hashes` is the number of new hashes. `link` is the symbolic link that the user
    named, if any. `is_changed` is true if the file has changes that are not committed
    to git.
    """

    file: Path
    before: str
    after: str
    attributes: tuple[str, ...]
    hashes: int = 0
    link: Path | None = None
    is_changed: bool = False


class Refused(Struct, frozen=True, kw_only=True):
    """An override that `reach --fix` does not change, and the reason."""

    attribute: str
    reason: str


def diff(mended: Sequence[Mended]) -> Iterator[str]:
    """Yield the lines of a unified diff of all changed files."""
    for change in mended:
        lines = unified_diff(
            change.before.splitlines(),
            change.after.splitlines(),
            str(change.file),
            str(change.file),
            lineterm="",
        )
        yield from lines


def sentences(
    mended: Sequence[Mended], refused: Sequence[Refused], *, is_written: bool
) -> Iterator[str]:
    """Yield a sentence about each changed file, and each unchanged override."""
    for change in mended:
        yield f"{change.file}: {_change(change, is_written=is_written)}"
        if change.link is not None:
            yield f"{change.link}: is a link to {change.file}"
        if change.is_changed:
            yield f"{change.file}: has uncommitted changes in Git"
    for override in refused:
        yield f"{override.attribute}: not changed: {override.reason}"
    if not mended:
        yield "nothing to change"


def overlay_sentences(
    overlays: Sequence[Path],
    needed: Sequence[str],
    untracked: Sequence[Path],
    *,
    is_written: bool,
) -> Iterator[str]:
    """Yield a sentence about each overlay that unlet writes or the user has to add.

    `overlays` are the paths of written overlays, `needed` the lines for the user's list
    of overlays, and `untracked` the files that the user has to add to git.
    """
    for place in overlays:
        verb = "has" if is_written else "would have"
        yield f"{place}: {verb} the overlay that the change needs"
    for place in untracked:
        yield (
            "a flake contains only files that Git knows: run git add "
            f"{shlex.quote(str(place))}"
        )
    for line in needed:
        yield f"put unlet's overlay before yours: {line}"


def unhashed_sentence(place: str, reason: str) -> str:
    """Return the sentence about a fake hash that remains in a file."""
    return f"{place}: the fake hash remains: {reason}"


def _change(change: Mended, *, is_written: bool) -> str:
    verb = "is written" if is_written else "would change"
    plural = "" if change.hashes == 1 else "es"
    hashes = f"with {change.hashes} hash{plural} from Nix" if change.hashes else ""
    aim = (
        f"so that the overrides of {_list(change.attributes)} reach"
        if change.attributes
        else ""
    )
    return ", ".join(filter(None, (verb, hashes, aim)))


def _list(names: Sequence[str]) -> str:
    *first, last = dict.fromkeys(names)
    return f"{', '.join(first)} and {last}" if first else last
