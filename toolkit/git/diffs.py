"""Read anybody's diffs: git finds their paths, and unidiff their lines."""

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
            f"{name}: is not a diff that can be read: {str(error).strip()}"
        ) from error


def touched(diff: bytes, name: str = "patch") -> tuple[PurePosixPath, ...]:
    """Return the paths that a diff changes, in its order.

    For a moved file, return the new path. Raise ToolkitError if there is no diff.
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
    """Return all paths in a diff, including the former paths of moved files.

    Raise ToolkitError as `touched` does, and for a path outside the tree or a
    submodule.
    """
    paths = touched(diff)
    if re.search(
        rb"^(new file|deleted file|old|new) mode 160000$|^index \S+ 160000$",
        diff,
        re.MULTILINE,
    ):
        raise ToolkitError("patch: changes a submodule, which Nix cannot evaluate")
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
        raise ToolkitError(f"patch: contains the unsafe path '{unsafe}'")
    return found
