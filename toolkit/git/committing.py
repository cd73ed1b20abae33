"""Make commits for a user's clone under the user's name.

The clone gets them only when all are complete.

Until then, a temporary directory holds the objects, with the clone's as alternates.
Then one process adds a few loose objects to the clone; references, index and files stay
the same.
"""

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Unpack

from git import Repo
from git.objects.util import altz_to_utctz_str
from msgspec import Struct

from toolkit import files
from toolkit.errors import CommandError, ToolkitError
from toolkit.git import calls, objects, reading
from toolkit.git.calls import CallFields
from toolkit.git.clone import Clone
from toolkit.git.objects import DecodedCommit
from toolkit.model import FileChange, Oid
from toolkit.process import Completed

_NEW_FILE = "100644"


class Workshop(Struct, frozen=True, kw_only=True):
    """A temporary repository for new commits, outside the user's clone."""

    clone: Clone
    directory: Path
    signed: bool
    repo: Repo

    def commit(self, parent: Oid, files: Sequence[FileChange], message: str) -> Oid:
        """Commit the files of a change on `parent`, signed if the user configured that.

        Raise ToolkitError if signing fails.
        """
        self.run("read-tree", str(parent))
        entries: list[str] = []
        for file in files:
            listed = self.run(
                "ls-files", "--stage", "--full-name", "--", f":(top,literal){file.path}"
            )
            mode = listed.partition(" ")[0] or _NEW_FILE
            blob = self.run(
                "hash-object", "-w", "--no-filters", "--stdin", stdin=file.after
            )
            entries.append(f"{mode} {blob}\t{file.path}\0")
        self.run("update-index", "-z", "--index-info", stdin="".join(entries).encode())
        return self.commit_tree(
            Oid(self.run("write-tree", "--missing-ok")), parent, message
        )

    def series(
        self, base: Oid, commits: Sequence[tuple[Sequence[FileChange], str]]
    ) -> tuple[Oid, ...]:
        """Commit files, one commit for each message, each on top of the one before.

        Raise ToolkitError if signing fails.
        """
        made: list[Oid] = []
        for changed, message in commits:
            made.append(self.commit(made[-1] if made else base, changed, message))
        return tuple(made)

    def commit_tree(
        self,
        tree: Oid,
        parent: Oid,
        message: str,
        *,
        author: Mapping[str, str] | None = None,
    ) -> Oid:
        """Commit a tree on `parent`.

        `author` has git's variables for an author other than the user.
        """
        sign = ("-S",) if self.signed else ()
        try:
            made = self.run(
                "commit-tree",
                *sign,
                "-p",
                str(parent),
                str(tree),
                stdin=message.encode(),
                env=author,
            )
        except CommandError as error:
            if not self.signed:
                raise
            hint = "git config commit.gpgSign false turns signatures off"
            raise ToolkitError(
                f"{self.clone.top}: git cannot sign the commit: "
                f"{reading.fact(error.stderr)}",
                hint=hint,
            ) from error
        return Oid(made)

    def content(self, commit: Oid, path: PurePosixPath) -> bytes:
        """Return a file of a commit.

        Raise ToolkitError if the commit does not have it.
        """
        found = objects.read(self.repo, f"{commit}:{path}")
        if found is None:
            raise ToolkitError(
                f"{self.clone.top}: commit {commit.short} has no file '{path}'"
            )
        return found[1]

    def recorded(self, base: Oid, tip: Oid) -> tuple[DecodedCommit, ...]:
        """Return the commits of `tip` that `base` lacks, oldest first."""
        span = f"{base}..{tip}"
        found = DecodedCommit.iter_items(self.repo, span, reverse=True, topo_order=True)
        return tuple(commit for commit in found if isinstance(commit, DecodedCommit))

    def pick(self, commit: DecodedCommit, onto: Oid) -> Oid | None:
        """Apply a commit as `git cherry-pick` does.

        Return None if the commit would change nothing. Raise ToolkitError if it
        conflicts.
        """
        (parent,) = commit.parents
        if parent.hexsha == onto:
            return Oid(commit.hexsha)
        asked = ("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z")
        merged = self._git(
            *asked, f"--merge-base={parent.hexsha}", str(onto), commit.hexsha, ok=(0, 1)
        )
        tree, *conflicting = merged.text.rstrip("\0").split("\0")
        if merged.status != 0:
            where = ", ".join(dict.fromkeys(conflicting))
            fact = f"{commit.hexsha[:12]} '{commit.summary!s}' conflicts in {where}"
            hint = (
                f"run git rebase --interactive {parent.hexsha[:12]} in the worktree "
                "to change or drop the commit"
            )
            raise ToolkitError(f"{self.clone.top}: commit {fact}", hint=hint)
        if tree == self.repo.commit(onto).tree.hexsha:
            return None
        author = {
            "GIT_AUTHOR_NAME": commit.author.name or "",
            "GIT_AUTHOR_EMAIL": commit.author.email or "",
            "GIT_AUTHOR_DATE": f"@{commit.authored_date} "
            f"{altz_to_utctz_str(commit.author_tz_offset)}",
        }
        return self.commit_tree(Oid(tree), onto, str(commit.message), author=author)

    def run(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        **fields: Unpack[CallFields],
    ) -> str:
        """Run git with the clone's configuration and objects, and return stdout.

        New objects stay in the temporary repository.
        """
        return self._git(*arguments, env=env, **fields).text

    def _git(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        **fields: Unpack[CallFields],
    ) -> Completed:
        here = {
            **_quarantine(self.directory),
            "GIT_INDEX_FILE": str(self.directory / "index"),
            **(env or {}),
        }
        return calls.run_contributing(self.clone.top, *arguments, env=here, **fields)

    def keep(self) -> None:
        """Copy the new objects to the clone, without references to them."""
        names = [
            part.name + path.name
            for part in (self.directory / "objects").glob("??")
            for path in part.iterdir()
        ]
        asked = "".join(f"{name}\n" for name in names).encode()
        here, how = _quarantine(self.directory), ("pack-objects", "--stdout", "--quiet")
        pack = calls.run_contributing(
            self.clone.common, *how, env=here, stdin=asked
        ).stdout
        try:
            calls.run_contributing(
                self.clone.common, "unpack-objects", "-q", stdin=pack
            )
        except CommandError as error:
            raise ToolkitError(
                f"{self.clone.top}: git cannot write to it: "
                f"{reading.fact(error.stderr)}"
            ) from error


@contextmanager
def workshop(clone: Clone) -> Generator[Workshop]:
    """Yield a temporary repository, which signs if `commit.gpgSign` is on."""
    asked = calls.run_contributing(
        clone.top, "config", "--type=bool", "--get", "commit.gpgSign", ok=(0, 1)
    )
    signed = asked.text == "true"
    with files.temporary() as name:
        info = name / "objects" / "info"
        info.mkdir(parents=True)
        (info / "alternates").write_bytes(os.fsencode(clone.common / "objects") + b"\n")
        with objects.opened(
            clone.common, {**calls.contributing(), **_quarantine(name)}
        ) as repo:
            yield Workshop(clone=clone, directory=name, signed=signed, repo=repo)


def _quarantine(directory: Path) -> Mapping[str, str]:
    return {"GIT_OBJECT_DIRECTORY": str(directory / "objects")}
