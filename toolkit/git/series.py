"""Commits as text: the patch series and the one diff, both made by git in a repository that lives for the call."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.git import program
from toolkit.model import Patch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import PurePosixPath

    from toolkit.model import Commit, TreeCommit

# All that another version of git or a user's configuration could print in another way is spelled out. Histogram
# keeps a moved block in one piece, where the default may pair its closing braces with somebody else's.
DIFF = (
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--full-index",
    "--diff-algorithm=histogram",
    "--indent-heuristic",
    "--unified=3",
    "--inter-hunk-context=0",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)

_MAIL = ("--zero-commit", "--no-signature", "--no-attach", "--no-thread", "--no-cover-letter", "--stat=72")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The commits of a proposal: one mail each for `git am`, and all of them as one diff for `git apply`."""

    patches: tuple[Patch, ...]
    upstream_diff: bytes


def series(commits: Sequence[Commit], target: PurePosixPath, *, committed: int | None = None) -> Series:
    """Return the commits, which follow one another, as mails and as one diff against the first one's `before`.

    The bytes depend on the arguments alone. `committed`, the date of the pin in seconds since the epoch, is the
    date of each mail, whose author is `unlet`. Mails are called `0001-….patch` after their subjects, which are numbered
    `[PATCH 1/2]`; `git am` drops that.
    """
    with tempfile.TemporaryDirectory(prefix="unlet-series-") as name:
        repository = Path(name) / "repository"
        repository.mkdir()
        program.init(repository, bare=True)
        stream = b"".join(_stream(commits, target, program.EPOCH if committed is None else committed))
        program.run_hermetic(repository, "fast-import", "--quiet", "--done", stdin=stream)
        mails = Path(name) / "mails"
        program.run_hermetic(
            repository, "format-patch", "--quiet", *DIFF, *_MAIL, f"--output-directory={mails}", "base..main"
        )
        patches = tuple(Patch(name=path.name, content=path.read_bytes()) for path in sorted(mails.iterdir()))
        diff = program.run_hermetic(repository, "diff", *DIFF, "base", "main").stdout
    return Series(patches=patches, upstream_diff=diff)


def addition(commit: TreeCommit, *, number: int, committed: int | None = None) -> Patch:
    """Return a commit as the mail which follows `number - 1` others.

    Its bytes depend on the arguments alone, and those of the others not on it: its subject has no number.
    """
    with tempfile.TemporaryDirectory(prefix="unlet-series-") as name:
        repository = Path(name) / "repository"
        repository.mkdir()
        program.init(repository, bare=True)
        date = program.EPOCH if committed is None else committed
        head = f"commit refs/heads/main\ncommitter {program.IDENTITY} {date} +0000\n".encode()
        base = {file.path: file.before for file in commit.files if file.before is not None}
        stream = (
            *(head, *_data(b"base\n"), *_files(base)),
            *(head, *_data(commit.message.encode()), *_files({file.path: file.after for file in commit.files})),
            b"done\n",
        )
        program.run_hermetic(repository, "fast-import", "--quiet", "--done", stdin=b"".join(stream))
        mails = Path(name) / "mails"
        how = ("--no-numbered", f"--start-number={number}", f"--output-directory={mails}")
        program.run_hermetic(repository, "format-patch", "--quiet", *DIFF, *_MAIL, *how, "main~1..main")
        (mail,) = mails.iterdir()
        return Patch(name=mail.name, content=mail.read_bytes())


def _stream(commits: Sequence[Commit], target: PurePosixPath, date: int) -> Iterator[bytes]:
    """Yield the commits, and the tag `base` below them, in the form of git-fast-import(1)."""
    states = [("base\n", commits[0].before), *((commit.message, commit.after) for commit in commits)]
    for message, content in states:
        yield b"commit refs/heads/main\n"
        yield f"committer {program.IDENTITY} {date} +0000\n".encode()
        yield from _data(message.encode())
        yield from _files({target: content})
        if message == "base\n":
            yield b"reset refs/tags/base\nfrom refs/heads/main\n\n"
    yield b"done\n"


def _files(contents: Mapping[PurePosixPath, bytes]) -> Iterator[bytes]:
    for path, content in contents.items():
        yield f"M 100644 inline {path}\n".encode()
        yield from _data(content)


def _data(content: bytes) -> Iterator[bytes]:
    yield b"data %d\n" % len(content)
    yield content
    yield b"\n"
