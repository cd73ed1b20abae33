"""The answers that came, kept on disk for CacheControl; an entry that is damaged is set aside and told."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cachecontrol.cache import BaseCache

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from toolkit.cache import Cache

_KIND = "http"
_BROKEN = "broken"
_DIGEST = hashlib.sha256().digest_size


class Store(BaseCache):
    """One file an answer, in `http/HOST/` of the cache, each behind the digest of what it holds.

    A cache that cannot be written keeps nothing; that is no failure. `damaged` counts what was set aside.
    """

    def __init__(self, cache: Cache) -> None:
        self._root = cache.root
        self.damaged = 0

    def get(self, key: str) -> bytes | None:
        """Return what is kept for a URL."""
        path = self._path(key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        digest, value = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(value).digest() != digest:
            self._set_aside(path)
            return None
        return value

    def set(self, key: str, value: bytes, expires: int | datetime | None = None) -> None:  # noqa: ARG002 - the base's
        """Keep an answer."""
        path = self._path(key)
        new = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(hashlib.sha256(value).digest() + value)
            new.replace(path)
        except OSError:
            with suppress(OSError):
                new.unlink()

    def delete(self, key: str) -> None:
        """Forget an answer."""
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError:
            return

    def _path(self, key: str) -> Path:
        host = re.sub(r"[^A-Za-z0-9.-]", "_", urlsplit(key).netloc.rpartition("@")[2])
        return self._root / _KIND / f"h_{host}" / hashlib.sha256(key.encode()).hexdigest()

    def _set_aside(self, path: Path) -> None:
        self.damaged += 1
        aside = self._root / _BROKEN / f"{path.name[:16]}-{os.urandom(4).hex()}"
        try:
            aside.mkdir(parents=True)
            path.rename(aside / path.name)
        except OSError:
            return
