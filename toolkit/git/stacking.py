"""Mails that change any files: what one does to a tree, and whether several apply one after the other."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from toolkit.errors import CommandError, ToolkitError
from toolkit.git import program, reading
from toolkit.model import FileChange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from toolkit.model import Patch


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacked:
    """The files after the last mail, by their paths; `failure` is git's reason where one does not apply."""

    after: Mapping[PurePosixPath, bytes]
    failure: str | None


def touched(patch: bytes) -> tuple[PurePosixPath, ...]:
    """Return the paths that a patch touches, in its order; raise ToolkitError for what is no patch."""
    with tempfile.TemporaryDirectory(prefix="unlet-touched-") as name:
        try:
            arguments = ("apply", "--numstat", "-z", "-")
            counts = program.run_hermetic(Path(name), *arguments, stdin=patch, alone=True).stdout
        except CommandError as error:
            raise ToolkitError(f"patch: contains no diff: {reading.fact(error.stderr)}") from error
    fields = (line.split(b"\t", 2)[2] for line in counts.split(b"\0")[:-1])
    return tuple(dict.fromkeys(PurePosixPath(field.decode("utf-8", "replace")) for field in fields))


def changes(patch: bytes, read: Callable[[PurePosixPath], bytes | None]) -> tuple[FileChange, ...]:
    """Return what a patch does to the files that `read` gives, None for one that is not there.

    Raise ToolkitError with git's reason where it does not apply, and for one that takes a file away.
    """
    paths = touched(patch)
    before = {path: read(path) for path in paths}
    with tempfile.TemporaryDirectory(prefix="unlet-changes-") as name:
        directory = Path(name)
        _write(directory, {path: content for path, content in before.items() if content is not None})
        try:
            program.run_hermetic(directory, "apply", "-", stdin=patch, alone=True)
        except CommandError as error:
            raise ToolkitError(f"patch: does not apply: {reading.fact(error.stderr)}") from error
        for path in paths:
            if not (directory / path).is_file():
                raise ToolkitError(f"patch: takes '{path}' away")
        return tuple(
            FileChange(path=path, before=before[path], after=(directory / path).read_bytes()) for path in paths
        )


def stack(files: Mapping[PurePosixPath, bytes], mails: Sequence[Patch]) -> Stacked:
    """Try `git am` of the mails, one after the other, on a commit that has these files and nothing else."""
    with tempfile.TemporaryDirectory(prefix="unlet-stack-") as name:
        checkout, letters = Path(name) / "checkout", Path(name) / "mails"
        checkout.mkdir()
        letters.mkdir()
        program.init(checkout)
        _write(checkout, files)
        program.run_hermetic(checkout, "add", "--force", "--all")
        program.run_hermetic(checkout, "commit", "--quiet", "--allow-empty", "--message=base", date=program.EPOCH)
        for number, mail in enumerate(mails):
            (letters / f"{number:04}").write_bytes(mail.content)
        paths = [str(path) for path in sorted(letters.iterdir())]
        tried = program.run_hermetic(checkout, "am", "--quiet", "--keep-cr", *paths, ok=None, date=program.EPOCH)
        listed = program.run_hermetic(checkout, "ls-files", "-z").stdout.split(b"\0")[:-1]
        named = [PurePosixPath(path.decode()) for path in listed]
        after = {path: (checkout / path).read_bytes() for path in named if (checkout / path).is_file()}
    return Stacked(after=after, failure=None if tried.status == 0 else reading.fact(tried.stderr))


def _write(directory: Path, files: Mapping[PurePosixPath, bytes]) -> None:
    for path, content in files.items():
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
