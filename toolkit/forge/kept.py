"""Answers that are kept on disk with their ETags; one that is damaged is set aside and counted."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.cache import Cache

_KIND = "answers"
_BROKEN = "broken"
_DIGEST = hashlib.sha256().digest_size


class KeptAnswer(Struct, frozen=True, kw_only=True):
    """The body of a good answer; `next` is the URL that its `Link` header calls the next page."""

    body: bytes
    etag: str
    next: str | None


class Store:
    """One file an answer, in `answers/HOST/` of the cache, each behind the digest of what it holds.

    A cache that cannot be written keeps nothing; that is no failure. `damaged` counts what was set aside.
    """

    def __init__(self, cache: Cache) -> None:
        self._root = cache.root
        self.damaged = 0

    def find(self, url: str) -> KeptAnswer | None:
        """Return what is kept for a URL."""
        path = self._path(url)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        digest, value = content[:_DIGEST], content[_DIGEST:]
        try:
            if hashlib.sha256(value).digest() == digest:
                return msgspec.msgpack.decode(value, type=KeptAnswer)
        except msgspec.DecodeError:
            pass
        self._set_aside(path)
        return None

    def keep(self, url: str, answer: KeptAnswer) -> None:
        """Keep an answer."""
        value = msgspec.msgpack.encode(answer)
        path = self._path(url)
        new = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(hashlib.sha256(value).digest() + value)
            new.replace(path)
        except OSError:
            with suppress(OSError):
                new.unlink()

    def _path(self, url: str) -> Path:
        host = re.sub(r"[^A-Za-z0-9.-]", "_", urlsplit(url).netloc.rpartition("@")[2])
        return self._root / _KIND / f"h_{host}" / hashlib.sha256(url.encode()).hexdigest()

    def _set_aside(self, path: Path) -> None:
        self.damaged += 1
        aside = self._root / _BROKEN / f"{path.name[:16]}-{os.urandom(4).hex()}"
        with suppress(OSError):
            aside.mkdir(parents=True)
            path.rename(aside / path.name)
