"""Read anybody's diffs: their paths by git, their lines by unidiff."""

import io
import re
from pathlib import PurePosixPath

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from toolkit import files
from toolkit.errors import CommandError, ToolkitError
from toolkit.git import calls, reading


def read_diff(diff: bytes, name: str = "patch") -> PatchSet:
    """Return the files of a diff, or of a mail with one.

    Raise ToolkitError for an incomplete hunk.
    """
    try:
        return PatchSet(io.StringIO(diff.decode("utf-8", "replace"), newline="\n"))
    except UnidiffParseError as error:
        raise ToolkitError(
            f"{name}: unidiff cannot read it: {str(error).strip()}"
        ) from error


def touched(diff: bytes, name: str = "patch") -> tuple[PurePosixPath, ...]:
    """Return the paths that a diff changes, in its order, a moved file's new one.

    Raise ToolkitError without a diff.
    """
    with files.temporary() as directory:
        try:
            listed = calls.run_hermetic(
                directory, "apply", "--numstat", "-z", "-", stdin=diff, alone=True
            ).names
        except CommandError as error:
            fact = (
                "contains no diff"
                if "No valid patches" in error.stderr
                else reading.fact(error.stderr)
            )
            raise ToolkitError(f"{name}: {fact}") from error
    paths = (record.rpartition("\t")[2] for record in listed.split("\0"))
    return tuple(PurePosixPath(path) for path in dict.fromkeys(paths) if path)


def named(diff: bytes) -> tuple[PurePosixPath, ...]:
    """Return all paths in a diff, also the former ones of moved files.

    Raise ToolkitError as `touched` does, and for a path outside the tree or a
    submodule.
    """
    paths = touched(diff)
    if re.search(
        rb"^(new file|deleted file|old|new) mode 160000$|^index \S+ 160000$",
        diff,
        re.MULTILINE,
    ):
        raise ToolkitError("patch: changes a submodule, which has nothing to evaluate")
    moved = [
        name.decode("utf-8", "replace")
        for name in re.findall(rb"^(?:rename|copy) from (.+)$", diff, re.MULTILINE)
    ]
    found = tuple(dict.fromkeys((*paths, *map(PurePosixPath, moved))))
    if unsafe := next(
        (
            path
            for path in found
            if path.is_absolute() or {"..", ".git"} & set(path.parts)
        ),
        None,
    ):
        raise ToolkitError(f"patch: names the unsafe path '{unsafe}'")
    return found
