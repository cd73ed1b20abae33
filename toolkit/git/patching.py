"""Patches tried on a clean checkout or on some files, in directories and repositories that live for a block."""

import os
import shlex
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from msgspec import Struct

from toolkit import files, inside
from toolkit.errors import CommandError, ToolkitError
from toolkit.git import calls, diffs, mailing, reading
from toolkit.git.reading import TreeFile
from toolkit.inside import EntryKind
from toolkit.model import FileChange, Patch


class Applied(Struct, frozen=True, kw_only=True):
    """What became of a series and a diff on a clean checkout.

    `after` is the target's content after each mail of the series that applied, `after_diff` after the diff alone
    (None if it does not apply). `failure` is git's own reason for the first thing that does not apply. `commands`
    repeat it all in a shell, in the directory of the proposal, which has `upstream.diff` and `series/`.
    """

    after: tuple[bytes, ...]
    after_diff: bytes | None
    failure: str | None
    commands: tuple[str, ...]


class Stacked(Struct, frozen=True, kw_only=True):
    """The files after the last mail, by their paths; `failure` is git's reason where one does not apply."""

    after: Mapping[PurePosixPath, bytes]
    failure: str | None


@contextmanager
def called(name: str) -> Generator[None]:
    """Let the errors about a patch say the name of its file."""
    try:
        yield
    except ToolkitError as error:
        raise ToolkitError(f"{name}: {error.message.removeprefix('patch: ')}", hint=error.hint) from error


def apply(content: bytes, target: PurePosixPath, patch: bytes, *, reverse: bool = False) -> bytes:
    """Return a file after a patch (a diff, a mail, or several of them on end); what that does to others is left out.

    `reverse` takes it back instead. Raise ToolkitError with git's reason if it does not apply, if it is no
    patch, and if it does not touch the file or takes it away.
    """
    options = (*(("--reverse",) if reverse else ()), f"--include={target}")
    after = outcome(patch, {target: reading.TreeFile(content=content)}, *options)
    paths = diffs.touched(patch)
    if target not in paths:
        others = ", ".join(map(str, paths[:3])) + (", …" if len(paths) > 3 else "")  # noqa: PLR2004
        raise ToolkitError(f"patch: does not touch '{target}', only {others}")
    return _kept(after, target)


def changes(patch: bytes, read: Callable[[PurePosixPath], bytes | None]) -> tuple[FileChange, ...]:
    """Return what a patch does to the files that `read` gives, None for one that is not there.

    Raise ToolkitError with git's reason if it does not apply, and for one that takes a file away.
    """
    before = {path: read(path) for path in diffs.touched(patch)}
    there = {path: reading.TreeFile(content=content) for path, content in before.items() if content is not None}
    after = outcome(patch, there)
    return tuple(FileChange(path=path, before=content, after=_kept(after, path)) for path, content in before.items())


def outcome(patch: bytes, before: Mapping[PurePosixPath, TreeFile], *options: str) -> Mapping[PurePosixPath, TreeFile]:
    """Return the files of these, and of those that a patch adds, that are there after it, by `options` of git-apply(1).

    Raise ToolkitError with git's reason if it does not apply.
    """
    with files.temporary() as directory:
        for path, file in before.items():
            reading.write_file(directory / path, file)
        _run_apply(directory, patch, *options)
        return {
            PurePosixPath(entry.path): reading.read_file(directory, entry.path)
            for entry in inside.entries(directory)
            if entry.kind is not EntryKind.DIRECTORY
        }


def stack(files: Mapping[PurePosixPath, bytes], mails: Sequence[Patch]) -> Stacked:
    """Try `git am` of the mails, one after the other, on a commit that has these files and nothing else."""
    with mailing.throwaway(mailing.NewCommit(files=files)) as checkout:
        failure = mailing.am(checkout, mails)
        listed = calls.run_hermetic(checkout, "ls-files", "-z").stdout.split(b"\0")[:-1]
        after = {path: inside.read(checkout, path) for path in map(PurePosixPath, map(os.fsdecode, listed))}
    return Stacked(after=after, failure=failure)


def applies(
    before: bytes, target: PurePosixPath, patches: Sequence[Patch], upstream_diff: bytes, *, copy: Path = Path("FILE")
) -> Applied:
    """Try `git apply --check` of the diff and `git am` of the series on a commit that has nothing but the target.

    `copy` is where the commands find a file with the content `before`.
    """
    with mailing.throwaway(mailing.NewCommit(files={target: before})) as checkout:
        after_diff, failure = _try_diff(checkout, target, upstream_diff)
        refused = mailing.am(checkout, patches)
        # The first is the base, which has no parent here.
        _, *log = calls.run_hermetic(checkout, "rev-list", "--reverse", "HEAD").text.split()
        after = tuple(calls.run_hermetic(checkout, "cat-file", "blob", f"{commit}:{target}").stdout for commit in log)
    return Applied(
        after=after,
        after_diff=after_diff,
        failure=failure or (f"series: {refused}" if refused is not None else None),
        commands=_commands(target, copy),
    )


def _run_apply(directory: Path, patch: bytes, *options: str) -> None:
    try:
        calls.run_hermetic(directory, "apply", *options, "-", stdin=patch, alone=True)
    except CommandError as error:
        if "No valid patches" in error.stderr:
            raise ToolkitError("patch: contains no diff") from error
        raise ToolkitError(f"patch: does not apply: {reading.fact(error.stderr)}") from error


def _kept(after: Mapping[PurePosixPath, TreeFile], path: PurePosixPath) -> bytes:
    if path not in after:
        raise ToolkitError(f"patch: takes '{path}' away")
    if after[path].mode not in {reading.FILE, reading.EXECUTABLE}:
        raise ToolkitError(f"patch: makes '{path}' a link")
    return after[path].content


def _try_diff(checkout: Path, target: PurePosixPath, diff: bytes) -> tuple[bytes | None, str | None]:
    """Return the file's content after the diff, or None and git's reason; nothing is written to the checkout.

    A diff can make links, and what is written through one lands outside of it.
    """
    index = checkout / ".git" / "index"
    kept = index.read_bytes()
    try:
        calls.run_hermetic(checkout, "apply", "--check", "-", stdin=diff)
        calls.run_hermetic(checkout, "apply", "--cached", "-", stdin=diff)
        entry = calls.run_hermetic(checkout, "ls-files", "--stage", "-z", "--", str(target)).stdout
        mode, _, rest = entry.partition(b" ")
        if mode.decode() not in {reading.FILE, reading.EXECUTABLE}:
            return None, f"upstream.diff: '{target}' is no regular file after it"
        after = calls.run_hermetic(checkout, "cat-file", "blob", rest[: rest.index(b" ")].decode()).stdout
    except CommandError as error:
        return None, f"upstream.diff: {reading.fact(error.stderr)}"
    finally:
        index.write_bytes(kept)
    return after, None


def _commands(target: PurePosixPath, copy: Path) -> tuple[str, ...]:
    path = shlex.quote(str(target))
    prepare = (
        f"git init --quiet checkout && mkdir -p checkout/{shlex.quote(str(target.parent))}"
        f" && cp {shlex.quote(str(copy))} checkout/{path}"
        f" && git -C checkout add {path} && git -C checkout commit --quiet --message=base"
    )
    return (prepare, "git -C checkout apply --check ../upstream.diff", "(cd checkout && git am ../series/*.patch)")
