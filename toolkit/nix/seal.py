"""Evaluate strangers' files: nothing in reach but what is named, in bounded memory and time.

Nix has a configuration of ours and nothing of the user's, neither a file nor a variable: one setting of theirs could
open a door that the others close.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit import limits

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from toolkit.process import Command

MEMORY_MIB = 2048
"""Four times what a file with a hundred releases takes."""

SECONDS = 120.0

ANSWER_BYTES = 128 << 20
"""What is shared in the evaluator's memory is written as often as it is used."""

_CONFIGURATION: Mapping[str, str | None] = {
    "NIX_CONF_DIR": str(Path(__file__).with_name("sealed")),
    "NIX_USER_CONF_FILES": "",
    "NIX_CONFIG": None,
    "NIX_PATH": None,
}

_reach: ContextVar[tuple[Path, ...] | None] = ContextVar("_reach", default=None)


@contextmanager
def sealed(*reach: Path) -> Generator[None]:
    """Seal each evaluation within: it can read `reach`, the directory of its expression, what its arguments name."""
    token = _reach.set(reach)
    try:
        yield
    finally:
        _reach.reset(token)


def is_sealed() -> bool:
    """Tell whether evaluations are sealed here."""
    return _reach.get() is not None


def restrict(command: Command, *named: Path) -> Command:
    """Return a command that evaluates as it has to be here; `named` are paths that it is called with."""
    if (reach := _reach.get()) is None:
        return command
    # Nix follows a link only to where it may already read.
    roots = dict.fromkeys(root for path in (*reach, *named) for root in (path.resolve(), path))
    words = [word for root in roots if roots.keys().isdisjoint(root.parents) for word in ("-I", str(root))]
    bounded = limits.bounded(command, MEMORY_MIB)
    return replace(
        bounded,
        argv=(*command.argv, *words),
        env={**bounded.env, **_CONFIGURATION},
        timeout=command.timeout or SECONDS,
        most=ANSWER_BYTES,
    )
