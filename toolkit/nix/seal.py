"""Evaluate strangers' files: nothing in reach but what is named, in bounded memory and time.

Nix has a configuration of ours and nothing of the user's, neither a file nor a variable: one setting of theirs could
open a door that the others close.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit import limits

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from toolkit.process import Command

MEMORY_MIB = 2048
"""Four times what a file with a hundred releases takes."""

SECONDS = 120.0
_SHORTEST = 0.001

ANSWER_BYTES = 128 << 20
"""What is shared in the evaluator's memory is written as often as it is used."""

_CONFIGURATION: Mapping[str, str | None] = {
    "NIX_CONF_DIR": str(Path(__file__).with_name("sealed")),
    "NIX_USER_CONF_FILES": "",
    "NIX_CONFIG": None,
    "NIX_PATH": None,
}

_seal: ContextVar[tuple[tuple[Path, ...], float] | None] = ContextVar("_seal", default=None)


@contextmanager
def sealed(*reach: Path, seconds: float = inf) -> Generator[None]:
    """Seal each evaluation within: it can read `reach`, the directory of its expression, what its arguments name.

    All together have so many `seconds`, and each at most SECONDS.
    """
    token = _seal.set((reach, time.monotonic() + seconds))
    try:
        yield
    finally:
        _seal.reset(token)


def is_sealed() -> bool:
    """Tell whether evaluations are sealed here."""
    return _seal.get() is not None


def restrict(command: Command, *named: Path) -> Command:
    """Return a command that evaluates as it has to be here; `named` are paths that it is called with."""
    if (seal := _seal.get()) is None:
        return command
    reach, end = seal
    # Nix follows a link only to where it may already read.
    roots = dict.fromkeys(root for path in (*reach, *named) for root in (path.resolve(), path))
    words = [word for root in roots if roots.keys().isdisjoint(root.parents) for word in ("-I", str(root))]
    bounded = limits.bounded(command, MEMORY_MIB)
    return replace(
        bounded,
        argv=(*command.argv, *words),
        env={**bounded.env, **_CONFIGURATION},
        timeout=max(_SHORTEST, min(command.timeout or SECONDS, end - time.monotonic())),
        most=ANSWER_BYTES,
    )
