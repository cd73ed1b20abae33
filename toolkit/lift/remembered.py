"""What files bind, remembered by their contents, in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import toolkit.lift
import toolkit.nix
from toolkit import documents
from toolkit.cache import default_cache
from toolkit.errors import ToolkitError
from toolkit.lift.findings import Binding

if TYPE_CHECKING:
    from collections.abc import Mapping

_KIND = "findings"
_NAME = "findings.json"
_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known, by what stands for a file's content."""

    bindings: dict[str, tuple[Binding, ...]]

    @classmethod
    def load(cls) -> Remembered:
        """Read what is in the cache; nothing where that was written by other code than this."""
        path = default_cache().find(_KIND, _code(), check=lambda found: (found / _NAME).is_file())
        if path is None:
            return cls({})
        try:
            return cls(documents.read((path / _NAME).read_bytes(), dict[str, tuple[Binding, ...]], document=_NAME))
        except (OSError, ToolkitError):
            return cls({})

    def add(self, new: Mapping[str, tuple[Binding, ...]]) -> None:
        """Remember more, also in the cache."""
        if not new:
            return
        self.bindings.update(new)
        kept = self.bindings if len(self.bindings) <= _LIMIT else new
        content = msgspec.json.encode(kept)
        default_cache().replace(_KIND, _code(), make=lambda into: _write(into / _NAME, content))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@cache
def _code() -> str:
    """Return what stands for the code that reads files, so that what other code has found is not taken for its own."""
    digest = blake2b(digest_size=16)
    for package in (toolkit.lift, toolkit.nix):
        for path in sorted(Path(package.__path__[0]).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
