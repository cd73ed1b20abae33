"""Find the attribute of a Nix file that an offset belongs to, and the attributes that differ between two versions.

It reads tokens in one pass, since package sets have more than ten thousand lines. It only chooses what Nix evaluates:
if it does not understand something, the whole file counts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from msgspec import Struct, field

_TOKEN = re.compile(
    r"(?P<skip>\s+|#[^\n]*|/\*.*?\*/)"
    r"|(?P<path>(?:\.{1,2}|~|[\w.+-]{1,64})?(?:/(?:[\w.+@-]|\$\{)[\w.+@-]*)+)"
    r"|(?P<name>[A-Za-z_][\w'-]*)"
    r"|(?P<number>\d+)"
    r"|(?P<open>\$\{|[{(\[])"
    r"|(?P<close>[})\]])"
    r"|(?P<quote>''|\")"
    r"|(?P<equals>=(?!=))"
    r"|(?P<end>;)"
    r"|(?P<other>==|!=|<=|>=|->|//|\+\+|&&|\|\||.)",
    re.DOTALL,
)
_IN_STRING = re.compile(r'\\.|\$\{|\$\$|"', re.DOTALL)
_IN_INDENTED = re.compile(r"''(?:\$|'|\\.)|\$\{|\$\$|''", re.DOTALL)
_QUOTED = re.compile(r"\"[\w'+-]+\"")
_STRINGS = {'"': _IN_STRING, "''": _IN_INDENTED}
_DEEPEST = 5


class TokenBinding(Struct, frozen=True, kw_only=True):
    """An attribute, or inherited names, from `start` to `end`; `around` is the enclosing binding.

    `local`: it belongs to a let.
    """

    names: tuple[str, ...]
    start: int
    end: int
    around: TokenBinding | None
    local: bool
    inherited: bool = False


class _Open(Struct):
    """A binding whose end is not known yet; `around` is the number of the one that it stands in."""

    names: tuple[str, ...]
    start: int
    around: int | None
    local: bool
    inherited: bool = False
    end: int = -1


class _Frame(Struct):
    """A bracket, a let or a string that is open.

    `names` are those of the statement that begins at `start`; in what has none, `begins` is false. `skipped` counts the
    semicolons that end a with or an assert.
    """

    kind: str
    start: int = -1
    begins: bool = False
    names: list[str] = field(default_factory=list[str])
    inherits: bool = False
    skipped: int = 0
    binding: int | None = None

    @property
    def is_naming(self) -> bool:
        """Return whether names of a statement may follow."""
        return self.begins and self.binding is None


def find(text: str) -> list[TokenBinding]:
    """Return the bindings of a text, an outer one before its inner ones; none if the text is not Nix."""
    scanner = _Scanner(text)
    try:
        scanner.scan()
    except IndexError:
        return []
    made: list[TokenBinding] = []
    for each in scanner.found:
        made.append(
            TokenBinding(
                names=each.names,
                start=each.start,
                end=each.end if each.end != -1 else len(text),
                around=made[each.around] if each.around is not None else None,
                local=each.local,
                inherited=each.inherited,
            )
        )
    return made


class _Scanner:
    """One pass over the tokens of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._frames = [_Frame(kind="top")]
        self.found: list[_Open] = []

    def scan(self) -> None:
        """Find all bindings; raise IndexError for a bracket that nothing opens."""
        position = 0
        while position < len(self._text):
            frame = self._frames[-1]
            if frame.kind in _STRINGS:
                position = self._in_string(frame, position)
                continue
            match = _TOKEN.match(self._text, position)
            if match is None:
                return
            position = match.end()
            if match.lastgroup != "skip":
                if frame.begins and frame.start < 0:
                    frame.start = match.start()
                self._take(frame, match.lastgroup or "", match)

    def _in_string(self, frame: _Frame, position: int) -> int:
        """Go on to what interrupts or ends a string; return the offset behind it."""
        match = _STRINGS[frame.kind].search(self._text, position)
        if match is None:
            return len(self._text)
        if match[0] == "${":
            self._frames.append(_Frame(kind="${"))
        elif match[0] == frame.kind:
            self._frames.pop()
            outer = self._frames[-1]
            if outer.is_naming and frame.kind == '"':
                outer.names.append(self._text[frame.start + 1 : match.start()])
        return match.end()

    def _take(self, frame: _Frame, kind: str, match: re.Match[str]) -> None:
        word = match[0]
        if kind in {"quote", "open"} or (kind == "path" and word.endswith("${")):
            opened = "${" if kind == "path" else word
            self._frames.append(_Frame(kind=opened, begins=word == "{", start=match.start() if kind == "quote" else -1))
        elif kind == "close":
            self._close()
        elif kind == "name":
            self._name(frame, word)
        elif kind == "equals":
            if frame.is_naming and frame.names:
                self._begin(frame)
                frame.binding = len(self.found) - 1
        elif kind == "end":
            self._end(frame, match.end())
        elif word != "." and frame.is_naming and not frame.inherits:
            # Parameters, not a set.
            frame.begins, frame.names = word == ",", []

    def _close(self) -> None:
        while self._frames[-1].kind == "let":
            self._frames.pop()
        self._frames.pop()

    def _name(self, frame: _Frame, name: str) -> None:
        if name == "let":
            self._frames.append(_Frame(kind="let", begins=True))
        elif name == "in" and frame.kind == "let":
            self._frames.pop()
        elif name in {"with", "assert"}:
            frame.skipped += 1
        elif name == "inherit" and frame.binding is None and not frame.names:
            frame.inherits = True
        elif frame.is_naming:
            frame.names.append(name)

    def _begin(self, frame: _Frame) -> None:
        around = next((each.binding for each in reversed(self._frames[:-1]) if each.binding is not None), None)
        opened = _Open(names=tuple(frame.names), start=frame.start, around=around, local=frame.kind == "let")
        opened.inherited = frame.inherits
        self.found.append(opened)

    def _end(self, frame: _Frame, end: int) -> None:
        if frame.skipped:
            frame.skipped -= 1
            return
        if frame.binding is not None:
            self.found[frame.binding].end = end
        elif frame.inherits and frame.names:
            self._begin(frame)
            self.found[-1].end = end
        frame.binding, frame.names, frame.inherits, frame.begins, frame.start = None, [], False, True, -1


def attributes(bindings: Iterable[TokenBinding], text: str, offset: int, *, depth: int = 4) -> set[tuple[str, ...]]:
    """Return the attribute paths around an offset; for a let's binding, those of its uses."""
    held = [each for each in bindings if each.start <= offset < each.end]
    chain: list[TokenBinding] = sorted(held, key=lambda each: each.start)
    paths: set[tuple[str, ...]] = set()
    local = next((each for each in chain if each.local), None)
    if local is not None:
        position = chain.index(local)
        before = tuple(name for each in chain[:position] for name in each.names)
        if before:
            return {before}
        # A whole set may be bound, to be made a fixed point of.
        within = tuple(
            name for each in chain[position + 1 :] if not (each.local or each.inherited) for name in each.names
        )
        if within:
            paths.add(within)
        # Such a set may inherit another binding of the let.
        inherited = next((each for each in chain[position + 1 :] if each.inherited and not each.local), None)
        paths |= {(*within, name) for name in inherited.names} if inherited is not None else set()
        if not depth:
            return set()
        for name in local.names:
            for match in re.finditer(rf"(?<![\w'-]){re.escape(name)}(?![\w'-])", text):
                if not local.start <= match.start() < local.end:
                    named = attributes(bindings, text, match.start(), depth=0 if depth == 1 else 1)
                    paths |= named | {(*path, *within) for path in named if path[-1] == name}
        return paths
    path: tuple[str, ...] = ()
    for each in chain:
        if each.inherited:
            return {(*path, name) for name in each.names}
        path = (*path, *each.names)
        paths.add(path)
    return paths


class Differing(Struct, frozen=True, kw_only=True):
    """The attributes that differ between two versions of a file, as paths; `rest`: something else differs too."""

    paths: frozenset[tuple[str, ...]]
    rest: bool


def differing(before: str, after: str, *, deep: bool = False) -> Differing:
    """Compare two versions of a file, attribute by attribute, without white space and comments.

    Only the outermost attributes count, including those of a set that a let binds; with `deep`, inner ones count as
    well.
    """
    one, other = (_Parts(text, deep=deep) for text in (before, after))
    paths = one.texts.keys() | other.texts.keys()
    differ = {path for path in paths if _differ(one.texts.get(path), other.texts.get(path))}
    return Differing(paths=frozenset(differ), rest=_differ(one.rest, other.rest))


def _differ(one: str | None, other: str | None) -> bool:
    return one != other and (one is None or other is None or _words(one) != _words(other))


class _Parts:
    """The text of each attribute, and what is in none that is outermost."""

    def __init__(self, text: str, *, deep: bool) -> None:
        self.texts: dict[tuple[str, ...], str] = {}
        rest: list[str] = []
        last = 0
        for each in find(text):
            path = _around(each)
            if each.local or path is None or (path and not deep):
                continue
            if not path and each.start >= last:
                rest.append(text[last : each.start])
                last = each.end
            self._add(path, each, text[each.start : each.end])
        self.rest = "".join([*rest, text[last:]])

    def _add(self, around: tuple[str, ...], binding: TokenBinding, text: str) -> None:
        if not binding.inherited:
            path = (*around, *binding.names[: _DEEPEST if around else 1])
            self.texts[path] = self.texts.get(path, "") + text
            return
        source = re.search(r"\((.*)\)", text, re.DOTALL)
        for name in binding.names:
            self.texts[*around, name] = source[1] if source is not None else ""


def _around(binding: TokenBinding) -> tuple[str, ...] | None:
    """Return the attributes that a binding stands in, a let's left out; None if it is too deep to be a package."""
    path: tuple[str, ...] = ()
    around = binding.around
    for _ in range(_DEEPEST):
        if around is None:
            return path
        path = (*(() if around.local else around.names[:_DEEPEST]), *path)
        around = around.around
    return None


def conditions(text: str, lines: Container[str]) -> str:
    """Return the conditions around some lines of a text: the lines that open the enclosing brackets and strings."""
    written = text.splitlines(keepends=True)
    starts = [*accumulate(map(len, written), initial=0)]
    wanted = [start for start, line in zip(starts, text.splitlines(), strict=False) if line in lines]
    spans: list[tuple[int, int]] = []
    opened: list[int] = []
    for token in _tokens(text):
        if token.step > 0:
            opened.append(token.start)
        elif token.step < 0 and opened:
            spans.append((opened.pop(), token.end))
    closing = {bisect_right(starts, end - 1) - 1: start for start, end in spans}
    shown: set[int] = {bisect_right(starts, start) - 1 for start in wanted}
    for start, end in spans:
        position = bisect_right(wanted, start)
        if position < len(wanted) and wanted[position] < end:
            last = bisect_right(starts, start) - 1
            # The condition may itself stand in a bracket, which ends in this line.
            first = bisect_right(starts, closing.get(last, start)) - 1
            shown.update(range(min(first, last), last + 1))
    shown |= {number - 1 for number in shown if number and written[number - 1].rstrip().endswith(("then", "else"))}
    return "".join(written[number] for number in sorted(shown))


def in_code(text: str, offsets: Iterable[int]) -> list[int]:
    """Return the offsets of words that begin a token of code, or a string of one word.

    Words in comments, longer strings and paths are not names.
    """
    wanted = {*offsets}
    return [
        token.start
        for token in _tokens(text)
        if token.start in wanted
        and not token.skip
        and (not token.quoted or _QUOTED.fullmatch(text, token.start - 1, token.end))
    ]


class _Token(NamedTuple):
    """A part of a text from `start` to `end`; `step` is 1 if it opens a bracket or a string, -1 if it closes one.

    It is `quoted` in a string, and to `skip` as white space or a comment.
    """

    start: int
    end: int
    step: int
    quoted: bool
    skip: bool


def _tokens(text: str) -> Iterator[_Token]:
    opened: list[str] = []
    position = 0
    while position < len(text):
        kind = opened[-1] if opened else ""
        pattern = _STRINGS.get(kind, _TOKEN)
        match = pattern.match(text, position) if pattern is _TOKEN else pattern.search(text, position)
        if match is None:
            yield _Token(position, len(text), 0, quoted=pattern is not _TOKEN, skip=False)
            return
        word, step = match[0], 0
        if word.endswith("${") or (pattern is _TOKEN and match.lastgroup in {"quote", "open"}):
            opened.append("${" if word.endswith("${") else word)
            step = 1
        elif opened and (word == kind or match.lastgroup == "close"):
            opened.pop()
            step = -1
        quoted = pattern is not _TOKEN
        yield _Token(position, match.end(), step, quoted=quoted, skip=match.lastgroup == "skip")
        position = match.end()


def _words(text: str) -> list[str]:
    """Return the tokens of a text without white space and comments; a string is as it is written."""
    return [text[token.start : token.end] for token in _tokens(text) if not token.skip]
