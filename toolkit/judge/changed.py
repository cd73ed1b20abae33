"""The files of a change, before and after, and the names in them that differ."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, cast

from msgspec import Struct
from msgspec.structs import replace

from toolkit import inside
from toolkit.errors import ToolkitError
from toolkit.files import temporary
from toolkit.git import reading
from toolkit.git.reading import LINK, TreeFile
from toolkit.judge import reach, tokens
from toolkit.judge.reach import AttrPath
from toolkit.judge.sides import Sides
from toolkit.nix import program
from toolkit.sources.changes import MOST

_DOCUMENTS = (".md", ".rst")
# Packages may be made of these.
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
"""The most lines of what a `throw` or `warn` says."""

_WORD = re.compile(r"[A-Za-z_][\w'-]*")
_GIVEN = {
    "lists": re.compile(r"(?<![\w'-])([A-Za-z_][\w'-]*+)\s*+\?\s*+\[\s*\]"),
    "nulls": re.compile(r"(?<![\w'-])([A-Za-z_][\w'-]*+)\s*+\?\s*null\b"),
    "final": re.compile(r"\bfinal\w*\.([A-Za-z_][\w'-]*)\s+or\b"),
    "passthru": re.compile(r"\bfinal\w*\.passthru\.([A-Za-z_][\w'-]*)\s+or\b"),
}
"""Names that an override is tried with, by what a text does with them."""

_MOST_GIVEN = 8
_OTHERS = "... }"
"""How the arguments of a function end that takes others, as Nix prints it."""

_ROOMS = ("pkgs/", "lib/", "nixos/", "maintainers/")
_OF_ROOT = frozenset(["default.nix", ".version"])
# Nix prints few digits of them.
_FRACTION = re.compile(rb"(?<!\d)\d*\.\d+(?:[eE][+-]?\d+)?")


class ChangedText(Struct, frozen=True, kw_only=True):
    """A file of the change; `equal` means that its meaning to Nix stays the same.

    `platforms` are platforms in or around the changed lines that no judged system has. `closes`: a function no longer
    accepts arguments that it does not name. `words` stand in or around the changed lines; `said` are the changed lines
    before and after of what a `throw` or `warn` says.
    """

    path: str
    before: TreeFile | None
    after: TreeFile | None
    equal: bool
    error: str | None = None
    names: frozenset[AttrPath] = frozenset()
    rest: bool = True
    platforms: tuple[str, ...] = ()
    closes: bool = False
    words: frozenset[str] = frozenset()
    said: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    @property
    def is_document(self) -> bool:
        """Return whether the file is a document, which nothing evaluates."""
        suffixes = _DOCUMENTS if self.path.startswith("pkgs/") else (*_DOCUMENTS, *_DOCUMENTS_ELSEWHERE)
        return self.path.endswith(suffixes) or not (self.path.startswith(_ROOMS) or self.path in _OF_ROOT)

    @property
    def is_of_persons(self) -> bool:
        """Return whether only maintainers or teams differ in the file."""
        return self.path in reach.PERSONS and not self.equal and not self.rest


def given(files: Sequence[ChangedText]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the names that the changed files have defaults for, in the form of a question."""
    contents = (each.content for file in files for each in (file.before, file.after) if each is not None)
    text = "\n".join(content.decode("utf-8", "replace") for content in contents)
    found = {kind: tuple(sorted({*pattern.findall(text)})[:_MOST_GIVEN]) for kind, pattern in _GIVEN.items()}
    return tuple((kind, names) for kind, names in found.items() if names)


def file_changes(sides: Sides) -> list[ChangedText]:
    """Return the files that differ between the two sides."""
    files: list[ChangedText] = []
    for path in sorted({*sides.before, *sides.after}):
        before = sides.before[path] if path in sides.before else _base_file(sides, path)
        after = sides.after[path] if path in sides.after else _base_file(sides, path)
        if before != after:
            files.append(ChangedText(path=str(path), before=before, after=after, equal=False))
    return [_compared(file) for file in _parsed(files)]


def _parsed(files: Sequence[ChangedText]) -> Iterator[ChangedText]:
    """Yield the files, and whether Nix reads the same in both versions, but for positions, or why it reads none."""
    afters = _read({file.path: file.after for file in files})
    befores = _read(
        {file.path: file.before for file in files if file.before and file.after and file.before.mode == file.after.mode}
    )
    for file in files:
        before, after = befores.get(file.path), afters.get(file.path)
        if isinstance(after, ToolkitError):
            yield replace(file, error=after.message)
        else:
            equal = after is not None and before == after and "__curPos" not in after
            equal &= _fractions(file.before) == _fractions(file.after)
            yield replace(file, equal=equal, closes=_functions_with_others(before) > _functions_with_others(after))


def _fractions(file: TreeFile | None) -> list[bytes]:
    return _FRACTION.findall(file.content) if file is not None else []


def _functions_with_others(parsed: str | ToolkitError | None) -> int:
    return parsed.count(_OTHERS) if isinstance(parsed, str) else 0


def _read(files: Mapping[str, TreeFile | None]) -> dict[str, str | ToolkitError | None]:
    """Return by path what Nix reads in files, at the same place whichever version it is, or its error."""
    contents = {
        path: file.content
        for path, file in files.items()
        if path.endswith(".nix") and file is not None and file.mode != LINK
    }
    with temporary() as directory:
        found = program.parsed_each(list(contents.values()), directory, names=list(contents))
    # The directories differ, and no file can know their names.
    texts = [each.replace(str(directory), "") if isinstance(each, str) else each for each in found]
    return dict(zip(contents, texts, strict=True))


def _compared(file: ChangedText) -> ChangedText:
    if file.equal or not file.path.endswith((".nix", ".json")):
        return file
    before, after = (
        each.content.decode("utf-8", "surrogateescape") if each is not None else ""
        for each in (file.before, file.after)
    )
    if file.path.endswith(".json"):
        one, other = _members(before), _members(after)
        names = {(name,) for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
        return replace(file, names=frozenset(names), rest=not (one and other))
    lines = {*before.splitlines()} ^ {*after.splitlines()}
    sides = [tokens.conditions(text, lines) for text in (before, after)]
    around = "".join(sides)
    said = [_said(side, lines) for side in sides]
    platforms = tuple(sorted({*_PLATFORM.findall(around), *_SYSTEM.findall("\n".join(lines))}))
    differing = tokens.differing(before, after, deep=file.path.startswith(reach.TOP))
    words = frozenset(_WORD.findall(around))
    changed = replace(file, names=differing.paths, rest=differing.rest, platforms=platforms, words=words)
    return replace(changed, said=(said[0], said[1]))


def _said(text: str, changed: Collection[str]) -> tuple[str, ...]:
    """Return the changed lines of what a `throw` or `warn` says, which may begin in the next line and take several."""
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
    """Parse the named members of a JSON string: a list of versions or of sources."""
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", members) if isinstance(members, dict) else {}


def _base_file(sides: Sides, path: PurePosixPath) -> TreeFile | None:
    root = sides.base.root
    there = inside.link(root, path) is not None or inside.is_file(root, path)
    return reading.read_file(root, path, most=MOST) if there else None
