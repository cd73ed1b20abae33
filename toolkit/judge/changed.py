"""Read the files of a change, and find the names that differ in each file."""

import json
import re
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath
from typing import Any, cast

from msgspec import Struct
from msgspec.structs import replace

from toolkit import inside
from toolkit.errors import ToolkitError
from toolkit.files import temporary
from toolkit.git import reading
from toolkit.git.reading import LINK, TreeFile
from toolkit.judge import ambient, mapping, tokens
from toolkit.judge.ambient import Ambient
from toolkit.judge.mapping import AttrPath
from toolkit.judge.sides import Sides
from toolkit.nix import program
from toolkit.sources.changes import MOST

_DOCUMENTS = (".md", ".rst")
# In other directories; in pkgs/, a package may be built from such a file.
_DOCUMENTS_ELSEWHERE = (".svg", ".txt.in", ".xml")
_PLATFORM = re.compile(
    r"\bis(?:Aarch32|Android|Armv\w+|Avr|BigEndian|Cygwin|FreeBSD|Ghcjs|LoongArch\w*|MinGW|Mips\w*|Msp430|Musl|NetBSD"
    r"|OpenBSD|Power\w*|Redox|RiscV\w*|S390\w*|Sparc\w*|SunOS|UClibc|Wasi|Wasm|Windows|i686|iOS|x32|x86_32|32bit)\b"
    r"|\bpkgs(?:Musl|i686Linux|LLVM)\b"
)
_SYSTEM = re.compile(
    r"(?<![\w-])(?:(?:armv[5-7]\w*|i686|loongarch64|mips\w*|powerpc64\w*|riscv\d\d|s390x)-linux|x86_64-(?:darwin|freebsd))"
    r"(?![\w-])"
)
_SAYS = re.compile(r"\b(?:throw|abort|warn|trace|assertMsg)(?:If|IfNot|Val)?\b")
_MOST_SAID = 20
"""The maximum number of lines of a `throw` or `warn` message."""

_WORD = re.compile(r"[A-Za-z_][\w'-]*")
_ARGUMENT = r"(?<![\w'-])([A-Za-z_][\w'-]*+)\s*+\?\s*+"
_NEXT = r"(?=\s*+[,}])"
_GIVEN = {
    "functions": re.compile(rf"{_ARGUMENT}\(?+\s*+[A-Za-z_][\w'-]*+\s*+:\s*+\["),
    "lists": re.compile(rf"{_ARGUMENT}\["),
    "nulls": re.compile(r"(?<![\w'-])([A-Za-z_][\w'-]*+)\s*+\?\s*null\b"),
    "numbers": re.compile(rf"{_ARGUMENT}\d++(?:\.\d++)?+{_NEXT}"),
    "texts": re.compile(rf'{_ARGUMENT}"[^"$\\]*+"{_NEXT}'),
    "final": re.compile(r"\bfinal\w*\.([A-Za-z_][\w'-]*)\s+or\b"),
    "passthru": re.compile(r"\bfinal\w*\.passthru\.([A-Za-z_][\w'-]*)\s+or\b"),
}
"""Patterns that find names in a file with which to try overrides, by kind of name."""

_MOST_GIVEN = 8
_ROOMS = ("pkgs/", "lib/", "nixos/", "maintainers/")
_OF_ROOT = frozenset(["default.nix", ".version"])
# Nix prints floating-point numbers with few digits.
_FRACTION = re.compile(rb"(?<!\d)\d*\.\d+(?:[eE][+-]?\d+)?")


class ChangedText(Struct, frozen=True, kw_only=True):
    """A file of the change, with the names and words in its changed lines.

    `equal` means that Nix parses both versions to the same code. `error` is Nix's
    syntax error. `names` are the attributes that differ; `rest` is true if code outside
    of attributes differs. `platforms` are platforms in or around the changed lines that
    are not among the compared systems. `words` are the words in or around the changed
    lines. `said` are the changed lines, before and after, in the message of a `throw`
    or `warn`. `ambient` are the environment and settings that the changed lines read.
    """

    path: str
    before: TreeFile | None
    after: TreeFile | None
    equal: bool
    error: str | None = None
    names: frozenset[AttrPath] = frozenset()
    rest: bool = True
    platforms: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    said: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    ambient: Ambient = Ambient()

    @property
    def is_document(self) -> bool:
        """Return whether the file is a document, which Nix never evaluates."""
        suffixes = (
            _DOCUMENTS
            if self.path.startswith("pkgs/")
            else (*_DOCUMENTS, *_DOCUMENTS_ELSEWHERE)
        )
        return self.path.endswith(suffixes) or not (
            self.path.startswith(_ROOMS) or self.path in _OF_ROOT
        )

    @property
    def is_of_persons(self) -> bool:
        """Return whether only maintainers or teams differ in the file."""
        return self.path in mapping.PERSONS and not self.equal and not self.rest


def given(files: Sequence[ChangedText]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return names in the changed files with which to try overrides, by kind of name.

    For example, `lists` are arguments whose default value is a list.
    """
    sides = [side for file in files for side in (file.before, file.after)]
    contents = (side.content for side in sides if side is not None)
    text = "\n".join(content.decode("utf-8", "replace") for content in contents)
    found = {
        kind: tuple(sorted({*pattern.findall(text)})[:_MOST_GIVEN])
        for kind, pattern in _GIVEN.items()
    }
    return tuple((kind, names) for kind, names in found.items() if names)


def file_changes(sides: Sides) -> list[ChangedText]:
    """Return the files that differ before and after the change."""
    pairs: dict[str, tuple[TreeFile | None, TreeFile | None]] = {}
    for path in sorted({*sides.before, *sides.after}):
        before, after = (
            each[path] if path in each else _base_file(sides, path)
            for each in (sides.before, sides.after)
        )
        if before != after:
            pairs[str(path)] = before, after
    same_modes = [
        old if old and new and old.mode == new.mode else None
        for old, new in pairs.values()
    ]
    # The new files come first, because Nix names only a limited number of invalid
    # files.
    read = _read(
        [
            *((path, after) for path, (_, after) in pairs.items()),
            *zip(pairs, same_modes, strict=True),
        ]
    )
    parsed = zip(read[len(pairs) :], read[: len(pairs)], strict=True)
    return [
        _changed(path, *pairs[path], parsed=each)
        for path, each in zip(pairs, parsed, strict=True)
    ]


def _read(
    files: Sequence[tuple[str, TreeFile | None]],
) -> list[str | ToolkitError | None]:
    """Return Nix's parsed form of each file, or its syntax error.

    Both versions of a file are parsed at the same path.
    """
    contents = {
        number: file.content
        for number, (path, file) in enumerate(files)
        if path.endswith(".nix") and file is not None and file.mode != LINK
    }
    with temporary() as directory:
        names = [files[number][0] for number in contents]
        found = zip(
            contents,
            program.parsed_each(list(contents.values()), directory, names=names),
            strict=True,
        )
    # The code must not contain the temporary directory's name.
    texts = {
        at: each.replace(str(directory), "") if isinstance(each, str) else each
        for at, each in found
    }
    return [texts.get(number) for number in range(len(files))]


def _changed(
    path: str,
    before: TreeFile | None,
    after: TreeFile | None,
    *,
    parsed: Sequence[str | ToolkitError | None],
) -> ChangedText:
    """Return a changed file with the names and words that differ in it.

    `parsed` is the code that Nix has parsed, before and after the change.
    """
    old, new = parsed
    fractions = [
        _FRACTION.findall(each.content) if each is not None else []
        for each in (before, after)
    ]
    equal = (
        isinstance(new, str)
        and old == new
        and "__curPos" not in new
        and fractions[0] == fractions[1]
    )
    error = new.message if isinstance(new, ToolkitError) else None
    file = ChangedText(path=path, before=before, after=after, equal=equal, error=error)
    if equal or not path.endswith((".nix", ".json")):
        return file
    one, other = (
        each.content.decode("utf-8", "surrogateescape") if each is not None else ""
        for each in (before, after)
    )
    if path.endswith(".json"):
        return _changed_json(file, _members(one), _members(other))
    lines = {*one.splitlines()} ^ {*other.splitlines()}
    sides = [tokens.conditions(text, lines) for text in (one, other)]
    around = "".join(sides)
    attributes, rest = tokens.differing(one, other, deep=path.startswith(mapping.TOP))
    return replace(
        file,
        names=attributes,
        rest=rest,
        platforms=tuple(
            sorted({*_PLATFORM.findall(around), *_SYSTEM.findall("\n".join(lines))})
        ),
        words=frozenset(_WORD.findall(around)),
        said=(_said(sides[0], lines), _said(sides[1], lines)),
        ambient=ambient.read(one, other, is_table=path.startswith(mapping.TOP)),
    )


def _changed_json(
    file: ChangedText, members: dict[str, Any], others: dict[str, Any]
) -> ChangedText:
    """Return a changed JSON file with the names of the members that differ."""
    names = {
        (name,)
        for name in members.keys() | others.keys()
        if members.get(name) != others.get(name)
    }
    return replace(file, names=frozenset(names), rest=not (members and others))


def _said(text: str, changed: Collection[str]) -> tuple[str, ...]:
    """Return the changed lines inside the messages of `throw` or `warn`.

    A message may begin on the next line, and have several lines.
    """
    lines = text.splitlines()
    said: dict[int, str] = {}
    for start, line in enumerate(lines):
        if (found := _SAYS.search(line)) is None:
            continue
        words = line[found.end() :]
        for number in range(start, min(start + _MOST_SAID, len(lines))):
            words += lines[number] if number > start else ""
            if lines[number] in changed:
                said[number] = lines[number].strip()
            if words.count("''") % 2 == 0 and '"' in words.replace("''", '"'):
                break
    return tuple(said.values())


def _members(text: str) -> dict[str, Any]:
    """Return the members of a JSON object in a file, such as sources by version.

    Return an empty dictionary for other JSON values and for text that is not JSON.
    """
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", members) if isinstance(members, dict) else {}


def _base_file(sides: Sides, path: PurePosixPath) -> TreeFile | None:
    root = sides.base.root
    there = inside.link(root, path) is not None or inside.is_file(root, path)
    return reading.read_file(root, path, most=MOST) if there else None
