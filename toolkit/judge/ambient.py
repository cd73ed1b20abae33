"""Find which facts about the computer and nixpkgs' config a change reads.

A sandboxed evaluation shows the result for only one computer and one configuration of
nixpkgs. This module searches words in the changed lines, so it covers every form of Nix
code: it may find too much, but not too little.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from toolkit.judge import tokens

_NAME = r"[A-Za-z_][\w'-]*"
_WORD = re.compile(_NAME)
_OTHER_NAME = re.compile(rf"({_NAME})\s*=\s*builtins\s*;")
_WITH = re.compile(r"\bwith\s+builtins\s*;")
_OWN_FETCH = re.compile(r"[{,]\s*fetchurl\s*[,}?]")
# In these forms, attributes can refer to one another.
_RECURSIVE = re.compile(r"\brec\s*\{|\b(?:final\w*|self)\s*\.")
# A name that is not being defined.
_READ = re.compile(rf"{_NAME}(?![\w'-]|\s*=(?!=))")
_MACHINE = frozenset(
    {
        "currentSystem",
        "currentTime",
        "fetchClosure",
        "fetchGit",
        "fetchMercurial",
        "fetchTarball",
        "fetchTree",
        "findFile",
        "getEnv",
        "getFlake",
        "inNixShell",
        "inPureEvalMode",
        "langVersion",
        "maybeEnv",
        "nixPath",
        "nixVersion",
        "storePath",
    }
)
"""The builtins and lib functions whose values depend on the computer."""

_ANY = "builtins.${…}"
_MACHINE_FORMS = {
    "builtins.fetchurl": re.compile(
        r"\bbuiltins\s*\.\s*fetchurl\b|\(\s*builtins\s*\)[^;]*\bfetchurl\b"
        r"|\bwith\s+builtins\s*;.*\bfetchurl\b",
        re.DOTALL,
    ),
    # A path inside the tree is the same on every computer.
    "pathExists": re.compile(r"\b(?:__)?pathExists\b(?!\s*\(?\s*\.{1,2}/)"),
    "<…>": re.compile(r"<[\w.+-]+(?:/[\w.+-]+)*>"),
    # The name of a builtin may be computed.
    _ANY: re.compile(
        r"\bbuiltins\s*\.\s*\$\{"
        r"|(?<!inherit \()(?<!with )(?<!= )\bbuiltins\b(?!\s*[.?])"
    ),
}
"""Patterns for code whose value depends on the computer, by the name to display."""

_SETTING = re.compile(rf"(?<![\w'-])config\s*[.?]\s*({_NAME}(?:\.{_NAME})*)")
_TEXT = re.compile(r"[!=]=\s*\"([\w.+-]+)\"|\"([\w.+-]+)\"\s*[!=]=")
_MOST_TEXTS = 4
_INHERITED = re.compile(r"\binherit\s*\(\s*(?:\w+\.)*config\s*\)([^;]*);")
_DEFAULT = re.compile(rf"({_NAME})\s*\?\s*([^,}}]*)")
# Names that are not settings of nixpkgs: each nixpkgs has its own value, or a NixOS
# module means another `config`.
_NO_SETTING = frozenset({"nixpkgs", "system", "warnings"})


class Ambient(Struct, frozen=True, kw_only=True):
    """The facts about the computer and nixpkgs' config that changed lines read.

    `machine` are names such as `currentSystem`, whose values depend on the computer,
    and `settings` are dotted names of nixpkgs' config. `texts` are strings that the
    lines compare with another value, perhaps with a setting.
    """

    machine: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


def read(before: str, after: str, *, is_table: bool = False) -> Ambient:
    """Return the facts about the computer and the settings that changed lines read.

    Names that the file binds are followed to their values. With `is_table`, the file is
    a list of packages: its attributes are packages, which are compared separately.
    """
    lines = {*before.splitlines()} ^ {*after.splitlines()}
    region = "\n".join(
        _region(text, lines, is_table=is_table) for text in (before, after)
    )
    words = {word.removeprefix("__") for word in _READ.findall(region)}
    machine = {name for name, form in _MACHINE_FORMS.items() if form.search(region)}
    inherited = " ".join(_INHERITED.findall(region))
    settings = {*_SETTING.findall(region), *_WORD.findall(inherited)}
    texts = sorted({one or other for one, other in _TEXT.findall(region)})
    # A specific name is better than the note that a computed name reads any builtin.
    named = (machine - {_ANY}) | (words & _MACHINE)
    return Ambient(
        machine=tuple(sorted(named or machine)),
        settings=tuple(sorted(settings - _NO_SETTING)),
        texts=tuple(texts[:_MOST_TEXTS]),
    )


def _region(text: str, lines: set[str], *, is_table: bool) -> str:
    """Return the code that may affect the given lines of a file.

    It consists of the lines, the code around them, and the values of the names in it.
    """
    written = text.splitlines()
    numbers = [number for number, line in enumerate(written) if line in lines]
    shown = {*tokens.around(text, lines), *tokens.bindings_around(text, numbers)}
    code = tokens.code(text)
    coded = code.splitlines()
    region = "\n".join(coded[number] for number in sorted(shown))
    bound: dict[str, list[str]] = {}
    is_recursive = not is_table and _RECURSIVE.search(code) is not None
    for name, value in _bound(text, code, is_recursive=is_recursive):
        bound.setdefault(name, []).append(value)
    known: set[str] = set()
    # A static name has priority over any `with`.
    around = [] if _OWN_FETCH.search(code) else _WITH.findall(code)
    parts = [*around, region]
    for part in parts:
        names = {*_WORD.findall(part)} & bound.keys() - known
        known |= names
        parts += [value for name in sorted(names) for value in bound[name]]
    region = "\n".join(parts)
    for other in {*_OTHER_NAME.findall(code)}:
        region = re.sub(rf"(?<![\w.'-]){other}(?=\s*\.)", "builtins", region)
    return region


def _bound(text: str, code: str, *, is_recursive: bool) -> Iterator[tuple[str, str]]:
    """Yield the names that a file binds, each with the code of its value.

    Defaults of function arguments count as bindings. Attributes count if
    `is_recursive`, which means that they can refer to one another.
    """
    for binding in tokens.find(text):
        if (binding.local or is_recursive) and binding.names:
            names = binding.names if binding.inherited else binding.names[:1]
            yield from ((name, code[binding.start : binding.end]) for name in names)
    for match in _DEFAULT.finditer(code):
        yield match[1], match[2]
