"""What each command may do: `tests/effects.toml`, and what a run did beyond it.

A place in the table is a pattern of `fnmatch` for each name of a path, and permits all
that is below it, unless it ends in `/.`. It begins with a name in capitals, which each
run gives a path, or is a path of every Linux.
"""

import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.effects.effect import Effect, Kind

PLACE = Path(__file__).parent.with_suffix(".toml")
_SHOWN = 300
# Options of git before its command, some with a word of their own.
_BEFORE = re.compile(
    r"--(?:git-dir|work-tree|namespace|exec-path)=.*|--bare|--literal-pathspecs"
    r"|--no-(?:lazy-fetch|optional-locks|pager|replace-objects)",
    re.DOTALL,
)
_BEFORE_WORD = {"-C", "-c", "--git-dir", "--shallow-file", "--work-tree"}


class Permission(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one command, or one part of several, may do."""

    use: tuple[str, ...] = ()
    """The parts that it consists of."""
    starts: tuple[str, ...] = ()
    """Programs: a name on PATH or a place, and the first words."""
    changes: tuple[str, ...] = ()
    """Places for all kinds of change."""
    creates: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    renames: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    connects: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    written: int = 0
    """The most MiB written to files."""
    memory: int = 0
    """The most MiB that a process had."""


_LISTS = ("starts", "changes", *(kind.value for kind in list(Kind)[1:]))


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parts, and the commands by the words that name them."""

    parts: dict[str, Permission]
    commands: dict[str, Permission]

    def whole(self, command: str, *, of_strangers: bool = False) -> Permission:
        """Return all that a command may do, with its parts.

        If it evaluates files `of_strangers`, it may take as much as these may.
        """
        pieces = list(self._pieces(self.commands[command]))
        if of_strangers and self.parts["nix"] in pieces:
            pieces.append(self.parts["strangers"])
        return Permission(
            **{name: _joined(name, pieces) for name in _LISTS},
            written=max(piece.written for piece in pieces),
            memory=max(piece.memory for piece in pieces),
        )

    def _pieces(self, permission: Permission) -> Iterator[Permission]:
        yield permission
        for name in permission.use:
            yield from self._pieces(self.parts[name])


class Outcome(Struct, frozen=True, kw_only=True):
    """What a run did, and which paths the table's names have in it."""

    effects: Sequence[Effect]
    peak: int
    """The most KiB that a process had."""
    places: Mapping[str, str]
    programs: Mapping[str, Sequence[str]]
    """The real paths of each program that the table names."""

    @property
    def written(self) -> int:
        """How many bytes were written to files."""
        return sum(effect.size for effect in self.effects)


def _joined(name: str, pieces: Iterable[Permission]) -> tuple[str, ...]:
    return tuple(entry for piece in pieces for entry in getattr(piece, name))


def read(path: Path = PLACE) -> Table:
    """Return the table."""
    return msgspec.convert(tomllib.loads(path.read_text()), Table)


def programs(table: Table) -> set[str]:
    """Return the programs that the table names, without those at a place."""
    permissions = (*table.parts.values(), *table.commands.values())
    first = {shlex.split(entry)[0] for each in permissions for entry in each.starts}
    return {name for name in first if "/" not in name and not name.isupper()}


def violations(permission: Permission, outcome: Outcome) -> list[str]:
    """Return what a run did and may not, a line each, with the call."""
    lines: dict[str, str] = {}
    for effect in outcome.effects:
        if not _is_permitted(permission, effect, outcome):
            place = symbolic(effect.place, outcome.places)
            what = shlex.join((place, *effect.words[1:])) if effect.words else place
            denied = "" if effect.is_done else " (refused)"
            key = f"{effect.kind.value} {what}{denied}"
            lines.setdefault(key, f"{key}: {effect.line}"[:_SHOWN])
    for what, used, most in (
        ("written", outcome.written, permission.written << 20),
        ("memory", outcome.peak << 10, permission.memory << 20),
    ):
        if used > most:
            lines[what] = f"{what}: {used >> 20} MiB, more than {most >> 20} MiB"
    return list(lines.values())


def symbolic(path: str, places: Mapping[str, str]) -> str:
    """Return a path with the name of the innermost place that it is below."""
    inside = [
        (place, name)
        for name, place in places.items()
        if path == place or path.startswith(f"{place}/")
    ]
    if not inside:
        return path
    place, name = max(inside, key=lambda pair: len(pair[0]))
    return f"{name}{path[len(place) :]}"


def _is_permitted(permission: Permission, effect: Effect, outcome: Outcome) -> bool:
    if effect.kind is Kind.START:
        return any(_starts(entry, effect, outcome) for entry in permission.starts)
    patterns: Iterable[str] = getattr(permission, effect.kind.value)
    if effect.kind not in {Kind.CONNECT, Kind.READ}:
        patterns = (*patterns, *permission.changes)
    place = symbolic(effect.place, outcome.places)
    return any(_holds(pattern, place) for pattern in patterns)


def _holds(pattern: str, place: str) -> bool:
    names, parts = pattern.split("/"), place.rstrip("/").split("/")
    if names[-1] == ".":
        # Itself, and nothing below.
        return len(names) == len(parts) + 1 and all(map(fnmatchcase, parts, names))
    return len(names) <= len(parts) and all(map(fnmatchcase, parts, names))


def _starts(entry: str, effect: Effect, outcome: Outcome) -> bool:
    name, *first = shlex.split(entry)
    words = [*effect.words]
    if "/" in name or name.isupper():
        is_program = _holds(name, symbolic(effect.place, outcome.places))
    elif effect.is_done:
        is_program = effect.place in outcome.programs.get(name, ())
    else:
        # It was looked for along PATH.
        is_program = Path(effect.place).name == name
    if name == "git":
        words = _command(words)
    given = [symbolic(word, outcome.places) for word in words[1 : len(first) + 1]]
    return (
        is_program
        and len(given) == len(first)
        and ("/" in name or name.isupper() or Path(words[0]).name == name)
        and all(map(fnmatchcase, given, first))
    )


def _command(words: Sequence[str]) -> list[str]:
    """Return git's words without the options before its command."""
    program, *rest = words
    while rest and (rest[0] in _BEFORE_WORD or _BEFORE.fullmatch(rest[0])):
        rest = rest[2 if rest[0] in _BEFORE_WORD else 1 :]
    return [program, *rest]
