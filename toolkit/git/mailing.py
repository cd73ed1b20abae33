"""Write commits as mails for `git am` and as one diff for `git apply`."""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from msgspec import Struct

from toolkit import files
from toolkit.git import calls, reading
from toolkit.model import Commit, Patch, TreeCommit

# All that another version of git or a user's configuration could print in another way
# is spelled out. Histogram keeps a moved block in one piece, where the default may pair
# its closing braces with somebody else's.
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

_MAIL = (
    "--zero-commit",
    "--no-signature",
    "--no-attach",
    "--no-thread",
    "--no-cover-letter",
    "--stat=72",
)


class NewCommit(Struct, frozen=True, kw_only=True):
    """A commit that adds or replaces files in its parent's tree."""

    files: Mapping[PurePosixPath, bytes]
    message: str = "base\n"
    author: str = calls.IDENTITY


@contextmanager
def throwaway(*commits: NewCommit, date: int | None) -> Generator[Path]:
    """Yield a repository with these commits on `main`, not checked out.

    The commits have the date `date`; None stands for now.
    """
    with files.temporary() as name:
        made = name / "repository"
        made.mkdir()
        calls.init(made)
        stream = b"".join(_stream(commits, int(time.time()) if date is None else date))
        calls.run_hermetic(made, "fast-import", "--quiet", "--done", stdin=stream)
        yield made


def _stream(commits: Sequence[NewCommit], date: int) -> Iterator[bytes]:
    """Yield commits in the form of git-fast-import(1), which creates them all."""
    for commit in commits:
        yield f"commit refs/heads/main\nauthor {commit.author} {date} +0000\n".encode()
        yield f"committer {calls.IDENTITY} {date} +0000\n".encode()
        yield from _data(commit.message.encode())
        for path, content in commit.files.items():
            yield f"M {reading.FILE} inline {path}\n".encode()
            yield from _data(content)
    yield b"done\n"


def _data(content: bytes) -> Iterator[bytes]:
    yield b"data %d\n" % len(content)
    yield content
    yield b"\n"


class Mails(Struct, frozen=True, kw_only=True):
    """The commits of a proposal: mails for `git am`, and one diff for `git apply`."""

    patches: tuple[Patch, ...]
    upstream_diff: bytes


def series(
    commits: Sequence[Commit], target: PurePosixPath, *, committed: int | None = None
) -> Mails:
    """Return consecutive commits as mails, and as one diff.

    Each mail has the date `committed` in seconds since the epoch, by default now; its
    author is git's user. Nothing else depends on anything but the commits. Mails are
    called `0001-….patch` after their subjects, which have the prefix `[PATCH 1/2]`;
    `git am` removes it.
    """
    base = NewCommit(files={target: commits[0].before})
    author = calls.author()
    made = [
        NewCommit(files={target: commit.after}, message=commit.message, author=author)
        for commit in commits
    ]
    with throwaway(base, *made, date=committed) as made_in:
        span = (f"main~{len(made)}", "main")
        patches = _mails(made_in, "..".join(span))
        diff = calls.run_hermetic(made_in, "diff", *DIFF, *span).stdout
    return Mails(patches=patches, upstream_diff=diff)


def addition(commit: TreeCommit, *, number: int, committed: int | None = None) -> Patch:
    """Return a commit as a mail that follows `number - 1` others.

    Its date and author are as for `series`. Its subject has no number, so it does not
    change the bytes of the others.
    """
    base = NewCommit(
        files={
            file.path: file.before for file in commit.files if file.before is not None
        }
    )
    after = {file.path: file.after for file in commit.files}
    made = NewCommit(files=after, message=commit.message, author=calls.author())
    with throwaway(base, made, date=committed) as made_in:
        (mail,) = _mails(
            made_in, "main~1..main", "--no-numbered", f"--start-number={number}"
        )
    return mail


def _mails(repository: Path, commits: str, *options: str) -> tuple[Patch, ...]:
    mails = repository.with_name("mails")
    how = ("--quiet", *DIFF, *_MAIL, *options, f"--output-directory={mails}")
    calls.run_hermetic(repository, "format-patch", *how, commits)
    return tuple(
        Patch(name=path.name, content=path.read_bytes())
        for path in sorted(mails.iterdir())
    )
