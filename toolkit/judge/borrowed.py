"""Find hashes that a change has copied from another package.

With such a hash, Nix would use the other package's download.
"""

import re
from collections.abc import Sequence

from toolkit.git.reading import TreeFile
from toolkit.judge.changed import ChangedText
from toolkit.judge.differences import (
    Cause,
    DifferenceFact,
    DifferencePlace,
    Kind,
    changed,
)
from toolkit.judge.record import Record
from toolkit.sources.package_files import by_name

_HASH = re.compile(
    r"sha(?:256|512)-[A-Za-z0-9+/]{43,86}={0,2}(?![\w+/=])"
    r"|(?<![\w-])[0-9a-df-np-sv-z]{52}(?![\w-])"
)
_EMPTY = re.compile(r"(?:sha\d+-)?[A0]+=*")
"""The form of placeholder hashes, such as lib.fakeHash."""

_SOURCE = re.compile(r'\b(?:repo|url|pname|crateName)\s*=\s*"([^"]+)"')
_MOST = 12
"""The maximum number of hashes to search for in other files."""


def compare(record: Record, files: Sequence[ChangedText]) -> None:
    """Compare the new hashes of changed packages with those of all other packages.

    An equal hash is allowed if the two packages have the same repository, URL or name.
    """
    packages = [file for file in files if file.path.startswith("pkgs/")]
    known = {file.path for file in packages}
    old = {hash_ for file in packages for hash_ in _hashes(file.before)}
    new = {file.path: {*_hashes(file.after)} - old for file in packages}
    wanted = sorted(set[str]().union(*new.values()))[:_MOST]
    places = record.maps[1]
    for other in places.naming(wanted) if wanted else ():
        if other in known or not other.startswith("pkgs/"):
            continue
        text = places.text(other)
        hashes, sources = {*_hashes_in(text)}, _sources(text)
        for file in packages:
            is_shared = not new[file.path].isdisjoint(hashes)
            if is_shared and sources.isdisjoint(_sources(_text(file.after))):
                _add(record, file, other)


def _add(record: Record, file: ChangedText, other: str) -> None:
    """Add the difference that a changed file contains the hash of another package."""
    reached = record.reached.get(file.path, set())
    names = sorted(".".join(path) for path in reached & record.kinds.keys())
    name = by_name(file.path) or (names[0] if names else file.path)
    cause = Cause(
        fact=DifferenceFact.HASH_OF_ANOTHER, place=DifferencePlace.FILE, other=other
    )
    subject = record.subject(name, record.native)
    record.differences.append(subject.differs(changed(Kind.FIXED_OUTPUT, cause)))


def _hashes(file: TreeFile | None) -> list[str]:
    """Return the hashes of sources in a file, without placeholder hashes."""
    return _hashes_in(_text(file))


def _hashes_in(text: str) -> list[str]:
    found = dict.fromkeys(_HASH.findall(text))
    return [hash_ for hash_ in found if not _EMPTY.fullmatch(hash_)]


def _text(file: TreeFile | None) -> str:
    return file.content.decode("utf-8", "replace") if file is not None else ""


def _sources(text: str) -> set[str]:
    """Return the repositories, URLs and package names from which a file downloads."""
    return {*_SOURCE.findall(text)}
