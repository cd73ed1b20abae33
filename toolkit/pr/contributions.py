"""What is kept of a branch that was made in a clone: its proposal, pull-request.md, and how it was made.

It has a directory of its own in the clone's git directory, `unlet/BRANCH`, where no command of git looks.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from toolkit import documents, files
from toolkit.errors import ToolkitError
from toolkit.model import Contribution

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

TEXT = "pull-request.md"
NEW_TEXT = "pull-request.new.md"
BOXES = "boxes.md"

_DIRECTORY = "unlet"
_KEPT = "branch.json"
_SCHEMA = 3


def place(common: Path, branch: str) -> Path:
    """Return where the files of a branch are, in the git directory that is common to all worktrees."""
    return common / _DIRECTORY / quote(branch, safe="")


def known(common: Path) -> tuple[Contribution, ...]:
    """Return what is kept of all branches, by their names."""
    with suppress(FileNotFoundError):
        names = sorted(unquote(path.name) for path in (common / _DIRECTORY).iterdir() if not path.name.startswith("."))
        return tuple(found for name in names if (found := read(common, name)) is not None)
    return ()


def read(common: Path, branch: str) -> Contribution | None:
    """Return what is kept of a branch, None where it was not made by this program; raise ToolkitError for damage."""
    path = place(common, branch) / _KEPT
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ToolkitError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return documents.read_versioned(content, Contribution, schema=_SCHEMA, document=str(path))
    except documents.BrokenError as error:
        raise ToolkitError(error.message, hint="delete it to make unlet forget the branch") from error


def write(common: Path, contribution: Contribution) -> None:
    """Keep what is known of a branch."""
    path = place(common, contribution.branch) / _KEPT
    path.write_bytes(documents.write({"schema": _SCHEMA, **asdict(contribution)}))


def digest(content: bytes) -> str:
    """Return the SHA-256 of a text, by which an edited one is told."""
    return hashlib.sha256(content).hexdigest()


def edited_text(common: Path, contribution: Contribution) -> bytes | None:
    """Return pull-request.md where somebody has changed it since it was written, else None."""
    with suppress(FileNotFoundError):
        content = (place(common, contribution.branch) / TEXT).read_bytes()
        return content if digest(content) != contribution.text else None
    return None


@dataclass(slots=True)
class Replacement:
    """A directory that takes the place of another one where `keep` is called, and else makes room for it again."""

    place: Path
    kept: bool = False

    def keep(self) -> None:
        """Let the new one stay."""
        self.kept = True


@contextmanager
def alone(common: Path) -> Generator[None]:
    """Keep others of this program out of a clone while the block runs; raise ToolkitError where one is in there."""
    with ExitStack() as stack:
        try:
            # Where a file system has no locks, git still lets nobody make the same branch twice.
            stack.enter_context(files.locked(common, wait=False))
        except BlockingIOError:
            hint = "try again when it has ended"
            raise ToolkitError(f"{common}: another unlet is running in this clone", hint=hint) from None
        yield


@contextmanager
def replacing(common: Path, branch: str) -> Generator[Replacement]:
    """Yield where to put a proposal; what was there comes back unless it is told that the new one is to stay.

    Raises ToolkitError for an OSError from within the block, such as a full disk; see also `alone`.
    """
    there = place(common, branch)
    # Of another length than what `files.whole_directory` takes for left behind.
    aside = there.with_name(f".{there.name}.{os.urandom(8).hex()}")
    replacement = Replacement(there)
    with alone(common):
        new = not os.path.lexists(there)
        try:
            there.parent.mkdir(exist_ok=True)
            if not new:
                there.rename(aside)
            yield replacement
        except OSError as error:
            raise ToolkitError(f"{error.filename or there}: cannot be written: {error.strerror}") from error
        finally:
            if replacement.kept:
                files.remove(aside)
            elif new or aside.exists():
                files.remove(there)
                if not new:
                    aside.rename(there)
                _remove_empty(there.parent)


def recover(common: Path) -> None:
    """Bring back what a run that was killed had set aside, and delete what it left half-made.

    Nothing is done while another one of this program is at work in the clone.
    """
    if not (common / _DIRECTORY).is_dir():
        return
    with suppress(ToolkitError), alone(common):
        for aside in (common / _DIRECTORY).glob(".*.*"):
            there = aside.with_name(aside.name[1:].rpartition(".")[0])
            if (aside / _KEPT).is_file() and not (there / _KEPT).is_file():
                files.remove(there)
                aside.rename(there)
            else:
                files.remove(aside)
        _remove_empty(common / _DIRECTORY)


def forget(common: Path, branch: str) -> None:
    """Delete what is kept of a branch."""
    files.remove(place(common, branch))
    _remove_empty(common / _DIRECTORY)


def _remove_empty(directory: Path) -> None:
    with suppress(OSError):
        directory.rmdir()
