"""Cases as data: the TOML file of a module's name has what its tests are tried with."""

from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")
Text: TypeAlias = str | list[tuple[str, int]]
"""A text, or its parts, each with how often it stands there."""


def read(module: str | Path, kind: type[T]) -> T:
    """Return what stands beside a module, which is given by its `__file__`, as a value of `kind`."""
    return msgspec.toml.decode(
        Path(module).with_suffix(".toml").read_bytes(), type=kind, dec_hook=_made
    )


def whole(text: Text) -> str:
    """Return a text that may be given by its parts."""
    return (
        text if isinstance(text, str) else "".join(part * times for part, times in text)
    )


def _made(kind: type, value: Any) -> Any:  # noqa: ANN401 - as msgspec has it
    return value if kind is object else kind(value)
