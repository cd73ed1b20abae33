"""Commits as text: the patch series and the one diff, both made by git in a repository that lives for the call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.git import program, scratch
from toolkit.model import Patch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path, PurePosixPath

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
    base = scratch.NewCommit(files={target: commits[0].before})
    made = [scratch.NewCommit(files={target: commit.after}, message=commit.message) for commit in commits]
    with scratch.repository(base, *made, date=_date(committed), checked_out=False) as repository:
        span = (f"main~{len(made)}", "main")
        patches = _mails(repository, "..".join(span))
        diff = program.run_hermetic(repository, "diff", *DIFF, *span).stdout
    return Series(patches=patches, upstream_diff=diff)


def addition(commit: TreeCommit, *, number: int, committed: int | None = None) -> Patch:
    """Return a commit as the mail which follows `number - 1` others.

    Its bytes depend on the arguments alone, and those of the others not on it: its subject has no number.
    """
    base = scratch.NewCommit(files={file.path: file.before for file in commit.files if file.before is not None})
    made = scratch.NewCommit(files={file.path: file.after for file in commit.files}, message=commit.message)
    with scratch.repository(base, made, date=_date(committed), checked_out=False) as repository:
        (mail,) = _mails(repository, "main~1..main", "--no-numbered", f"--start-number={number}")
    return mail


def _mails(repository: Path, commits: str, *options: str) -> tuple[Patch, ...]:
    mails = repository.with_name("mails")
    how = ("--quiet", *DIFF, *_MAIL, *options, f"--output-directory={mails}")
    program.run_hermetic(repository, "format-patch", *how, commits)
    return tuple(Patch(name=path.name, content=path.read_bytes()) for path in sorted(mails.iterdir()))


def _date(committed: int | None) -> int:
    return program.EPOCH if committed is None else committed
