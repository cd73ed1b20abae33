"""Read diffs by unidiff, both git's own and others'."""

import io
import re
from pathlib import PurePosixPath

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from toolkit import files
from toolkit.errors import CommandError, ToolkitError
from toolkit.git import calls, reading


def read_diff(diff: bytes, name: str = "patch") -> PatchSet:
    """Return the files of a diff, or of a mail with one; raise ToolkitError for an incomplete hunk."""
    try:
        return PatchSet(io.StringIO(diff.decode("utf-8", "replace"), newline="\n"))
    except UnidiffParseError as error:
        raise ToolkitError(f"{name}: unidiff cannot read it: {str(error).strip()}") from error


def touched(diff: bytes, name: str = "patch") -> tuple[PurePosixPath, ...]:
    """Return the paths that a diff changes, in its order; raise ToolkitError if there is no diff."""
    paths = tuple(dict.fromkeys(_plain(file.path) for file in read_diff(diff, name)))
    if not paths:
        raise ToolkitError(f"{name}: contains no diff")
    return paths


def named(diff: bytes) -> tuple[PurePosixPath, ...]:
    """Return all paths in a diff, including deleted and moved ones.

    Raise ToolkitError if there is no diff, or for a path outside the tree or a submodule.
    """
    with files.temporary() as directory:
        try:
            listed = calls.run_hermetic(directory, "apply", "--numstat", "-z", "-", stdin=diff, alone=True).names
        except CommandError as error:
            fact = "contains no diff" if "No valid patches" in error.stderr else reading.fact(error.stderr)
            raise ToolkitError(f"patch: {fact}") from error
    if re.search(rb"^(new file|deleted file|old|new) mode 160000$|^index \S+ 160000$", diff, re.MULTILINE):
        raise ToolkitError("patch: changes a submodule, which has nothing to evaluate")
    # A file that is renamed has no name in the first part of its record, and both in the two that follow.
    paths = [record.rpartition("\t")[2] for record in listed.split("\0")]
    moved = re.findall(rb"^(?:rename|copy) from (.+)$", diff, re.MULTILINE)
    paths += [str(_plain(name.decode("utf-8", "replace"))) for name in moved]
    found = tuple(PurePosixPath(path) for path in dict.fromkeys(paths) if path)
    if unsafe := next((path for path in found if path.is_absolute() or {"..", ".git"} & set(path.parts)), None):
        raise ToolkitError(f"patch: names the unsafe path '{unsafe}'")
    return found


def _plain(path: str) -> PurePosixPath:
    """Return a path; raise ToolkitError for one that git quotes, as it has characters that no path of nixpkgs has."""
    if path.startswith('"'):
        raise ToolkitError(f"patch: names the path {path}, with characters that are not read")
    return PurePosixPath(path)
