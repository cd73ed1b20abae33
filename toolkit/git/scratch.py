"""Directories and repositories of our own that live for a block, and what git does in them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit import files as places
from toolkit.git import blobs, program, reading

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path, PurePosixPath

    from toolkit.model import Patch


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCommit:
    """A commit with files to put into the tree of the one before it on `branch`."""

    files: Mapping[PurePosixPath, bytes]
    message: str = "base\n"
    branch: str = "main"


@contextmanager
def directory(files: Mapping[PurePosixPath, bytes]) -> Generator[Path]:
    """Yield a directory with these files, in which git finds no repository if it runs `alone`."""
    with places.temporary() as name:
        for path, content in files.items():
            blobs.write(name / path, blobs.TreeFile(content=content))
        yield name


@contextmanager
def repository(*commits: NewCommit, date: int = program.EPOCH, checked_out: bool = True) -> Generator[Path]:
    """Yield a repository with these commits, `main` being checked out; what is in them depends on nothing else."""
    with places.temporary() as name:
        made = name / "repository"
        made.mkdir()
        program.init(made)
        program.run_hermetic(made, "fast-import", "--quiet", "--done", stdin=b"".join(_stream(commits, date)))
        if checked_out:
            program.run_hermetic(made, "reset", "--quiet", "--hard")
        yield made


def am(checkout: Path, mails: Iterable[Patch]) -> str | None:
    """Run git-am(1) on mails one after the other; return git's reason if one does not apply, None if all do."""
    stdin = b"".join(mail.content for mail in mails)
    tried = program.run_hermetic(checkout, "am", "--quiet", "--keep-cr", stdin=stdin, ok=None, date=program.EPOCH)
    return None if tried.status == 0 else reading.fact(tried.stderr)


def _stream(commits: Sequence[NewCommit], date: int) -> Iterator[bytes]:
    """Yield commits in the form of git-fast-import(1), by which one process makes all of them."""
    for commit in commits:
        yield f"commit refs/heads/{commit.branch}\ncommitter {program.IDENTITY} {date} +0000\n".encode()
        yield from _data(commit.message.encode())
        for path, content in commit.files.items():
            yield f"M {blobs.FILE} inline {path}\n".encode()
            yield from _data(content)
    yield b"done\n"


def _data(content: bytes) -> Iterator[bytes]:
    yield b"data %d\n" % len(content)
    yield content
    yield b"\n"
