"""Find the attributes around an offset of a Nix file, and attributes that differ.

The module reads tokens in one pass, without a grammar, so it accepts any text. A pass
over all-packages.nix takes 0.14 s, while the parser of toolkit.nix.tree takes 0.20 s.
The result only selects what Nix evaluates: if a text is not understood, the whole file
counts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Container, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, takewhile
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


class TokenBinding(Struct, kw_only=True):
    """A binding of an attribute, or inherited names, from offset `start` to `end`.

    `around` is the enclosing binding. `local` is true if the binding belongs to a let.
    """

    names: tuple[str, ...]
    start: int
    end: int
    around: TokenBinding | None
    local: bool
    inherited: bool = False


class _Frame(Struct):
    """An open bracket, let or string during a pass over a text.

    `names` are the names of the statement that begins at `start`. `begins` is false if
    no statement can begin here. `skipped` counts the semicolons to ignore, which end a
    with or an assert.
    """

    kind: str
    start: int = -1
    begins: bool = False
    names: list[str] = field(default_factory=list[str])
    inherits: bool = False
    skipped: int = 0
    binding: TokenBinding | None = None

    @property
    def is_naming(self) -> bool:
        """Return whether the name of a statement may follow in the text."""
        return self.begins and self.binding is None


@lru_cache(maxsize=1024)
def find(text: str) -> list[TokenBinding]:
    """Return the bindings in a Nix text, outer ones before inner ones.

    Return an empty list if the text closes a bracket that is not open.
    """
    scanner = _Scanner(text)
    for token in _tokens(text):
        if token.kind == "close" and token.step == 0:
            return []
        if token.kind != "skip":
            scanner.take(token)
    return scanner.found


class _Scanner:
    """One pass over the tokens of a text, which collects its bindings."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._frames = [_Frame(kind="top")]
        self.found: list[TokenBinding] = []

    def take(self, token: _Token) -> None:
        """Process a token, which may begin or end a binding."""
        frame, word = self._frames[-1], self._text[token.start : token.end]
        if frame.begins and frame.start < 0:
            frame.start = token.start
        if token.step > 0:
            kind = "${" if word.endswith("${") else word
            self._frames.append(
                _Frame(
                    kind=kind,
                    begins=kind == "{",
                    start=token.start if kind in _STRINGS else -1,
                )
            )
        elif token.step < 0:
            self._close(token)
        elif token.kind == "name":
            self._name(frame, word)
        elif token.kind == "equals":
            if frame.is_naming and frame.names:
                frame.binding = self._begin(frame)
        elif token.kind == "end":
            self._end(frame, token.end)
        elif word != "." and frame.is_naming and not frame.inherits:
            # The names are parameters of a function, not of a set.
            frame.begins, frame.names = word == ",", []

    def _close(self, token: _Token) -> None:
        while self._frames[-1].kind == "let":
            self._frames.pop()
        closed = self._frames.pop()
        if closed.kind == '"' and self._frames[-1].is_naming:
            self._frames[-1].names.append(self._text[closed.start + 1 : token.end - 1])

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

    def _begin(self, frame: _Frame) -> TokenBinding:
        self.found.append(
            TokenBinding(
                names=tuple(frame.names),
                start=frame.start,
                end=len(self._text),
                around=next(
                    (
                        each.binding
                        for each in reversed(self._frames[:-1])
                        if each.binding is not None
                    ),
                    None,
                ),
                local=frame.kind == "let",
                inherited=frame.inherits,
            )
        )
        return self.found[-1]

    def _end(self, frame: _Frame, end: int) -> None:
        if frame.skipped:
            frame.skipped -= 1
            return
        if frame.binding is not None:
            frame.binding.end = end
        elif frame.inherits and frame.names:
            self._begin(frame).end = end
        frame.binding, frame.names, frame.inherits, frame.begins, frame.start = (
            None,
            [],
            False,
            True,
            -1,
        )


def attributes(text: str, offset: int, *, depth: int = 2) -> set[tuple[str, ...]]:
    """Return the attribute paths of the bindings that contain an offset.

    For a let binding, return the attribute paths that use its name; `depth` limits how
    often that is repeated.
    """
    held = [each for each in find(text) if each.start <= offset < each.end]
    chain: list[TokenBinding] = sorted(held, key=lambda each: each.start)
    paths: set[tuple[str, ...]] = set()
    local = next((each for each in chain if each.local), None)
    if local is not None:
        position = chain.index(local)
        before = tuple(name for each in chain[:position] for name in each.names)
        if before:
            return {before}
        if not depth:
            return set()
        inner = [each for each in chain[position + 1 :] if not each.local]
        return _attributes_of_local(text, local, inner, depth)
    path: tuple[str, ...] = ()
    for each in chain:
        if each.inherited:
            return {(*path, name) for name in each.names}
        path = (*path, *each.names)
        paths.add(path)
    return paths


def _attributes_of_local(
    text: str, local: TokenBinding, inner: Sequence[TokenBinding], depth: int
) -> set[tuple[str, ...]]:
    """Return the attribute paths in a text that use a let binding.

    `inner` are the bindings inside the let binding, as far as they contain the wanted
    offset.
    """
    paths: set[tuple[str, ...]] = set()
    # A let may bind a whole set, which later becomes a fixed point.
    bound = [each for each in inner if not each.inherited]
    within = tuple(name for each in bound for name in each.names)
    if within:
        paths.add(within)
    # Such a set may inherit another binding of the let.
    inherited = next((each for each in inner if each.inherited), None)
    if inherited is not None:
        paths |= {(*within, name) for name in inherited.names}
    for name in local.names:
        for match in re.finditer(rf"(?<![\w'-]){re.escape(name)}(?![\w'-])", text):
            if not local.start <= match.start() < local.end:
                named = attributes(text, match.start(), depth=depth - 1)
                paths |= named | {
                    (*path, *within) for path in named if path[-1] == name
                }
    return paths


def differing(
    before: str, after: str, *, deep: bool = False
) -> tuple[frozenset[tuple[str, ...]], bool]:
    """Return the attributes that differ between two versions of a file.

    The second result is true if something outside these attributes differs. White space
    and comments do not count. Only the outermost attributes count, including those of a
    set that a let binds; with `deep`, also inner ones.
    """
    (one, rest), (other, more) = (_parts(text, deep=deep) for text in (before, after))
    paths = one.keys() | other.keys()
    differ = {path for path in paths if _differ(one.get(path), other.get(path))}
    return frozenset(differ), _differ(rest, more)


def _differ(one: str | None, other: str | None) -> bool:
    return one != other and (
        one is None or other is None or _words(one) != _words(other)
    )


def _parts(text: str, *, deep: bool) -> tuple[dict[tuple[str, ...], str], str]:
    """Return the text of each attribute, and the text outside the outermost ones."""
    texts: dict[tuple[str, ...], str] = {}
    rest: list[str] = []
    last = 0
    for each in find(text):
        around, own = _around(each), text[each.start : each.end]
        if each.local or around is None or (around and not deep):
            continue
        if not around and each.start >= last:
            rest.append(text[last : each.start])
            last = each.end
        if each.inherited:
            source = re.search(r"\((.*)\)", own, re.DOTALL)
            texts |= {
                (*around, name): source[1] if source is not None else ""
                for name in each.names
            }
        else:
            path = (*around, *each.names[: _DEEPEST if around else 1])
            texts[path] = texts.get(path, "") + own
    return texts, "".join([*rest, text[last:]])


def _around(binding: TokenBinding) -> tuple[str, ...] | None:
    """Return the path of attributes that contain a binding, without let bindings.

    Return None if the binding is nested too deeply to be a package.
    """
    path: tuple[str, ...] = ()
    around = binding.around
    for _ in range(_DEEPEST):
        if around is None:
            return path
        path = (*(() if around.local else around.names[:_DEEPEST]), *path)
        around = around.around
    return None


def conditions(text: str, lines: Container[str]) -> str:
    """Return lines of a Nix text, with the lines of the conditions around them.

    `lines` are the contents of the wanted lines.
    """
    written = text.splitlines(keepends=True)
    return "".join(written[number] for number in around(text, lines))


def around(text: str, lines: Container[str]) -> list[int]:
    """Return the numbers of lines in a Nix text, and of the lines that enclose them.

    A line encloses another one if it opens a bracket around it.
    """
    written = text.splitlines(keepends=True)
    starts = [*accumulate(map(len, written), initial=0)]
    wanted = [
        start
        for start, line in zip(starts, text.splitlines(), strict=False)
        if line in lines
    ]
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
            # The condition itself may be in a bracket that ends in this line.
            first = bisect_right(starts, closing.get(last, start)) - 1
            shown.update(range(min(first, last), last + 1))
    shown |= {
        number - 1
        for number in shown
        if number and written[number - 1].rstrip().endswith(("then", "else"))
    }
    return sorted(shown)


def bindings_around(text: str, numbers: Collection[int]) -> set[int]:
    """Return the numbers of all lines in the binding around each given line.

    The innermost binding counts.
    """
    starts = [*accumulate(map(len, text.splitlines(keepends=True)), initial=0)]
    shown: set[int] = set()
    spans = sorted((binding.start, binding.end) for binding in find(text))
    for number in numbers:
        end = starts[number + 1]
        held = [span for span in spans if span[0] < end <= span[1] + len("\n")]
        if held:
            start, end = held[-1]
            first, last = (bisect_right(starts, at) - 1 for at in (start, end - 1))
            shown.update(range(first, last + 1))
    return shown


@lru_cache(maxsize=64)
def code(text: str) -> str:
    """Return a text with comments and longer strings replaced by spaces."""
    parts: list[str] = []
    for token in _tokens(text):
        word = text[token.start : token.end]
        is_word = token.kind == "text" and _QUOTED.fullmatch(
            text, token.start - 1, token.end
        )
        if token.kind in {"skip", "text"} and not is_word:
            word = re.sub(r"[^\n]", " ", word)
        parts.append(word)
    return "".join(parts)


@lru_cache(maxsize=1024)
def in_code(text: str, offsets: tuple[int, ...]) -> frozenset[int]:
    """Return the given offsets at which a name begins.

    Words in comments, longer strings and paths are not names.
    """
    wanted = {*offsets}
    last = max(wanted, default=-1)
    return frozenset(
        token.start
        for token in takewhile(lambda token: token.start <= last, _tokens(text))
        if token.start in wanted
        and token.kind != "skip"
        and (
            token.kind != "text" or _QUOTED.fullmatch(text, token.start - 1, token.end)
        )
    )


class _Token(NamedTuple):
    """A token of a text, from offset `start` to `end`.

    `step` is 1 if the token opens a bracket or a string, -1 if it closes one. `kind` is
    a group of _TOKEN, `skip` for white space and comments, or `text` inside a string.
    """

    start: int
    end: int
    step: int
    kind: str


def _tokens(text: str) -> Iterator[_Token]:
    opened: list[str] = []
    position = 0
    while position < len(text):
        around = opened[-1] if opened else ""
        within = _STRINGS.get(around)
        match = (
            within.search(text, position)
            if within is not None
            else _TOKEN.match(text, position)
        )
        if match is None:
            yield _Token(position, len(text), 0, "text")
            return
        word, step, kind = (
            match[0],
            0,
            "text" if within is not None else match.lastgroup or "",
        )
        if word.endswith("${") or kind in {"quote", "open"}:
            opened.append(word)
            step = 1
        elif opened and (word == around or kind == "close"):
            opened.pop()
            step = -1
        yield _Token(position, match.end(), step, kind)
        position = match.end()


def _words(text: str) -> list[str]:
    """Return the tokens of a text without white space and comments.

    The content of a string stays as written.
    """
    return [
        text[token.start : token.end] for token in _tokens(text) if token.kind != "skip"
    ]
