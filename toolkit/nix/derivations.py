"""Derivations in a store: their outputs, inputs, and builder's environment.

The format is that of Nix's ATerm files (Nix manual, "Store Derivation and Deriving
Path").
"""

import base64
import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import cast

from toolkit import inside
from toolkit.errors import ToolkitError

_PATH = re.compile(r"/nix/store/[0-9a-z]{32}-[\w+.?=-]+\.drv")
_TEXT = rb'(?:[^"\\]|\\.)*'
_STRING = rb'"(%b)"' % _TEXT
_OUTPUT = re.compile(rb"\(" + rb",".join([_STRING] * 4) + rb"\)", re.DOTALL)
# The outputs, of which each has a name, a path, how it is hashed, and the hash; the
# inputs; the files (Nix, src/libstore/derivations.cc).
_OUTPUTS = rb'\("%b"(?:,"%b"){3}\)' % (_TEXT, _TEXT)
_HEAD = re.compile(
    rb'Derive\(\[(%b(?:,%b)*)\],\[(.*?)\],\[(.*?)\],"' % (_OUTPUTS, _OUTPUTS),
    re.DOTALL,
)
_INPUT = re.compile(rb'\("([^"]+\.drv)",')
_SOURCE = re.compile(r"/(nix/store/[0-9a-z]{32}-[\w+.?=-]+)")
_VARIABLE = re.compile(rb"\(" + _STRING + rb"," + _STRING + rb"\)", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}
_VERSIONED = re.compile(r"(.+?)-(\d[^/]*)")
_BASE32 = "0123456789abcdfghijklmnpqrsvwxyz"
_DIGESTS = {32: 20, 52: 32, 103: 64}


class Derivation:
    """A derivation; `path` is its file."""

    def __init__(self, path: str, content: bytes) -> None:
        head = _HEAD.match(content)
        if head is None:
            raise ToolkitError(f"{path}: is not a derivation")
        self.path = path
        self._rest = content[head.end() :]
        self.command = head[3], self._rest.partition(b"],[(")[0]
        """Its input files, and the system, builder and arguments, as written."""
        self.inputs = tuple(found.decode() for found in _INPUT.findall(head[2]))
        found = [tuple(map(_text, each)) for each in _OUTPUT.findall(head[1])]
        self.outputs = {name: place for name, place, _, _ in found}
        self.hash = next((digest for *_, digest in found if digest), "")
        """The hash of a fixed output in hexadecimal, "impure", or an empty text."""

    @cached_property
    def environment(self) -> dict[str, str]:
        """The builder's variables; structured attributes are texts here."""
        return {name: _flat(value) for name, value in self.values.items()}

    @cached_property
    def values(self) -> dict[str, object]:
        """The builder's variables; structured attributes keep their types here."""
        variables: dict[str, object] = {
            _text(name): _text(value) for name, value in _VARIABLE.findall(self._rest)
        }
        structured = variables.pop("__json", None)
        if structured is not None:
            document = cast("dict[str, object]", json.loads(cast("str", structured)))
            inner = document.pop("env", None)
            flat = document | (
                cast("dict[str, object]", inner) if isinstance(inner, dict) else {}
            )
            variables |= flat
        return variables

    @cached_property
    def name(self) -> str:
        """The name without the hash."""
        return self.path.removesuffix(".drv")[44:]

    @property
    def pname(self) -> str:
        """The name without the version."""
        found = _VERSIONED.fullmatch(self.name)
        return found[1] if found is not None else self.name

    @property
    def version(self) -> str:
        """The version in the builder's environment, else the one in the name.

        It is empty if neither has one.
        """
        return self.environment.get("version") or version_of(self.path) or ""


def version_of(path: str) -> str | None:
    """Return the version in a derivation's name, or None."""
    found = _VERSIONED.fullmatch(path.removesuffix(".drv")[44:])
    return found[2] if found is not None else None


class DerivationStore:
    """The derivations below the root of a store; each is read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, Derivation] = {}
        self._closures: dict[str, frozenset[str]] = {}

    def __getitem__(self, path: str) -> Derivation:
        """Return a derivation.

        Raise ToolkitError if the path is not one, even if a stranger's package says it
        is.
        """
        if path not in self._known:
            try:
                content = (
                    (self._root / path.removeprefix("/")).read_bytes()
                    if _PATH.fullmatch(path)
                    else b""
                )
            except OSError:
                content = b""
            self._known[path] = Derivation(path, content)
        return self._known[path]

    def scripts(self, path: str) -> Iterator[str]:
        """Yield the files that a derivation uses, such as its builder.

        Omit files inside directories.
        """
        for name in _SOURCE.findall(self[path].command[0].decode()):
            with suppress(ToolkitError):
                yield (inside.find(self._root, name) or b"").decode(errors="replace")

    def closure(self, path: str) -> frozenset[str]:
        """Return a derivation and all its direct and indirect inputs, by path."""
        if path not in self._closures:
            seen = {path}
            waiting = [path]
            while waiting:
                for each in self[waiting.pop()].inputs:
                    if each not in seen:
                        seen.add(each)
                        waiting.append(each)
            self._closures[path] = frozenset(seen)
        return self._closures[path]

    def way(
        self,
        start: str,
        ends: Callable[[str], bool],
        *,
        around: frozenset[str] = frozenset(),
    ) -> tuple[str, ...]:
        """Return a shortest way to an input that satisfies `ends`, avoiding `around`.

        Return an empty way if none exists.
        """
        ways: dict[str, tuple[str, ...]] = {start: (start,)}
        waiting = deque([start])
        while waiting:
            here = waiting.popleft()
            if here != start and ends(here):
                return ways[here]
            for each in self[here].inputs:
                # What a download is made with is not built in, but for another
                # download.
                is_tool = bool(self[here].hash) and not self[each].hash
                if each not in ways and each not in around and not is_tool:
                    ways[each] = (*ways[here], each)
                    waiting.append(each)
        return ()

    def maker(self, derivation: Derivation, place: str) -> Derivation | None:
        """Return the input derivation that has a store path as its output."""
        found = (self[path] for path in derivation.inputs)
        return next((each for each in found if place in each.outputs.values()), None)

    def address(self, path: str) -> str:
        """Return the URLs of a download, or of a derivation's source.

        Return an empty text if the source is built.
        """
        environment = self[path].environment
        if not self[path].hash:
            source = self.maker(self[path], environment.get("src", ""))
            return (
                "" if source is None or not source.hash else self.address(source.path)
            )
        return environment.get("urls") or environment.get("url", "")


def digest(value: str) -> str | None:
    """Return a hash in hexadecimal digits, from any form.

    Return None if the text is not a hash.
    """
    value = value.partition(":")[2] or value
    if (found := re.fullmatch(r"(?:md5|sha\d+)-([A-Za-z0-9+/]+=*)", value)) is not None:
        try:
            return base64.b64decode(found[1]).hex()
        except ValueError:
            return None
    if len(value) in {40, 64, 128}:
        return value
    if (length := _DIGESTS.get(len(value))) is None or set(value) - set(_BASE32):
        return None
    number = 0
    for character in value:
        number = number * 32 + _BASE32.index(character)
    return (number & ((1 << 8 * length) - 1)).to_bytes(length, "little").hex()


def _text(content: bytes) -> str:
    return _ESCAPE.sub(
        lambda found: _ESCAPED.get(found[1], found[1]),
        content.decode("utf-8", "replace"),
    )


def _flat(value: object) -> str:
    match value:
        case str():
            return value
        case bool():
            return "1" if value else ""
        case None:
            return ""
        case list():
            return " ".join(map(_flat, cast("list[object]", value)))
        case _:
            return json.dumps(value, sort_keys=True)
