"""How much memory there is, and how a Nix evaluation is kept within a part of it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from toolkit.process import Command

EVALUATION_MIB = 1536
"""What one evaluation of a package in a nixpkgs of 2026 takes at most, where nobody says how much it may."""

_INITIAL_MIB = 32
_NIX_INITIAL_MIB = 384
"""What Nix itself begins with at most; less makes it slower."""


def available() -> int | None:
    """Return how many MiB of memory are free or can be freed (proc(5), MemAvailable), None where nothing tells."""
    try:
        told = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", told, re.MULTILINE)
    return int(found[1]) >> 10 if found else None


def jobs(most: int | None = None, *, each: int = EVALUATION_MIB) -> int:
    """Return how many evaluations of `each` MiB may run at a time, within `most` MiB or in what is available."""
    processors = os.cpu_count() or 1
    memory = most if most is not None else available()
    return processors if memory is None else max(1, min(processors, memory // each))


def bounded(command: Command, mebibytes: int | None) -> Command:
    """Return the command with a limit for the heap of Nix's evaluator; where that is not enough, Nix says so.

    The variables are those of the garbage collector that Nix uses. An address-space limit would also count what
    is only mapped.
    """
    if mebibytes is None:
        return command
    heap = {"GC_MAXIMUM_HEAP_SIZE": str(mebibytes << 20)}
    if mebibytes < 2 * _NIX_INITIAL_MIB:
        heap["GC_INITIAL_HEAP_SIZE"] = str(min(_INITIAL_MIB, mebibytes) << 20)
    return replace(command, env={**command.env, **heap})
