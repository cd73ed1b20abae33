"""What strangers put into a nixpkgs: a seeded corpus, of which `spoiling.toml` has the payloads.

Each way to spoil something is a payload at a place. A payload is an expression, a whole
file, or what stands where a file should be; each can read, or try to read, the file
with the secret.
"""

import os
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeAlias

from msgspec import Struct

from tests import cases

DOCKER = "pkgs/applications/virtualization/docker/default.nix"
NOTES = "pkgs/by-name/no/notes-server/package.nix"
Spoil: TypeAlias = Callable[[Path, Path], None]
"""Spoils what is at a path, given that and the file with the secret."""


class _Payloads(Struct, frozen=True, kw_only=True):
    places: list[str]
    expressions: dict[str, str]
    contents: dict[str, cases.Text]
    links: dict[str, str]


_PAYLOADS = cases.read(__file__, _Payloads)
EXPRESSIONS = _PAYLOADS.expressions
PLACES = (NOTES, *_PAYLOADS.places)

# The first two are no UTF-8.
_CONTENTS: dict[str, bytes] = {
    "latin": b'{ }: { a = "\xe9"; }\n',
    "binary": bytes(range(256)) * 16,
    "many": b"{ }: {\n"
    + b"".join(b"  a%d = %d;\n" % (n, n) for n in range(30_000))
    + b"}\n",
    **{
        name: cases.whole(content).encode()
        for name, content in _PAYLOADS.contents.items()
    },
}


def filled(text: str, secret: Path) -> str:
    """Return a text with the place of the secret, and of the directory around it."""
    return text.format(secret=secret, home=secret.parent)


def _link(place: Path, secret: Path, *, to: str) -> None:
    place.symlink_to(filled(to, secret))


def _fifo(place: Path, _: Path) -> None:
    os.mkfifo(place)


def _socket(place: Path, _: Path) -> None:
    # A name in such a socket has at most 107 characters.
    directory = os.open(place.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{directory}/{place.name}")
    finally:
        os.close(directory)


def _sparse(place: Path, _: Path) -> None:
    with place.open("wb") as file:
        file.truncate(3 << 30)


def _directory(place: Path, _: Path) -> None:
    place.mkdir()


def _closed(place: Path, _: Path) -> None:
    place.write_text("{ }: { }\n")
    place.chmod(0)


_INSTEAD: dict[str, Spoil] = {
    **{name: partial(_link, to=to) for name, to in _PAYLOADS.links.items()},
    **{
        each.__name__.strip("_"): each
        for each in (_fifo, _socket, _sparse, _directory, _closed)
    },
}
"""What stands where a file should be."""


class Spoiling(Struct, frozen=True, kw_only=True):
    """One way to spoil a tree; `spoil` gets its root and the file with the secret."""

    name: str
    spoil: Spoil


def spoilings(random: Random) -> Iterator[Spoiling]:
    """Yield all ways to spoil a tree, in the same order for the same seed."""
    for number, (name, expression) in enumerate(EXPRESSIONS.items()):
        for place in (DOCKER, NOTES):
            turn = random.randrange(4)
            spoil = partial(_edited, expression=expression, place=place, turn=turn)
            yield Spoiling(name=f"{name}-{place.split('/')[-2]}-{turn}", spoil=spoil)
        if number % 3 == 0:
            yield Spoiling(
                name=f"{name}-lib", spoil=partial(_in_lib, expression=expression)
            )
    for name, content in _CONTENTS.items():
        for place in (DOCKER, random.choice(PLACES)):
            spoil = partial(
                _replaced, place=place, make=partial(_written, content=content)
            )
            yield Spoiling(name=f"{name}-{place.replace('/', '_')}", spoil=spoil)
    for name, make in _INSTEAD.items():
        for place in (DOCKER, *random.sample(PLACES, 3)):
            spoil = partial(_replaced, place=place, make=make)
            yield Spoiling(name=f"{name}-{place.replace('/', '_')}", spoil=spoil)


def lay_out(directory: Path, expression: str, secret: Path) -> None:
    """Make what an expression names beside its file."""
    if "./beside" in expression:
        (directory / "beside").symlink_to(secret)
    if "./fifo" in expression:
        os.mkfifo(directory / "fifo")
    if "Mercurial" in expression:
        (directory / ".hg").mkdir()


def _edited(
    root: Path, secret: Path, *, expression: str, place: str, turn: int
) -> None:
    """Put an expression into a file of a package, in the place of a string: which, is up to the turn."""
    path = root / place
    text = path.read_text()
    # The first expression of the file, the version of a release, a value of meta, a
    # line of a build step.
    found = [
        text.find('version = "'),
        text.find('description = "'),
        text.rfind('version = "'),
        text.find("''\n"),
    ]
    places = [place for place in found if place >= 0]
    begin = places[turn % len(places)]
    given = filled(expression, secret)
    if text.startswith("''", begin):
        text = f"{text[:begin]}''\n    ${{{given}}}\n{text[begin + 3 :]}"
    else:
        begin = text.index('"', begin)
        end = text.index('"', begin + 1) + 1
        text = f"{text[:begin]}({given}){text[end:]}"
    path.write_text(text)
    lay_out(path.parent, expression, secret)


def _in_lib(root: Path, secret: Path, *, expression: str) -> None:
    path = root / "lib/default.nix"
    path.write_text(
        f"builtins.seq ({filled(expression, secret)}) (\n{path.read_text()})"
    )
    (path.parent / "beside").symlink_to(secret)


def _written(path: Path, _: Path, *, content: bytes) -> None:
    path.write_bytes(content)


def _replaced(root: Path, secret: Path, *, place: str, make: Spoil) -> None:
    path = root / place
    if path.is_dir() and not path.is_symlink():
        path.rename(root.parent / f"taken-{path.name}")
    else:
        path.unlink(missing_ok=True)
    make(path, secret)
