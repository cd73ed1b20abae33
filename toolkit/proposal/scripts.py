"""Find scripts beside a package's file that search for code in its text, as some update scripts do."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from toolkit import inside
from toolkit.errors import RefusalError

_MOST_BYTES = 100_000
_SUFFIXES = frozenset([".sh", ".py", ".pl", ".rb", ".js", ".nu"])

# `${src.name}` is no expansion of a shell; `src = fetchurl` begins a definition of Nix.
_CODE = re.compile(r"\$\{[A-Za-z_]\w*(?:\.\w+)+\}|[A-Za-z_][\w-]* = [a-z][\w.]*|\brec \{")


def beside(root: Path, file: PurePosixPath) -> Mapping[str, str]:
    """Return the scripts in a file's directory that name the file, by name."""
    found: dict[str, str] = {}
    for entry in inside.listed(root, file.parent):
        path = PurePosixPath(entry.path)
        if path.suffix in _SUFFIXES and inside.is_file(root, path):
            content = inside.find(root, path, most=_MOST_BYTES)
            if content is not None and file.name in (text := content.decode(errors="replace")):
                found[path.name] = text
    return found


def require_found(scripts: Mapping[str, str], before: str, after: str, *, name: str) -> None:
    """Raise RefusalError if a script searches for code that a change removes from the file."""
    for script, text in scripts.items():
        for code in dict.fromkeys(_CODE.findall(text)):
            if before.count(code) > after.count(code):
                raise RefusalError(f"{name}: {script} looks for '{code}' in its text, which would no longer be there")
