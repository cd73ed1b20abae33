"""Replace the fake hashes in a file of overrides by the hashes that Nix reports.

Nix builds each fixed-output derivation and reports the real hash. Each fake hash first
gets a number, which identifies the derivation that uses it. A derivation that depends
on another one with a fake hash has to wait for the other hash.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from toolkit.errors import ToolkitError
from toolkit.model import Progress
from toolkit.nix.attributes import path
from toolkit.nix.derivations import DerivationStore
from toolkit.nix.downloads import content_hash
from toolkit.nix.edit import Edit, apply, replaced
from toolkit.nix.stores import own
from toolkit.nix.tree import Node, parsed
from toolkit.reach.effects import Reach
from toolkit.reach.spans import NOTE, removed

_FAKE = re.compile(r"(?:[\w'-]+\.)*(?:lib\.)?fake(?:Hash|Sha256)")
_EMPTY = re.compile(r"(?:^|\.)(?:\w*[hH]ash|sha256|\w+Sha256)$")
_BYTES = 32


class Fake(Struct, frozen=True, kw_only=True):
    """A placeholder hash in the user's file, with a number that identifies it.

    `note` is the comment that `--fix` wrote above its binding.
    """

    file: Path
    number: int
    node: Node
    note: Node | None

    @property
    def digest(self) -> str:
        """The number of the fake hash, as a SHA-256 hash in hexadecimal."""
        return self.number.to_bytes(_BYTES, "big").hex()

    @property
    def sri(self) -> str:
        """The number of the fake hash, as a SHA-256 hash in Nix's SRI form."""
        digest = base64.b64encode(bytes.fromhex(self.digest))
        return f"sha256-{digest.decode()}"


class Unhashed(Struct, frozen=True, kw_only=True):
    """A fake hash that remains in a file: its place, and the reason."""

    place: str
    reason: str


class Hashed(Struct, frozen=True, kw_only=True):
    """The texts of files with real hashes, and the resulting overrides.

    `counts` are the numbers of replaced hashes by file.
    """

    texts: Mapping[Path, str]
    after: Reach
    counts: Mapping[Path, int] = {}
    unhashed: tuple[Unhashed, ...] = ()


def hashed(
    texts: Mapping[Path, str],
    after: Reach,
    trial: Callable[[Mapping[Path, str]], Reach],
    progress: Progress,
) -> Hashed:
    """Return texts with real hashes in place of fake ones.

    `after` are the overrides in the given texts; `trial` evaluates the overrides in
    other texts.
    """
    fakes = [*_fakes(texts)]
    if not fakes:
        return Hashed(texts=texts, after=after)
    known: dict[int, str] = {}
    failures: dict[int, str] = {}
    while True:
        numbers = {fake.number: fake.sri for fake in fakes}
        after = trial(_filled(texts, fakes, {**numbers, **known}))
        downloads = _downloads(
            after, [fake for fake in fakes if fake.number not in known]
        )
        ready = _ready(downloads)
        waiting = [fake for fake in fakes if fake.number in {*ready} - {*failures}]
        if not waiting:
            break
        for fake in waiting:
            progress.step(f"{fake.file.name}:{fake.node.line}: the hash of a download")
            try:
                known[fake.number] = content_hash(downloads[fake.number])
            except ToolkitError as error:
                failures[fake.number] = error.message
    reasons = {
        **dict.fromkeys(downloads, "it is made from a download that has no hash"),
        **failures,
    }
    filled = _filled(texts, fakes, known)
    unknown = [fake.number for fake in fakes if fake.number not in known]
    return Hashed(
        texts=filled,
        after=after,
        counts={
            file: sum(fake.file == file for fake in fakes if fake.number in known)
            for file in texts
        },
        unhashed=tuple(
            Unhashed(
                place=fake.node.location,
                reason=reasons.get(number, "none of these overrides downloads it"),
            )
            for fake, number in zip(_fakes(filled), unknown, strict=True)
        ),
    )


def _fakes(texts: Mapping[Path, str]) -> Iterator[Fake]:
    number = 0
    for file, text in texts.items():
        for node in parsed(text, name=str(file)).root.walk():
            if _is_fake(node):
                number += 1
                yield Fake(file=file, number=number, node=node, note=_note(node))


def _is_fake(node: Node) -> bool:
    holder = node.parent
    if node.kind in {"select_expression", "variable_expression"}:
        return _FAKE.fullmatch(node.text) is not None
    if node.text != '""' or holder is None or holder.kind != "binding":
        return False
    return _EMPTY.search(path(holder)) is not None


def _note(node: Node) -> Node | None:
    """Return the comment that `--fix` wrote above a fake hash's binding, or None."""
    for around in (node, *node.ancestors()):
        siblings = around.parent.children if around.parent is not None else []
        before = siblings[: siblings.index(around)] if around in siblings else []
        if before and before[-1].kind == "comment" and before[-1].text == NOTE:
            return before[-1]
    return None


def _filled(
    texts: Mapping[Path, str], fakes: Sequence[Fake], hashes: Mapping[int, str]
) -> dict[Path, str]:
    """Return the texts with some fake hashes replaced by the given hashes.

    The comments about replaced hashes are removed.
    """
    edits: dict[Path, set[Edit]] = {file: set() for file in texts}
    noted = {fake.note for fake in fakes if fake.number not in hashes}
    for fake in fakes:
        if fake.number in hashes:
            edit = replaced(fake.node, f'"{hashes[fake.number]}"')
            edits[fake.file].add(edit)
        if fake.note is not None and fake.note not in noted:
            edits[fake.file].add(removed(fake.note))
    return {file: apply(text, edits[file]) for file, text in texts.items()}


def _downloads(after: Reach, fakes: Sequence[Fake]) -> dict[int, str]:
    """Return the derivations that use the numbered fake hashes, by number."""
    store = DerivationStore(own())
    inputs = {
        path for derivation in after.derivations for path in store.closure(derivation)
    }
    by_hash = {store[path].hash: path for path in inputs if store[path].hash}
    return {
        fake.number: by_hash[fake.digest] for fake in fakes if fake.digest in by_hash
    }


def _ready(downloads: Mapping[int, str]) -> list[int]:
    """Return the numbers of derivations that depend on none of the others."""
    store = DerivationStore(own())
    return [
        number
        for number, derivation in downloads.items()
        if store.closure(derivation).isdisjoint({*downloads.values()} - {derivation})
    ]
