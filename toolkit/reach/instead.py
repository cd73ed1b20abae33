"""Alternatives to an override that takes effect only in part, the likeliest first.

Nix evaluates each alternative exactly as printed, except `…`, which stands for the
user's own values.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, product
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from toolkit.nix.tree import Node
from toolkit.proposal.bumping import rehashed
from toolkit.reach import written
from toolkit.reach.answers import Place, SetOption
from toolkit.reach.effects import Left
from toolkit.reach.mends import (
    Behind,
    Beside,
    Composition,
    Extension,
    Mend,
    Proposed,
)
from toolkit.reach.overridden import Call, Overridden

_SOURCES = (
    'src = old.src.override {{ tag = "{tag}"; hash = ""; }};',
    'src = old.src.override {{ rev = "{tag}"; hash = ""; }};',
    'src = old.src.override {{ tag = "{tag}"; sha256 = ""; }};',
    'src = old.src.override {{ rev = "{tag}"; sha256 = ""; }};',
    'src = {final}.fetchurl {{ url = "{url}"; hash = ""; }};',
)
"""The forms of Nix code for a source of another version."""

_DOWNLOADS = {
    "cargoDeps": (
        'cargoDeps = {final}.rustPlatform.fetchCargoVendor {{ inherit {src}; name = "{name}-vendor"; hash = ""; }};',
        'cargoDeps = old.cargoDeps.overrideAttrs (_: {{ inherit {src}; outputHash = ""; }});',
        'cargoDeps = old.cargoDeps.overrideAttrs (_: {{ inherit {src}; outputHash = ""; outputHashAlgo = "{sha}"; }});',
    ),
    "goModules": ('vendorHash = "";',),
    "npmDeps": (
        'npmDepsHash = "";',
        'npmDeps = {final}.fetchNpmDeps {{ inherit {src}; hash = ""; }};',
    ),
}
"""The forms of Nix code for dependencies of another source, by the variable that
contains them.
"""

_REPLACED = {
    "cargoDeps": ("cargoDeps", "cargoHash", "cargoSha256"),
    "vendorHash": ("vendorHash", "vendorSha256"),
    "npmDeps": ("npmDeps", "npmDepsHash"),
    "npmDepsHash": ("npmDeps", "npmDepsHash"),
}
"""The variables of a derivation that become obsolete if another variable is set."""


_EXTENSIONS = "pythonPackagesExtensions"

_VALUE = re.compile(r"(\S+) = ⟨(\d+ \w+)((?:\.\w+)?)⟩")
"""A pattern for placeholders of the user's values in a template.

A placeholder has the value's name, the number of the call that sets the value, and the
argument of that call.
"""


class Names(Struct, frozen=True, kw_only=True):
    """The argument names in the user's overlay, for generated code.

    `own` and `before` are the names in an extension inside the overlay. If `option` is
    given, the code sets this NixOS option instead of an overlay's attribute.
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
        if not self.option.option:
            return value
        return (
            f"({value})"
            if self.option.is_listed
            else f"{'.'.join(self.option.option)} = {value};"
        )


class Way(Struct, frozen=True, kw_only=True):
    """An alternative override: its attribute, its text as printed, and as evaluated.

    In the evaluated code, `given` is the user's value for `member` of a scope, or the
    scope's whole extension if `member` is empty. `change` turns the user's override
    into the alternative, if that is possible.
    """

    attribute: str
    text: str
    question: str
    member: str = ""
    change: Proposed | None = None


def names_at(place: Place | None) -> Names:
    """Return the argument names of the user's functions around a line.

    If the line is in no such function, return the usual names in nixpkgs.
    """
    if place is None:
        return Names()
    root = written.root_of(Path(place.file))
    if root is None:
        return Names()
    line = place.line or 0
    functions = (node for node in root.walk() if node.kind == "function_expression")
    around = (
        node
        for node in functions
        if node.line <= line <= node.line + node.text.count("\n")
    )
    pairs = [pair for node in around if (pair := _arguments(node))]
    if not pairs:
        return Names()
    (final, prev), (own, before) = (
        pairs[0],
        (pairs[-1] if pairs[1:] else ("self", "super")),
    )
    return Names(final=final, prev=prev, own=own, before=before)


def _arguments(node: Node) -> tuple[str, str] | None:
    """Return the names of the two arguments of a function such as `final: prev: …`.

    Return None for a function of more arguments, and for patterns. If the first name
    begins with `_`, the second name replaces it.
    """
    inner = node.child("function_expression")
    if inner is not None and inner.child("function_expression") is not None:
        return None
    first, second = (
        each.child("identifier") if each is not None else None for each in (node, inner)
    )
    final = second if first is not None and first.text.startswith("_") else first
    return (
        (final.text, second.text) if final is not None and second is not None else None
    )


def ways(
    path: Sequence[str], case: Overridden, left: Sequence[Left], names: Names
) -> Iterator[Way]:
    """Yield alternatives for the last call of an override.

    `left` are the old values that remain with the user's override.
    """
    calls, environment = case.calls, case.old.environment
    if not calls:
        return
    name, given, last = path[-1], calls[-1].names, len(calls) - 1
    base = names.prev if len(path) == 1 else names.before
    package = _package(f"{base}.{name}", calls)
    way = partial(_way, names, name)
    if "argsOverride" in given:
        yield from (
            way(
                _versioned(package, last, more, names),
                Mend(
                    bindings=(_kernel_source(names),),
                    replaced=("src",),
                    recursive=True,
                    within="argsOverride",
                ),
            )
            for more in (("version", "modDirVersion"), ("version",))
        )
    if (method := calls[-1].method) not in {"overrideAttrs", "overridePythonAttrs"}:
        return
    stays = {each.name for each in left}
    wrapped = f"{name}-unwrapped"
    inner = f"{base}.{wrapped}.overrideAttrs (old: {{ {_given(given, last)} }})"
    yield way(
        f"{package}.overridePythonAttrs (old: {{ {_given(given, last)} }})",
        Mend(method="overridePythonAttrs"),
    )
    texts = [
        ("", *_DOWNLOADS[each])
        for each in _DOWNLOADS
        if each in environment or each in stays
    ]
    # With a Python builder, overridePythonAttrs may not accept another source although
    # overrideAttrs does.
    methods = [method, "overrideAttrs"][: 1 + (method == "overridePythonAttrs")]
    sources = _SOURCES if "src" in stays else ("",)
    for function, *more in product(methods, sources, *texts):
        if any(more):
            text, change = _bumped([each for each in more if each], name, case, names)
            other = function if function != method else ""
            yield way(f"{package}.{function} {text}", replace(change, method=other))
    yield way(
        f"{package}.override {{\n  {wrapped} = {inner};\n}}", Mend(wrapped=wrapped)
    )
    if names.option is None:
        yield _way(names, wrapped, inner)
    # The wrapped package may also need new dependencies for its source.
    for download in chain.from_iterable(_DOWNLOADS.values()) if "src" in given else ():
        text, change = _bumped([download], wrapped, case, names)
        own = f"{base}.{wrapped}.overrideAttrs {text}".replace("\n", "\n  ")
        yield way(
            f"{package}.override {{\n  {wrapped} = {own};\n}}",
            replace(change, wrapped=wrapped),
        )
    if arguments := [each for each in given if each in calls[-1].arguments]:
        yield way(
            f"{package}.override {{ {_given(arguments, last, 'null')} }}",
            Mend(method="override") if arguments == [*given] else None,
        )


def updated(
    name: str,
    case: Overridden,
    left: Sequence[Left],
    downloads: Sequence[Sequence[str]],
    names: Names,
) -> Iterator[Way]:
    """Yield alternatives with new hashes for the package's fixed-output derivations.

    `downloads` are the attribute paths of the derivations in the package, and in the
    let-bound packages of its passthru.
    """
    calls = case.calls
    downloads = unset(downloads, calls)
    if (
        not downloads
        or calls[-1].method != "overrideAttrs"
        or "passthru" in calls[-1].names
    ):
        return
    package = _package(f"{names.prev}.{name}", calls)
    sources = _SOURCES if any(each.name == "src" for each in left) else ("",)
    own = [path for path in downloads if not path[1:]]
    for source, those, more in product(
        sources, [own, downloads] if own != downloads else [own], ("", "inherit src; ")
    ):
        if those and (source or not more):
            src, hashes = (
                [source] if source else [],
                [*_rehashed(those, names, more=more)],
            )
            lines, change = _bumped(src, name, case, names, hashes)
            yield _way(names, name, f"{package}.overrideAttrs {lines}", change)


def unset(
    downloads: Sequence[Sequence[str]], calls: Sequence[Call]
) -> list[Sequence[str]]:
    """Return the paths of downloads whose hashes an override does not set.

    Return an empty list if the override has no call.
    """
    given = {*calls[-1].names} if calls else None
    return [
        path
        for path in downloads
        if given is not None and given.isdisjoint(_REPLACED.get(path[0], path[:1]))
    ]


def _package(package: str, calls: Sequence[Call]) -> str:
    """Return Nix code for a package with all calls of an override but the last."""
    before = (
        f".{call.method} {{ {_given(call.names, number, 'null')} }}"
        for number, call in enumerate(calls[:-1])
    )
    return f"{package}{''.join(before)}"


def _given(names: Sequence[str], number: int, old: str = "old") -> str:
    """Return Nix code that sets names to placeholders for the user's values.

    The values are those of the call with a number.
    """
    return " ".join(f"{each} = ⟨{number} {old}⟩;" for each in names)


def _versioned(package: str, number: int, more: Sequence[str], names: Names) -> str:
    """Return Nix code that overrides a kernel's version and source."""
    lines = [f"{each} = ⟨{number} null.argsOverride⟩;" for each in more]
    src = _kernel_source(names).splitlines()
    return (
        f"{package}.override {{\n  argsOverride = rec {{\n    "
        + "\n    ".join((*lines, *src))
        + "\n  };\n}"
    )


def _kernel_source(names: Names) -> str:
    major = f"${{{names.final}.lib.versions.major version}}"
    url = f"mirror://kernel/linux/kernel/v{major}.x/linux-${{version}}.tar.xz"
    return f'src = {names.final}.fetchurl {{\n  url = "{url}";\n  hash = "";\n}};'


def _bumped(
    more: Sequence[str],
    name: str,
    case: Overridden,
    names: Names,
    rest: Sequence[str] = (),
) -> tuple[str, Mend]:
    """Return the argument of the last call with another source or other hashes.

    `more` are forms of bindings, and `rest` are complete bindings. The second result is
    the edit that changes the user's call in this way.
    """
    call, final = case.calls[-1], names.final
    is_source = any(each in _SOURCES for each in more)
    src = "src" if is_source or "src" in call.names else "(old) src"
    values = {
        "final": final,
        "name": name,
        "src": src,
        "sha": "sha256",
        "tag": case.tag,
        "url": case.url(final),
    }
    written = [each.format(**values) for each in more]
    replaced = {
        one
        for each in written
        for one in _REPLACED.get(each.partition(" ")[0], (each.partition(" ")[0],))
    }
    kept = _given(
        [each for each in call.names if each not in replaced], len(case.calls) - 1
    )
    rec = "rec " if is_source or (more and src == "src") else ""
    lines = [f"(old: {rec}{{", *filter(None, [kept]), *written, *rest]
    change = Mend(
        bindings=(*written, *rest), replaced=(*sorted(replaced),), recursive=bool(rec)
    )
    return "\n  ".join(lines) + "\n})", change


def _way(
    names: Names, attribute: str, template: str, change: Mend | None = None
) -> Way:
    """Return the alternative that a template describes.

    In the printed form, `…` stands for the user's values; in the evaluated form, the
    values come from the user's call.
    """
    template = template.replace("{  }", "{ }")
    question = _VALUE.sub(r"\1 = (given \2)\3.\1", template)
    text = names.bound(attribute, _VALUE.sub(r"\1 = …", template))
    return Way(
        attribute=attribute,
        text=text,
        question=" ".join(question.split()),
        change=change,
    )


def obstacle(left: Sequence[Left], closest: Sequence[Left]) -> str | None:
    """Return a sentence that explains why no alternative takes effect.

    `left` are the old values that remain with the user's override, `closest` the ones
    that remain with the best alternative. Return None if the override has misspelt
    names, whose messages already explain the outcome.
    """
    if left and all("did you mean" in each.why for each in left):
        return None
    if closest:
        names = {
            " → ".join(each.way[1:][-2:]) or each.name: each.why for each in closest
        }
        return (
            "no working form found; the closest one keeps "
            f"{', '.join(f'{name} ({why})' for name, why in names.items())}"
        )
    if (part := next((each.name for each in left if each.part), None)) is not None:
        return (
            f"no working form found, because '{part}' stays, and no overlay of unlet "
            "makes it overridable"
        )
    return (
        "no working form found: every alternative fails to evaluate or keeps an old "
        "value"
    )


def _rehashed(
    downloads: Sequence[Sequence[str]],
    names: Names,
    moved: Sequence[str] = (),
    more: str = "",
) -> Iterator[str]:
    """Yield Nix bindings that give downloads a new hash.

    `moved` are attributes that belong into passthru, and `more` is added to each call.
    """
    parts = defaultdict[str, list[str]](list)
    for *part, name in downloads:
        if part:
            parts[part[0]].append(rehashed(name, "part", f"{names.final}.lib"))
        else:
            yield rehashed(name, "old", f"{names.final}.lib", more)
    inner = [f"{each} = …;" for each in moved]
    inner += [
        f"{part} = old.passthru.{part}.overrideAttrs (part: {{ {' '.join(bindings)} "
        f"}});"
        for part, bindings in parts.items()
    ]
    if inner:
        yield f"passthru = old.passthru // {{ {' '.join(inner)} }};"


def behind(  # noqa: PLR0913, PLR0917 - an override and its context
    command: str,
    name: str,
    calls: Sequence[Call],
    moved: Sequence[str],
    downloads: Sequence[Sequence[str]],
    names: Names,
) -> tuple[str, Proposed | None]:
    """Return an override that takes effect after the overlay that `command` writes.

    The second result is the edit of the user's override; it is None if values of the
    user would have to move.
    """
    first = f"# behind the overlay that '{command}' writes"
    hashes = (*_rehashed(downloads, names),)
    change = Behind(package=name, change=Mend(bindings=hashes))
    if not moved and not downloads:
        return f"{first}, this override reaches unchanged", change
    rest = [f"{each} = …;" for each in calls[-1].names if each not in moved]
    inner = " ".join([*rest, *_rehashed(downloads, names, moved)])
    text = f"{names.prev}.{name}.overrideAttrs (old: {{ {inner} }})"
    return f"{first}:\n{names.bound(name, text)}", None if moved else change


def part(
    command: str, package: str, binding: str, names: Names, *, in_passthru: bool
) -> str:
    """Return code that overrides a let-bound package of another package.

    The code takes effect after the overlay that `command` writes.
    """
    inner = f"passthru = old.passthru // {{ {binding} }};" if in_passthru else binding
    text = names.bound(
        package, f"{names.prev}.{package}.overrideAttrs (old: {{ {inner} }})"
    )
    return f"# behind the overlay that '{command}' writes:\n{text}"


def placed(path: Sequence[str], names: Names) -> Iterator[Way]:
    """Yield alternatives that set a package in an interpreter's package set.

    These alternatives remain if the interpreter is overridden again.
    """
    own, before, name = names.own, names.before, path[-1]
    if path[:-1] and path[0].startswith("python"):
        value = (
            f"{names.prev}.{_EXTENSIONS} ++ [ ({own}: {before}: {{ {name} = …; }}) ]"
        )
        yield Way(
            attribute=_EXTENSIONS,
            text=f"{_EXTENSIONS} = {value};",
            question=value.replace("…", f"(given {own} {before}).{name}"),
            member=name,
            change=Extension(attribute=_EXTENSIONS, prev=names.prev),
        )


def composed(path: Sequence[str], where: str, names: Names) -> Iterator[Way]:
    """Yield alternatives in which a later overlay keeps earlier extensions of a set.

    Without the alternative, the later overlay replaces the extensions of the package
    set.
    """
    for argument in ("overrides", "packageOverrides") if path[:-1] else ():
        added = (
            f"{names.prev}.lib.composeExtensions (old.{argument} or (_: _: {{ "
            f"}})) ({{}})"
        )
        value = f"{names.prev}.{path[0]}.override (old: {{ {argument} = {added}; }})"
        text = value.replace("({})", f"({names.own}: {names.before}: {{ … }})")
        yield Way(
            attribute=path[0],
            text=f"# in {where}:\n{path[0]} = {text};",
            question=value.replace("({})", "given"),
            change=Composition(argument=argument, prev=names.prev),
        )


def kernel(packages: str, name: str, names: Names) -> Way:
    """Return an alternative that builds the packages for the overridden kernel."""
    value = f"{names.final}.linuxPackagesFor {names.final}.{name}"
    return Way(
        attribute=packages,
        text=f"# beside it:\n{packages} = {value};",
        question=value,
        change=Beside(binding=f"{packages} = {value};"),
    )
