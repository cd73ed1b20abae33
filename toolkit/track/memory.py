"""Remember the facts about files and refs that earlier runs of `track` found.

The cache's key covers unlet's code, so a run never uses the results of other code.
"""

import hashlib
import os
from functools import cache
from itertools import chain
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
    """The facts that `track` remembers between runs.

    `readings` are the states of package files, by blob id. `changes` has the commit
    that last changed a file, by a key that includes the hash of the file's content.
    `since` has the commits that fixed a package, by the package's name, its let-bound
    packages and the commit that last changed its file. `answers` are Nix's answers
    about packages, by commit, package and override methods.
    """

    readings: dict[str, Reading] = field(default_factory=dict[str, Reading])
    changes: dict[str, FileCommit] = field(default_factory=dict[str, FileCommit])
    since: dict[str, FileCommit] = field(default_factory=dict[str, FileCommit])
    answers: dict[str, Methods] = field(default_factory=dict[str, Methods])


class Memory:
    """The remembered facts about package files, from the cache and from this run.

    `save` writes new facts to the cache. `budget` is the time and memory of the parser
    and Nix for this run.
    """

    def __init__(self) -> None:
        """Read the cache entry of an earlier run.

        `warnings` explain why Nix did not answer, or why the cache cannot be written.
        """
        self.known = Known()
        self.warnings: list[str] = []
        self.can_evaluate = process.find("nix-instantiate") is not None
        self.budget = Budget(limits.seconds(limits.TOGETHER_SECONDS))
        self._cache = default_cache()
        self._key = hashlib.sha256(package().encode()).hexdigest()[:32]
        self._saved = b""
        if (content := self._cache.read(_KIND, self._key, _FILE)) is not None:
            self.known, self._saved = (
                documents.read(content, Known, document=_FILE),
                content,
            )

    def renew(self, seconds: float) -> None:
        """Restart the time limit that all evaluations share.

        The new limit is `seconds`, or the usual limit if that is longer.
        """
        self.budget = Budget(max(limits.seconds(limits.TOGETHER_SECONDS), seconds))

    def save(self) -> None:
        """Write new facts to the cache; if it cannot be written, add a warning."""
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
    """Return a digest of unlet's code and data, a part of the cache's key."""
    digest = hashlib.sha256()
    places = dict.fromkeys((str(PACKAGE), str(patches.shipped())))
    folders = chain.from_iterable(map(os.walk, places))
    paths = (
        os.path.join(folder, name)  # noqa: PTH118 - pathlib takes twice the time
        for folder, _, names in folders
        for name in names
    )
    for path in sorted(path for path in paths if not path.endswith((".pyc", ".patch"))):
        digest.update(
            f"{path.removeprefix(str(PACKAGE))}\0".encode()
            + hashlib.sha256(Path(path).read_bytes()).digest()
        )
    return digest.hexdigest()
