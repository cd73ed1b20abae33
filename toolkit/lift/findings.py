"""Which packages the lets of one file bind, of which kind each is, and how far out of reach."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.lift.doors import Reachability, shared, state
from toolkit.lift.shape import callee, construction, read, result
from toolkit.nix.attributes import call, inside, value

if TYPE_CHECKING:
    from toolkit.nix.tree import Node, Tree


class Binding(Struct, frozen=True, kw_only=True):
    """A package that a let of a file binds.

    `builder` is its builder's name as it is written, `shares` which of `src` and `version` it takes from the same place
    as the package that the file is for. `liftable` tells that the package's own builder may have final attributes.
    """

    name: str
    builder: str
    kind: BindingKind
    line: int
    state: Reachability
    shares: tuple[str, ...]
    liftable: bool


def find(tree: Tree) -> tuple[Binding, ...]:
    """Return what the lets below the file's functions bind and its package is made of, in the order of the file.

    Nothing for a file that does not end in a builder's call.
    """
    shape = read(tree)
    if not shape.lets or not shape.functions or shape.construction is None:
        return ()
    found: list[Binding] = []
    for name, node in shape.bindings.items():
        known = kind(node)
        if known is None or name not in shape.reached or value(node).contains(shape.body):
            continue
        found.append(
            Binding(
                name=name,
                kind=known[0],
                builder=known[1],
                line=node.line,
                state=state(shape, name),
                shares=shared(shape, name),
                liftable=without_final(shape.construction.name) is None,
            )
        )
    return tuple(sorted(found, key=lambda binding: binding.line))


class BindingKind(StrEnum):
    """Kinds of bindings, those that people want to override first."""

    PACKAGE = "package"
    """A builder's call with a source of its own, or one of a language's builder."""
    DERIVATION = "derivation"
    """mkDerivation without a source."""
    CALL = "callPackage"
    OVERRIDE = "override"
    """Another package with changes."""
    ENVIRONMENT = "environment"
    """Packages put together: withPackages, an FHS environment, an AppImage."""
    HELPER = "helper"
    """A script, a file, a link farm."""


_CALLS = re.compile(r"callPackages?")
_ENVIRONMENTS = re.compile(
    r"with\w*Packages|withPlugins|withExtensions|build(FHS\w*|Env)|wrapType\d|bundler(Env|App)|wrapAppImage"
)
_HELPERS = re.compile(
    r"run\w*Command\w*|runLocalCommand|symlinkJoin|linkFarm\w*|write[A-Z]\w*|make(Setup|Desktop)\w*|applyPatches|"
    r"(replace|substitute)Vars\w*|srcOnly|extract\w*|wrap[A-Z]\w*|concatTextFile"
)
_LANGUAGES = re.compile(
    r"build[A-Z]\w*'?|mk[A-Z]\w*(Package|Plugin|Application|Module)'?|mixRelease|melpaBuild|trivialBuild"
)
_SOURCES = re.compile(r"fetch\w*|clean\w*|import\w*|unpack\w*|filter\w*|gitignore\w*|lib\..*|builtins\..*")
_CHANGES = frozenset(["override", "overrideAttrs", "overrideDerivation", "overridePythonAttrs", "overrideCabal"])


_WITHOUT_FINAL = {
    "an environment": re.compile(r"buildFHS\w*|wrapType\d|wrapAppImage|bundler(Env|App)"),
    "a builder": re.compile(r"extendMkDerivation"),
    "a script or a file": re.compile(r"run\w*Command\w*|write[A-Z]\w*"),
}


def without_final(builder: str) -> str | None:
    """Say what a builder makes that is known to take no function of final attributes; None for any other builder."""
    name = builder.rpartition(".")[2]
    return next((what for what, pattern in _WITHOUT_FINAL.items() if pattern.fullmatch(name)), None)


def kind(binding: Node) -> tuple[BindingKind, str] | None:
    """Return the kind of a binding of a let and the builder as it is written, None where it binds no package."""
    if binding.kind != "binding" or len(binding.children[0].children) != 1:
        return None
    expression = result(value(binding))
    if expression.kind != "apply_expression":
        return None
    function, *arguments = call(expression)
    if (path := _selected(function)) and path[-1] in _CHANGES and len(arguments) <= (path[-1] == "overrideCabal") + 1:
        base = inside(function.children[0])
        builds = construction(base)
        if builds is None:
            return None if _is_builder(callee(base)) else (BindingKind.OVERRIDE, ".".join(path))
        expression = base
    builder = callee(expression)
    if not builder or _SOURCES.fullmatch(builder[-1]) or _SOURCES.fullmatch(".".join(builder)):
        return None
    found = _kind(builder[-1], expression)
    return (found, ".".join(builder)) if found is not None else None


def _kind(name: str, expression: Node) -> BindingKind | None:
    plain = {_CALLS: BindingKind.CALL, _ENVIRONMENTS: BindingKind.ENVIRONMENT, _HELPERS: BindingKind.HELPER}
    found = next((kind for pattern, kind in plain.items() if pattern.fullmatch(name)), None)
    builds = construction(expression)
    if found is not None or builds is None:
        return found
    given = {path[0] for path, _ in builds.attributes}
    sourced = bool(given & {"src", "srcs"})
    if "mkDerivation" in name:
        return BindingKind.PACKAGE if sourced else BindingKind.DERIVATION
    if _LANGUAGES.fullmatch(name) or (sourced and given & {"name", "pname"}):
        return BindingKind.PACKAGE
    return None


def _selected(function: Node) -> tuple[str, ...]:
    return callee(function) if inside(function).kind == "select_expression" else ()


def _is_builder(name: tuple[str, ...]) -> bool:
    return bool(name) and re.fullmatch(r"(build|mk|fetch)[A-Z]\w*", name[-1]) is not None
