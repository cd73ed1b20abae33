"""The kinds of packages that a let may define, recognised by the builder."""

import re
from enum import StrEnum

from toolkit.lift.shape import Shape, branches, callee, construction, result
from toolkit.nix.attributes import call, inside, value
from toolkit.nix.tree import Node


class BindingKind(StrEnum):
    """The kinds of bindings, beginning with those that people override most."""

    PACKAGE = "package"
    """A call of a builder with its own source, or of a language's builder."""
    DERIVATION = "derivation"
    """mkDerivation without a source."""
    CALL = "callPackage"
    OVERRIDE = "override"
    """Another package with changes."""
    ENVIRONMENT = "environment"
    """Packages put together: withPackages, an FHS environment, an AppImage."""
    HELPER = "helper"
    """A script, a file, a link farm."""


_PLAIN = {
    BindingKind.CALL: re.compile(r"callPackages?"),
    BindingKind.ENVIRONMENT: re.compile(
        r"with\w*Packages|withPlugins|withExtensions|build(FHS\w*|Env)|wrapType\d"
        r"|bundler(Env|App)|wrapAppImage"
    ),
    BindingKind.HELPER: re.compile(
        r"run\w*Command\w*|runLocalCommand|symlinkJoin|linkFarm\w*|write[A-Z]\w*"
        r"|make(Setup|Desktop)\w*|applyPatches|(replace|substitute)(Vars|All)\w*"
        r"|srcOnly|extract\w*|wrap[A-Z]\w*|concatTextFile"
    ),
}
"""The kinds of builders whose arguments need not be examined."""

_LANGUAGES = re.compile(
    r"build[A-Z]\w*'?|mk[A-Z]\w*(Package|Plugin|Application|Module)'?|mixRelease"
    r"|melpaBuild|trivialBuild"
)
_SOURCES = re.compile(
    r"fetch\w*|clean\w*|import\w*|unpack\w*|filter\w*|gitignore\w*|lib\..*|builtins\..*"
)
_BUILDERS = re.compile(r"(build|mk|fetch)[A-Z]\w*")
_CHANGES = frozenset(
    [
        "override",
        "overrideAttrs",
        "overrideDerivation",
        "overridePythonAttrs",
        "overrideCabal",
    ]
)
_WITHOUT_FINAL = {
    "an environment": re.compile(
        r"buildFHS\w*|wrapType\d|wrapAppImage|bundler(Env|App)"
    ),
    "a builder": re.compile(r"extendMkDerivation"),
    "a script or a file": re.compile(r"run\w*Command\w*|write[A-Z]\w*"),
}


def without_final(builder: str) -> str | None:
    """Name the product of a builder that accepts no function of final attributes.

    Return None for other builders.
    """
    name = builder.rpartition(".")[2]
    for product, pattern in _WITHOUT_FINAL.items():
        if pattern.fullmatch(name):
            return product
    return None


def kind(binding: Node) -> tuple[BindingKind, str] | None:
    """Return the kind of a let's binding, and its builder as written.

    Return None if the binding is not a package.
    """
    if binding.kind != "binding" or len(binding.children[0].children) != 1:
        return None
    expression = _package(value(binding))
    if expression.kind != "apply_expression":
        return None
    if (override := _override(expression)) is not None:
        base, path = override
        if construction(base) is None:
            is_builder = any(map(_BUILDERS.fullmatch, callee(base)[-1:]))
            return None if is_builder else (BindingKind.OVERRIDE, ".".join(path))
        expression = base
    builder = callee(expression)
    written = ".".join(builder)
    if not builder or _SOURCES.fullmatch(builder[-1]) or _SOURCES.fullmatch(written):
        return None
    found = _kind(builder[-1], expression)
    return (found, written) if found is not None else None


def is_derivation(shape: Shape, name: str) -> bool:
    """Return whether a binding is a derivation: a package, a script, a download."""
    node = shape.bindings[name]
    if kind(node) is not None:
        return True
    function = callee(result(value(node))) if node.kind == "binding" else ()
    return bool(function) and re.match(r"fetch\w+", function[-1]) is not None


def _package(node: Node) -> Node:
    """Return the package that an expression evaluates to, perhaps by an `if`."""
    expression = result(node)
    if expression.kind != "if_expression":
        return expression
    ends = [end for end in map(result, branches(expression)) if end.text != "null"]
    return ends[0] if len(ends) == 1 else expression


def _override(expression: Node) -> tuple[Node, tuple[str, ...]] | None:
    """Return the package that a call overrides, and the name of the function."""
    function, *arguments = call(expression)
    if inside(function).kind != "select_expression":
        return None
    path = callee(function)
    # The package is another argument of haskell.lib.overrideCabal.
    most = 2 if path[-1:] == ("overrideCabal",) else 1
    if not _CHANGES.intersection(path[-1:]) or len(arguments) > most:
        return None
    return inside(function.children[0]), path


def _kind(name: str, expression: Node) -> BindingKind | None:
    for known, pattern in _PLAIN.items():
        if pattern.fullmatch(name):
            return known
    builds = construction(expression)
    if builds is None:
        return None
    given = {path[0] for path, _ in builds.attributes}
    has_source = bool(given & {"src", "srcs"})
    if "mkDerivation" in name:
        return BindingKind.PACKAGE if has_source else BindingKind.DERIVATION
    if _LANGUAGES.fullmatch(name) or (has_source and given & {"name", "pname"}):
        return BindingKind.PACKAGE
    return None
