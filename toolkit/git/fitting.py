"""Whether a diff fits a file, and how far from where it was made."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.git import program, reading

if TYPE_CHECKING:
    from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """How a diff fits: `offset` is the greatest distance in lines, `conflicts` are the lines where it does not."""

    applies: bool
    offset: int
    conflicts: tuple[int, ...]
    reason: str | None = None


def fit(content: bytes, target: PurePosixPath, diff: bytes) -> Fitting:
    """Try a diff on a file of this content, without changing anything."""
    with tempfile.TemporaryDirectory(prefix="unlet-fit-") as name:
        directory = Path(name)
        file = directory / target
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        arguments = ("apply", "--check", "--verbose", f"--include={target}", "-")
        tried = program.run_hermetic(directory, *arguments, stdin=diff, ok=None, alone=True)
    offsets = [abs(int(found)) for found in re.findall(r"\(offset (-?\d+) lines?\)", tried.stderr)]
    conflicts = tuple(
        dict.fromkeys(int(found) for found in re.findall(r"patch failed: .*?:(\d+)$", tried.stderr, re.MULTILINE))
    )
    return Fitting(
        applies=tried.status == 0,
        offset=max(offsets, default=0),
        conflicts=conflicts,
        reason=reading.fact(tried.stderr) if tried.status != 0 else None,
    )
