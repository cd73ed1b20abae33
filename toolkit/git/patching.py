"""Try patches on a clean checkout or on some files, in temporary repositories."""

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from msgspec import Struct

from toolkit import files, inside
from toolkit.errors import CommandError, ToolkitError
from toolkit.git import calls, diffs, mailing, reading
from toolkit.git.reading import TreeFile
from toolkit.inside import EntryKind
from toolkit.model import FileChange, Patch
from toolkit.writable import WritableRoot


class Stacked(Struct, frozen=True, kw_only=True):
    """The files after each applied mail, by path.

    `failure` is git's reason if a mail does not apply.
    """

    after: tuple[Mapping[PurePosixPath, bytes], ...]
    failure: str | None


@contextmanager
def called(name: str) -> Generator[None]:
    """Add the file name of a patch to errors about it."""
    try:
        yield
    except ToolkitError as error:
        raise ToolkitError(
            f"{name}: {error.message.removeprefix('patch: ')}", hint=error.hint
        ) from error


def apply(
    content: bytes, target: PurePosixPath, patch: bytes, *, reverse: bool = False
) -> bytes:
    """Return a file after a patch (a diff, or one or more mails).

    Other files are ignored.

    `reverse` undoes it. Raise ToolkitError with git's reason if the patch does not
    change the file, deletes it, or does not apply.
    """
    options = (*(("--reverse",) if reverse else ()), f"--include={target}")
    after = outcome(patch, {target: reading.TreeFile(content=content)}, *options)
    paths = diffs.touched(patch)
    if target not in paths:
        others = ", ".join(map(str, paths[:3])) + (", …" if len(paths) > 3 else "")  # noqa: PLR2004
        raise ToolkitError(f"patch: changes {others}, but not '{target}'")
    return _kept(after, target)


def changes(
    patch: bytes, read: Callable[[PurePosixPath], bytes | None]
) -> tuple[FileChange, ...]:
    """Return a patch's effect on the files that `read` returns.

    `read` returns None for a missing file. Raise ToolkitError with git's reason if the
    patch does not apply, or deletes a file.
    """
    before = {path: read(path) for path in diffs.touched(patch)}
    there = {
        path: reading.TreeFile(content=content)
        for path, content in before.items()
        if content is not None
    }
    after = outcome(patch, there)
    return tuple(
        FileChange(path=path, before=content, after=_kept(after, path))
        for path, content in before.items()
    )


def outcome(
    patch: bytes, before: Mapping[PurePosixPath, TreeFile], *options: str
) -> Mapping[PurePosixPath, TreeFile]:
    """Return the files after `git apply` with `options`, including new ones.

    Raise ToolkitError with git's reason if the patch does not apply.
    """
    with files.temporary() as directory:
        for path, file in before.items():
            reading.write_file(WritableRoot(directory), path, file)
        try:
            calls.run_hermetic(
                directory, "apply", *options, "-", stdin=patch, alone=True
            )
        except CommandError as error:
            if "No valid patches" in error.stderr:
                raise ToolkitError("patch: contains no diff") from error
            raise ToolkitError(
                f"patch: does not apply to this nixpkgs: {reading.fact(error.stderr)}"
            ) from error
        return {
            PurePosixPath(entry.path): reading.read_file(directory, entry.path)
            for entry in inside.entries(directory)
            if entry.kind is not EntryKind.DIRECTORY
        }


def stack(files: Mapping[PurePosixPath, bytes], mails: Sequence[Patch]) -> Stacked:
    """Apply mails in order with `git am` to a commit that has only these files."""
    with mailing.throwaway(
        mailing.NewCommit(files=files), date=calls.EPOCH
    ) as checkout:
        calls.run_hermetic(checkout, "reset", "--quiet", "--hard")
        stdin = b"".join(mail.content for mail in mails)
        tried = calls.run_hermetic(
            checkout,
            "am",
            "--quiet",
            "--keep-cr",
            stdin=stdin,
            ok=None,
            date=calls.EPOCH,
        )
        # The first is the base, which has no parent here.
        _, *commits = calls.run_hermetic(
            checkout, "rev-list", "--reverse", "HEAD"
        ).text.split()
        after = tuple(dict(_files(checkout, commit)) for commit in commits)
    return Stacked(
        after=after, failure=None if tried.status == 0 else reading.fact(tried.stderr)
    )


def _files(checkout: Path, commit: str) -> Iterator[tuple[PurePosixPath, bytes]]:
    listed = calls.run_hermetic(
        checkout, "ls-tree", "-r", "-z", "--name-only", "--full-tree", commit
    ).stdout
    for name in map(os.fsdecode, listed.split(b"\0")[:-1]):
        yield (
            PurePosixPath(name),
            calls.run_hermetic(checkout, "cat-file", "blob", f"{commit}:{name}").stdout,
        )


def _kept(after: Mapping[PurePosixPath, TreeFile], path: PurePosixPath) -> bytes:
    if path not in after:
        raise ToolkitError(f"patch: deletes '{path}'")
    if after[path].mode not in {reading.FILE, reading.EXECUTABLE}:
        raise ToolkitError(f"patch: turns '{path}' into a link")
    return after[path].content
