"""Commits and files of one repository as objects of GitPython, read by git.

GitPython runs git through `process` here, as the rest of the program does: with our
environment, in a session of its own, on the one named repository. By itself, it would
inherit variables such as GIT_DIR.

Only git (`program`) handles references, configuration, remotes, index and worktrees.
GitPython reads and writes those files itself: it knows no reftables, no conditional
configuration and no sparse index, signs nothing, and invents an identity if there is
none. Its diffs also look for submodules in each file.
"""

import codecs
import io
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import git
from git import Git, Repo
from git.db import GitCmdObjectDB
from git.exc import GitCommandError

from toolkit import process
from toolkit.errors import CommandError
from toolkit.git import calls, messages
from toolkit.model import Oid

_CHUNK = 1 << 20


class _Git(Git):
    """Git as GitPython calls it, with a git `directory` and environment `variables`."""

    def __init__(self, directory: Path, variables: Mapping[str, str]) -> None:
        super().__init__(directory)
        self._directory = directory
        self._variables = variables

    def execute(  # type: ignore[override]
        self,
        command: Sequence[str],
        istream: object = None,  # noqa: ARG002 - a process has its stdin in any case
        *,
        as_process: bool = False,
        **_: object,
    ) -> Any:  # noqa: ANN401 - as GitPython has it
        asked = process.Command(
            argv=("git", f"--git-dir={self._directory}", *command[1:]),
            env=self._variables,
            shown=messages.known,
        )
        if as_process:
            return self.AutoInterrupt(process.begin(asked), command)
        try:
            return process.execute(asked).text
        except CommandError as error:
            raise GitCommandError(list(command), error.status, error.stderr) from error


class _Repo(Repo):
    """A repository without a worktree.

    GitPython's constructor would also search the environment for a worktree.
    """

    def __init__(self, directory: Path, variables: Mapping[str, str]) -> None:
        self.git_dir = self.working_dir = str(directory)
        self.git = _Git(directory, variables)
        self.odb = GitCmdObjectDB(str(directory / "objects"), self.git)


class DecodedCommit(git.Commit):
    """A commit decoded with its header `encoding`, which GitPython 3.2.1 ignores."""

    def _deserialize(self, stream: io.BytesIO) -> git.Commit:
        content = stream.read()
        if named := re.search(
            rb"^encoding (\S+)$", content.partition(b"\n\n")[0], re.MULTILINE
        ):
            with suppress(LookupError):
                self.default_encoding = codecs.lookup(
                    named[1].decode("ascii", "replace")
                ).name
        return super()._deserialize(io.BytesIO(content))


@contextmanager
def opened(
    directory: Path, variables: Mapping[str, str] | None = None
) -> Generator[Repo]:
    """Yield the repository with the git directory `directory`, for reading.

    `variables` are git's environment, by default that of `program.reading`.
    """
    with _Repo(directory, calls.reading() if variables is None else variables) as repo:
        yield repo


def read(repo: Repo, name: str, *, most: int | None = None) -> tuple[Oid, bytes] | None:
    """Return the id and content of a file (`ID`, `COMMIT:PATH`).

    Return None if it is missing or not a file. Cut a longer file after `most` bytes and
    one more. Raise CommandError if git cannot read it. One process answers all
    questions about a repository.
    """
    try:
        header: Any = repo.git.stream_object_data(name)  # bytes, which it calls texts
        oid, kind, size, stream = header
        content = stream.read(-1 if most is None else most + 1)
        # Git hands out all of it, before it answers again.
        while stream.read(_CHUNK):
            pass
        if len(content) < (size if most is None else min(size, most + 1)):
            # GitPython reads the rest when it forgets the stream, which must not be
            # closed by then.
            del header, stream
            raise BrokenPipeError(name)  # noqa: TRY301 - as what a pipe raises
    except (ValueError, BrokenPipeError) as error:
        asked = repo.git.cat_file_all
        ended = isinstance(error, BrokenPipeError) or "SHA is empty" in str(error)
        if ended and asked is not None and (status := asked.proc.wait()):
            said = messages.known(
                asked.stderr.read().decode("utf-8", "replace"), asked.args
            )
            raise CommandError(tuple(asked.args), status=status, stderr=said) from error
        return None
    return (Oid(oid.decode()), content) if kind == b"blob" else None
