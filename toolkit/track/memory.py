"""What is known of versions and of refs, so that each is read once.

What earlier runs have read is in the cache, under a key of the whole package: what other
code has read is never believed.
"""

import hashlib
import os
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct, field

from toolkit import documents, patches, process
from toolkit.cache import default_cache
from toolkit.errors import ToolkitError
from toolkit.git.history import FileCommit
from toolkit.nix import limits
from toolkit.nix.limits import Budget
from toolkit.proposal.inspection import Methods
from toolkit.shipped import PACKAGE
from toolkit.track.readings import Reading

_KIND = "readings"
_FILE = "readings.json"


class Known(Struct, frozen=True, kw_only=True):
    """Readings by blob, last changes by place.

    `since` has the commits that fixed a package, by its name, its parts and the commit that last changed its file.
    `answers` are Nix's about any package, by the commit, the package and the methods that it tried.

    The place of a change names the file's content as well.
    """

    readings: dict[str, Reading] = field(default_factory=dict[str, Reading])
    changes: dict[str, FileCommit] = field(default_factory=dict[str, FileCommit])
    since: dict[str, FileCommit] = field(default_factory=dict[str, FileCommit])
    answers: dict[str, Methods] = field(default_factory=dict[str, Methods])


class Memory:
    """What is known, read from the cache, and what is read now; `save` writes it if it is more by then.

    `budget` is the time and memory of the parser and Nix for this run.
    """

    def __init__(self) -> None:
        """Read what is kept; `warnings` reports if it was damaged and set aside, and why Nix was not asked."""
        self.known = Known()
        self.warnings: list[str] = []
        self.can_evaluate = process.find("nix-instantiate") is not None
        self.budget = Budget(limits.seconds(limits.TOGETHER_SECONDS))
        self._cache = default_cache()
        self._key = hashlib.sha256(package().encode()).hexdigest()[:32]
        self._saved = b""
        try:
            if (content := self._cache.read(_KIND, self._key, _FILE)) is not None:
                self.known, self._saved = documents.read(content, Known, document=_FILE), content
        except ToolkitError as error:
            self.warnings.append(f"{error.message}; set aside, and everything is read again")

    def renew(self, seconds: float) -> None:
        """Give what is read from here on the time that all have, or so many seconds if they are more."""
        self.budget = Budget(max(limits.seconds(limits.TOGETHER_SECONDS), seconds))

    def save(self) -> None:
        """Write what is new; a cache that cannot be written keeps nothing."""
        content = msgspec.json.encode(self.known, enc_hook=str)
        if content == self._saved:
            return
        try:
            self._cache.keep(_KIND, self._key, _FILE, content)
        except ToolkitError as error:
            self.warnings.append(error.message)
        self._saved = content


@cache
def package() -> str:
    """Return a digest of unlet's code and data: different code must not reuse the readings."""
    digest = hashlib.sha256()
    places = dict.fromkeys((str(PACKAGE), str(patches.shipped())))
    paths = (os.path.join(folder, name) for place in places for folder, _, names in os.walk(place) for name in names)  # noqa: PTH118 - in half the time
    for path in sorted(path for path in paths if not path.endswith((".pyc", ".patch"))):
        digest.update(
            f"{path.removeprefix(str(PACKAGE))}\0".encode() + hashlib.sha256(Path(path).read_bytes()).digest()
        )
    return digest.hexdigest()
