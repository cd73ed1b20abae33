"""A stranger's change of one file as a diff."""

import difflib
from pathlib import Path


def diff(file: Path | str, before: str, after: str) -> str:
    """Return the diff of a file of nixpkgs.

    Without a text after it, the file is deleted.
    """
    head = [
        f"diff --git a/{file} b/{file}\n",
        *["deleted file mode 100644\n"] * (not after),
    ]
    names = (f"a/{file}", f"b/{file}" if after else "/dev/null")
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), *names
    )
    return "".join([*head, *lines])
