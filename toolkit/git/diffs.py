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
    paths = tuple(dict.fromkeys(_unquoted(file.path) for file in read_diff(diff, name)))
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
    paths += [str(_unquoted(name.decode("utf-8", "replace"))) for name in moved]
    found = tuple(PurePosixPath(path) for path in dict.fromkeys(paths) if path)
    if unsafe := next((path for path in found if path.is_absolute() or {"..", ".git"} & set(path.parts)), None):
        raise ToolkitError(f"patch: names the unsafe path '{unsafe}'")
    return found


# As git quotes a path in which a character is none of ASCII's, and reads it (core.quotePath in git-config(1), and
# unquote_c_style in its quote.c).
_QUOTED = re.compile(rb'"(?:[^"\\]|\\(?:[abfnrtv"\\]|[0-3][0-7]{2}))*"')
_ESCAPE = re.compile(rb'\\(?:([abfnrtv"\\])|([0-3][0-7]{2}))')
_ESCAPED = dict(zip(b'abfnrtv"\\', b'\a\b\f\n\r\t\v"\\', strict=True))


def _unquoted(path: str) -> PurePosixPath:
    """Return a path that git may have quoted; raise ToolkitError for one that only looks so."""
    if not path.startswith('"'):
        return PurePosixPath(path)
    content = path.encode("utf-8", "surrogateescape")
    if _QUOTED.fullmatch(content) is None:
        raise ToolkitError(f"patch: names the path {path}, which git does not write in this way")
    plain = _ESCAPE.sub(lambda found: bytes([_ESCAPED[found[1][0]] if found[1] else int(found[2], 8)]), content[1:-1])
    return PurePosixPath(plain.decode("utf-8", "replace"))
