"""Alternatives to an override that stops halfway, the likeliest first.

Each is evaluated exactly as printed, except `…`, which stands for the user's own values.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path

from msgspec import Struct

from toolkit import files
from toolkit.errors import ToolkitError
from toolkit.nix.tree import Node, Tree
from toolkit.reach.answers import Place, SetOption
from toolkit.reach.effects import Left
from toolkit.reach.overridden import Call, Overridden

_SOURCES = (
    'src = old.src.override {{ tag = "{tag}"; hash = ""; }};',
    'src = old.src.override {{ rev = "{tag}"; hash = ""; }};',
    'src = {final}.fetchurl {{ url = "https://example.org/{name}-${{version}}.tar.gz"; hash = ""; }};',
)
"""A source of another version."""

_DOWNLOADS = {
    "cargoDeps": (
        'cargoDeps = {final}.rustPlatform.fetchCargoVendor {{ inherit {src}; name = "{name}-vendor"; hash = ""; }};',
        'cargoDeps = old.cargoDeps.overrideAttrs (_: {{ inherit {src}; outputHash = ""; }});',
        'cargoDeps = old.cargoDeps.overrideAttrs (_: {{ inherit {src}; outputHash = ""; outputHashAlgo = "{sha}"; }});',
    ),
    "goModules": ('vendorHash = "";',),
    "npmDeps": ('npmDepsHash = "";', 'npmDeps = {final}.fetchNpmDeps {{ inherit {src}; hash = ""; }};'),
}
"""By the variable with what is downloaded for a source, how it is downloaded for another one."""

_REPLACED = {
    "cargoDeps": ("cargoDeps", "cargoHash", "cargoSha256"),
    "vendorHash": ("vendorHash", "vendorSha256"),
    "npmDeps": ("npmDeps", "npmDepsHash"),
    "npmDepsHash": ("npmDeps", "npmDepsHash"),
}
"""The variables that another one replaces, apart from the one of its own name."""


_EXTENSIONS = "pythonPackagesExtensions"

Values = Callable[..., str]
"""The bindings of the user's values for some names."""

Text = Callable[[str, Values], str]
"""An expression, of the package and the user's values."""


class Names(Struct, frozen=True, kw_only=True):
    """The user's names for the arguments of an overlay, and of a scope's extension in it.

    `option` is set instead of an overlay's attribute.
    """

    final: str = "final"
    prev: str = "prev"
    own: str = "self"
    before: str = "super"
    option: SetOption | None = None

    def bound(self, attribute: str, value: str) -> str:
        """Return Nix code that sets an attribute, or the user's option, to a value."""
        if self.option is None:
            return f"{attribute} = {value};"
        return f"({value})" if self.option.is_listed else f"{'.'.join(self.option.option)} = {value};"


class Way(Struct, frozen=True, kw_only=True):
    """An alternative override: the attribute that it sets, as printed and as evaluated.

    It gives a member of a scope, or the scope's whole extension if the member is empty.
    """

    attribute: str
    text: str
    question: str
    member: str = ""


def names_at(place: Place | None) -> Names:
    """Return the user's names for the arguments of the functions around a line, by default nixpkgs' own."""
    try:
        root = Tree(files.read(Path(place.file)).decode(), name=place.file).root if place is not None else None
    except (ToolkitError, UnicodeDecodeError):
        root = None
    if root is None or place is None:
        return Names()
    pairs = [pair for node in root.walk() if _is_around(node, place.line or 0) and (pair := _arguments(node))]
    if not pairs:
        return Names()
    (final, prev), (own, before) = pairs[0], (pairs[-1] if pairs[1:] else ("self", "super"))
    return Names(final=_usable(final, prev), prev=prev, own=_usable(own, before), before=before)


def _is_around(node: Node, line: int) -> bool:
    return node.kind == "function_expression" and node.line <= line <= node.line + node.text.count("\n")


def _arguments(node: Node) -> tuple[str, str] | None:
    """Return the arguments of a function of two, which have no patterns."""
    inner = node.child("function_expression")
    first, second = (each.child("identifier") if each is not None else None for each in (node, inner))
    return (first.text, second.text) if first is not None and second is not None else None


def _usable(final: str, prev: str) -> str:
    return prev if final.startswith("_") else final


def ways(path: Sequence[str], case: Overridden, left: Sequence[Left], names: Names) -> Iterator[Way]:
    """Yield alternatives for the last call of an override."""
    calls, environment = case.calls, case.old.environment
    if not calls:
        return
    name, given = path[-1], calls[-1].names
    base = names.prev if len(path) == 1 else names.before
    way = partial(_way, calls, base, names)
    if "argsOverride" in given:
        yield from (way(name, _versioned(more, names)) for more in (("version", "modDirVersion"), ("version",)))
    if calls[-1].method != "overrideAttrs":
        return
    stays = {each.name for each in left}
    wrapped = f"{name}-unwrapped"

    def inner(values: Values) -> str:
        return f"{base}.{wrapped}.overrideAttrs (old: {{ {values(given)} }})"

    yield way(name, lambda package, values: f"{package}.overridePythonAttrs (old: {{ {values(given)} }})")
    texts = [text for each in _DOWNLOADS if each in environment or each in stays for text in _DOWNLOADS[each]]
    for more in product(_SOURCES, ("", *texts)) if "src" in stays else [("", text) for text in texts]:
        yield way(name, _bumped([each for each in more if each], name, given, names, case.tag))
    yield way(name, lambda package, values: f"{package}.override {{\n  {wrapped} = {inner(values)};\n}}")
    if names.option is None:
        yield way(wrapped, lambda _, values: inner(values))
    arguments = [each for each in given if each in calls[-1].arguments]
    if arguments:
        yield way(name, lambda package, values: f"{package}.override {{ {values(arguments, 'null')} }}")


def _versioned(more: Sequence[str], names: Names) -> Text:
    """Return an override of a kernel's version with the source of that."""
    major = f"${{{names.final}.lib.versions.major version}}"
    url = f"mirror://kernel/linux/kernel/v{major}.x/linux-${{version}}.tar.xz"

    def text(package: str, values: Values) -> str:
        given = values(["argsOverride"], "null").removeprefix("argsOverride = ").removesuffix(";")
        lines = [f"{each} = {given if given == '…' else f'({given}).{each}'};" for each in more]
        src = (f"src = {names.final}.fetchurl {{", f'  url = "{url}";', '  hash = "";', "};")
        return f"{package}.override {{\n  argsOverride = rec {{\n    " + "\n    ".join((*lines, *src)) + "\n  };\n}"

    return text


def _bumped(more: Sequence[str], name: str, given: Sequence[str], names: Names, tag: str) -> Text:
    """Return an override of a source or what is downloaded for it, beside what the user sets."""
    is_source = any(each in _SOURCES for each in more)
    src = "src" if is_source or "src" in given else "(old) src"
    written = [each.format(final=names.final, name=name, src=src, sha="sha256", tag=tag) for each in more]
    replaced = {one for each in written for one in _REPLACED.get(each.partition(" ")[0], (each.partition(" ")[0],))}
    kept = [each for each in given if each not in replaced]
    rec = "rec " if is_source or src == "src" else ""

    def text(package: str, values: Values) -> str:
        lines = [*filter(None, [values(kept)]), *written]
        return "\n  ".join([f"{package}.overrideAttrs (old: {rec}{{", *lines]) + "\n})"

    return text


def _way(calls: Sequence[Call], base: str, names: Names, attribute: str, text: Text) -> Way:
    """Return a way as it is printed, and with the user's values: those of a call are a function of the old ones."""

    def made(value: Callable[[int, str, str], str]) -> str:
        def bindings(number: int, names: Sequence[str], old: str) -> str:
            return " ".join(f"{each} = {value(number, each, old)};" for each in names)

        earlier = "".join(
            f".{call.method} {{ {bindings(number, call.names, 'null')} }}" for number, call in enumerate(calls[:-1])
        )

        def last(names: Sequence[str], old: str = "old") -> str:
            return bindings(len(calls) - 1, names, old)

        return text(f"{base}.{attribute}{earlier}", last).replace("{  }", "{ }")

    return Way(
        attribute=attribute,
        text=names.bound(attribute, made(lambda _number, _name, _old: "…")),
        question=" ".join(made(lambda number, name, old: f"(given {number} {old}).{name}").split()),
    )


def obstacle(left: Sequence[Left], calls: Sequence[Call]) -> str:
    """Return why no alternative reaches, in words."""
    if (part := next((each.name for each in left if each.part), None)) is not None:
        return f"'{part}' stays, and no overlay of unlet's makes it overridable"
    if not left:
        return "the packages are those of another set"
    if not calls or calls[-1].method != "overrideAttrs":
        return "an override by arguments can be written in no other way"
    return "each of those that were tried leaves something behind too, or does not evaluate"


def parts(calls: Sequence[Call], passthru: Sequence[str]) -> tuple[str, ...]:
    """Return the names in the last call that are also in the package's passthru, so that setting them has no effect."""
    return tuple(name for name in calls[-1].names if name in passthru) if calls else ()


def behind(command: str, name: str, calls: Sequence[Call], moved: Sequence[str], names: Names) -> str:
    """Return an override that reaches with a command's overlay: the user's, or one of the parts in passthru."""
    first = f"# behind the overlay that '{command}' writes"
    if not moved:
        return f"{first}, this override reaches as it is"
    rest = "".join(f" {each} = …;" for each in calls[-1].names if each not in moved)
    inner = " ".join(f"{each} = …;" for each in moved)
    moving = f"passthru = old.passthru // {{ {inner} }};"
    return f"{first}:\n{names.bound(name, f'{names.prev}.{name}.overrideAttrs (old: {{{rest} {moving} }})')}"


def part(command: str, package: str, binding: str, names: Names, *, in_passthru: bool) -> str:
    """Return an override of a part that works with a command's overlay."""
    inner = f"passthru = old.passthru // {{ {binding} }};" if in_passthru else binding
    text = names.bound(package, f"{names.prev}.{package}.overrideAttrs (old: {{ {inner} }})")
    return f"# behind the overlay that '{command}' writes:\n{text}"


def placed(path: Sequence[str], names: Names) -> Iterator[Way]:
    """Yield alternatives that set a member of an interpreter's scope and survive other overrides of the interpreter."""
    own, before, name = names.own, names.before, path[-1]
    if path[:-1] and path[0].startswith("python"):
        value = f"{names.prev}.{_EXTENSIONS} ++ [ ({own}: {before}: {{ {name} = …; }}) ]"
        yield Way(
            attribute=_EXTENSIONS,
            text=f"{_EXTENSIONS} = {value};",
            question=value.replace("…", f"(given {own} {before}).{name}"),
            member=name,
        )


def composed(path: Sequence[str], where: str, names: Names) -> Iterator[Way]:
    """Yield alternatives in which a later overlay extends a scope instead of replacing its extensions."""
    for argument in ("overrides", "packageOverrides") if path[:-1] else ():
        added = f"{names.prev}.lib.composeExtensions (old.{argument} or (_: _: {{ }})) ({{}})"
        value = f"{names.prev}.{path[0]}.override (old: {{ {argument} = {added}; }})"
        text = value.replace("({})", f"({names.own}: {names.before}: {{ … }})")
        yield Way(
            attribute=path[0], text=f"# in {where}:\n{path[0]} = {text};", question=value.replace("({})", "given")
        )


def kernel(packages: str, name: str, names: Names) -> Way:
    """Return code that gives the overridden package to a kernel's packages."""
    value = f"{names.final}.linuxPackagesFor {names.final}.{name}"
    return Way(attribute=packages, text=f"# beside it:\n{packages} = {value};", question=value)
