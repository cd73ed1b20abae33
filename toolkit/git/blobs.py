"""Files as git has them in a tree: a mode of three, a content, an id; and how they stand in a directory."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.model import Oid

if TYPE_CHECKING:
    from pathlib import Path

FILE, EXECUTABLE, LINK = "100644", "100755", "120000"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFile:
    """A file in a tree; the content of a link is where it leads."""

    content: bytes
    mode: str = FILE


def read(path: Path, *, follow: bool = False) -> TreeFile:
    """Return a file or a link, with `follow` what the link leads to; raise OSError where there is none."""
    if not follow and path.is_symlink():
        return TreeFile(content=os.fsencode(path.readlink()), mode=LINK)
    content = path.read_bytes()
    return TreeFile(content=content, mode=EXECUTABLE if path.stat().st_mode & stat.S_IXUSR else FILE)


def write(path: Path, file: TreeFile) -> None:
    """Write a file or a link where there is none, with the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if file.mode == LINK:
        path.symlink_to(os.fsdecode(file.content))
        return
    path.write_bytes(file.content)
    if file.mode == EXECUTABLE:
        path.chmod(path.stat().st_mode | 0o111)


def blob_id(content: bytes) -> Oid:
    """Return the id that git gives a file of this content."""
    return Oid(hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest())
