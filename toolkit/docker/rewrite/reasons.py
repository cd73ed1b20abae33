"""Say of each hunk of a commit why it is there and which proofs cover it.

The reasons of the docker file's hunks come from what its syntax trees mean before and after; of the other files only
the place is known. What no reason is known for was not made by unlet, and is said to be so.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import documents
from toolkit.contribution import ExplainedCommit, ExplainedHunk, Reason
from toolkit.docker.rewrite import leftovers, recognise
from toolkit.docker.rewrite.layout import DockerFile
from toolkit.docker.rewrite.regions import Cause, Edited, Regions
from toolkit.errors import ToolkitError
from toolkit.git import patching

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from unidiff.patch import Hunk

    from toolkit.docker.rewrite.leftovers import FileLine
    from toolkit.model import FileChange, Oid, TreeCommit

FILE = Path(__file__).with_name("reasons.toml")


class _Place(Reason, frozen=True, kw_only=True):
    """Why a file that is not looked into has changed, if it is at or below `path`."""

    path: PurePosixPath


class _Reasons(Struct, frozen=True, kw_only=True):
    cause: dict[Cause, Reason]
    place: tuple[_Place, ...]


@cache
def catalogue() -> _Reasons:
    """Return what reasons.toml has."""
    return documents.read_toml(FILE.read_bytes(), _Reasons, document=FILE.name)


def explain(  # noqa: PLR0913 - a commit as it is, and what the plan says of the file
    commit: TreeCommit,
    diff: bytes,
    *,
    target: PurePosixPath,
    components: Sequence[str],
    entry: str,
    oid: Oid | None = None,
) -> ExplainedCommit:
    """Say why each hunk of a commit is there.

    `diff` is what git prints for the commit, which may be a mail of git-format-patch(1). A hunk of which nothing is
    known has no reason, such as each of a docker file that cannot be read; one of which a part is not known has, as its
    last, a reason without proofs which names the lines. Raise ValueError where the diff is not that of the files.
    """
    files = {file.path: file for file in commit.files}
    hunks: list[ExplainedHunk] = []
    for patched in patching.read_diff(diff):
        path = PurePosixPath(patched.path)
        if path == target and (file := files.get(path)) is not None and file.before is not None:
            hunks += _of_target(file, file.before, list(patched), tuple(components), entry)
        else:
            places = (each for each in catalogue().place if path.is_relative_to(each.path))
            reasons = tuple(Reason(text=each.text, proofs=each.proofs) for each in places)
            hunks += [_hunk(path, hunk, reasons) for hunk in patched]
    return ExplainedCommit(subject=commit.subject, hunks=tuple(hunks), oid=oid)


def _of_target(
    file: FileChange, content: bytes, hunks: Sequence[Hunk], components: tuple[str, ...], entry: str
) -> list[ExplainedHunk]:
    old, new = content.decode(errors="replace"), file.after.decode(errors="replace")
    regions = _regions(old, new, str(file.path), components, entry)
    before = leftovers.lines(old, regions, removed=True)
    after = leftovers.lines(new, regions, removed=False)
    leftovers.mark_foreign(before, after, _kept(before, after, hunks))
    moved = [move.name for move in regions.moves]
    return [_hunk(file.path, hunk, _reasons(hunk, before, after, moved)) for hunk in hunks]


def _regions(before: str, after: str, name: str, components: tuple[str, ...], entry: str) -> Regions:
    """Return what is known of the change: nothing where one of the two files is not what a rewrite reads or writes."""
    try:
        return recognise.regions(
            Edited(
                before=DockerFile(before, name=name),
                after=DockerFile(after, name=name),
                components=components,
                entry=entry,
            )
        )
    except ToolkitError:
        return Regions()


def _kept(before: Sequence[FileLine], after: Sequence[FileLine], hunks: Sequence[Hunk]) -> list[tuple[int, int]]:
    """Return the indices of the lines that the diff has as the same, in pairs."""
    gone = {line.source_line_no for hunk in hunks for line in hunk if line.is_removed}
    come = {line.target_line_no for hunk in hunks for line in hunk if line.is_added}
    old = [index for index in range(len(before)) if index + 1 not in gone]
    new = [index for index in range(len(after)) if index + 1 not in come]
    if [before[index].text for index in old] != [after[index].text for index in new]:
        raise ValueError("the diff is not that of the two files")
    return list(zip(old, new, strict=True))


def _reasons(
    hunk: Hunk, before: Sequence[FileLine], after: Sequence[FileLine], moved: Sequence[str]
) -> tuple[Reason, ...]:
    names: dict[Cause, list[str]] = {}
    foreign: dict[str, list[int]] = {}
    for part in hunk:
        for side, lines, number in (("old", before, part.source_line_no), ("new", after, part.target_line_no)):
            if number is None:
                continue
            line = lines[number - 1]
            if line.foreign:
                foreign.setdefault(side, []).append(number)
            if not part.is_context:
                for cause, name in _causes(line, moved):
                    names.setdefault(cause, []).append(name)
    known = tuple(_reason(cause, names[cause]) for cause in Cause if cause in names)
    return (*known, _unknown(foreign)) if known and foreign else known


def _causes(line: FileLine, moved: Sequence[str]) -> Iterable[tuple[Cause, str]]:
    """Return why a line has changed, each with the name that it is about: nothing where no reason is known.

    It has regions, or its counterpart has; it belongs to a definition that moves; or it is one that others moved past.
    """
    regions = line.regions or (line.other.regions if line.other is not None else ())
    found = [(region.cause, region.name) for region in regions]
    if line.move is not None and not line.foreign:
        found.append((line.move.cause, line.move.name))
    if not found and line.other is not None and line.text == line.other.text:
        found += [(Cause.DISPLACED, name) for name in moved]
    return found


def _reason(cause: Cause, names: Sequence[str]) -> Reason:
    reason = catalogue().cause[cause]
    return Reason(text=reason.text.format(names=", ".join(dict.fromkeys(names))), proofs=reason.proofs)


def _unknown(numbers: Mapping[str, Sequence[int]]) -> Reason:
    places = " and ".join(f"{side} {_ranges(each)}" for side, each in sorted(numbers.items()))
    return Reason(text=f"lines {places}: no reason known, unlet did not make this change", proofs=())


def _ranges(numbers: Sequence[int]) -> str:
    """Write line numbers, as `3, 5-9`."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and groups[-1][-1] == number - 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return ", ".join(str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}" for group in groups)


def _hunk(path: PurePosixPath, hunk: Hunk, reasons: tuple[Reason, ...]) -> ExplainedHunk:
    header = str(hunk).partition("\n")[0]
    lines = tuple(f"{line.line_type}{line.value}".rstrip("\n") for line in hunk)
    return ExplainedHunk(path=path, header=header, lines=lines, reasons=reasons)
