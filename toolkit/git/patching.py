"""Try patches on a clean checkout or on some files, in temporary directories and repositories."""

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
    """The result of applying a series and a diff to a clean checkout.

    `after` has the target's content after each applied mail, `after_diff` after the diff alone (None if it does not
    apply). `failure` is git's own reason for the first failure. `commands` repeat everything in a shell, in the
    directory of the proposal, which has `upstream.diff` and `series/`.
    """

    after: tuple[bytes, ...]
    after_diff: bytes | None
    failure: str | None
    commands: tuple[str, ...]


class Stacked(Struct, frozen=True, kw_only=True):
    """The files after the last mail, by path; `failure` is git's reason if a mail does not apply."""

    after: Mapping[PurePosixPath, bytes]
    failure: str | None


@contextmanager
def called(name: str) -> Generator[None]:
    """Add a patch's file name to errors about it."""
    try:
        yield
    except ToolkitError as error:
        raise ToolkitError(f"{name}: {error.message.removeprefix('patch: ')}", hint=error.hint) from error


def apply(content: bytes, target: PurePosixPath, patch: bytes, *, reverse: bool = False) -> bytes:
    """Return a file after a patch (a diff, or one or more mails); other files are ignored.

    `reverse` undoes the patch instead. Raise ToolkitError with git's reason if it does not apply, is not a patch, or
    does not touch the file or deletes it.
    """
    options = (*(("--reverse",) if reverse else ()), f"--include={target}")
    after = outcome(patch, {target: reading.TreeFile(content=content)}, *options)
    paths = diffs.touched(patch)
    if target not in paths:
        others = ", ".join(map(str, paths[:3])) + (", …" if len(paths) > 3 else "")  # noqa: PLR2004
        raise ToolkitError(f"patch: does not touch '{target}', only {others}")
    return _kept(after, target)


def changes(patch: bytes, read: Callable[[PurePosixPath], bytes | None]) -> tuple[FileChange, ...]:
    """Return the effect of a patch on the files that `read` returns, None for a missing one.

    Raise ToolkitError with git's reason if it does not apply, or deletes a file.
    """
    before = {path: read(path) for path in diffs.touched(patch)}
    there = {path: reading.TreeFile(content=content) for path, content in before.items() if content is not None}
    after = outcome(patch, there)
    return tuple(FileChange(path=path, before=content, after=_kept(after, path)) for path, content in before.items())


def outcome(patch: bytes, before: Mapping[PurePosixPath, TreeFile], *options: str) -> Mapping[PurePosixPath, TreeFile]:
    """Return those of the files, and those that the patch adds, that exist after `git apply` with `options`.

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
    """Apply mails in order by `git am` to a commit that has only these files."""
    with mailing.throwaway(mailing.NewCommit(files=files)) as checkout:
        failure = mailing.am(checkout, mails)
        listed = calls.run_hermetic(checkout, "ls-files", "-z").stdout.split(b"\0")[:-1]
        after = {path: inside.read(checkout, path) for path in map(PurePosixPath, map(os.fsdecode, listed))}
    return Stacked(after=after, failure=failure)


def applies(
    before: bytes, target: PurePosixPath, patches: Sequence[Patch], upstream_diff: bytes, *, copy: Path = Path("FILE")
) -> Applied:
    """Try `git apply --check` of the diff and `git am` of the series on a commit with only the target.

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
