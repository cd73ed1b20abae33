"""The packages that the lets of a file define, their kinds, and how far an override reaches each.

The syntax decides: an attribute may show a binding; the binding's uses show whether an
override of that attribute reaches them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

from msgspec import Struct

from toolkit.lift.shape import Shape, branches, callee, construction, result, selection
from toolkit.nix.attributes import (
    call,
    inherited,
    inherited_from,
    inside,
    operator,
    value,
)
from toolkit.nix.scope import Reference
from toolkit.nix.tree import Node


class Binding(Struct, frozen=True, kw_only=True):
    """A package defined in a let of a file.

    `builder` is the builder's name as written; `shares` lists what it takes from the
    same place as the file's package, as in `shared`. `liftable`: the builder of the
    file's package may accept final attributes.
    """

    name: str
    builder: str
    kind: BindingKind
    line: int
    state: Reachability
    shares: tuple[str, ...]
    liftable: bool

    @property
    def reason(self) -> str | None:
        """The reason why upstream would want a lift, in words.

        None for a private part with its own source.
        """
        return reason(self.state, self.shares)


def find(shape: Shape) -> tuple[Binding, ...]:
    """Return the packages below the file's functions that its lets define and its package uses, in the file's order.

    Return nothing for a file that ends in a set of packages, a list or a name.
    """
    if not shape.lets or not shape.functions or not makes_one(shape.body):
        return ()
    liftable = (
        shape.construction is not None
        and without_final(shape.construction.name) is None
    )
    found = [
        Binding(
            name=name,
            kind=known[0],
            builder=known[1],
            line=node.line,
            state=state(shape, name),
            shares=shared(shape, name),
            liftable=liftable,
        )
        for name, node in shape.bindings.items()
        if (known := kind(node)) is not None
        and name in shape.reached
        and not value(node).contains(shape.body)
    ]
    return tuple(sorted(found, key=lambda binding: binding.line))


def makes_one(expression: Node) -> bool:
    """Return whether an expression is one package: a call, an `if` between packages, or a package extended by `//`."""
    expression = result(expression)
    if expression.kind == "if_expression":
        return any(makes_one(branch) for branch in branches(expression))
    if operator(expression) == "//":
        return makes_one(expression.children[0])
    return expression.kind == "apply_expression"


class BindingKind(StrEnum):
    """The kinds of bindings, the most often overridden ones first."""

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
    r"(replace|substitute)(Vars|All)\w*|srcOnly|extract\w*|wrap[A-Z]\w*|concatTextFile"
)
_LANGUAGES = re.compile(
    r"build[A-Z]\w*'?|mk[A-Z]\w*(Package|Plugin|Application|Module)'?|mixRelease|melpaBuild|trivialBuild"
)
_SOURCES = re.compile(
    r"fetch\w*|clean\w*|import\w*|unpack\w*|filter\w*|gitignore\w*|lib\..*|builtins\..*"
)
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
    """Name the product of a builder that takes no function of final attributes.

    None for other builders.
    """
    name = builder.rpartition(".")[2]
    return next(
        (what for what, pattern in _WITHOUT_FINAL.items() if pattern.fullmatch(name)),
        None,
    )


def kind(binding: Node) -> tuple[BindingKind, str] | None:
    """Return the kind of a let's binding and the builder as written.

    None if the binding is not a package.
    """
    if binding.kind != "binding" or len(binding.children[0].children) != 1:
        return None
    expression = _made(value(binding))
    if expression.kind != "apply_expression":
        return None
    function, *arguments = call(expression)
    path = callee(function) if inside(function).kind == "select_expression" else ()
    if (
        path
        and path[-1] in _CHANGES
        and len(arguments) <= (path[-1] == "overrideCabal") + 1
    ):
        base = inside(function.children[0])
        if construction(base) is None:
            is_builder = any(
                re.fullmatch(r"(build|mk|fetch)[A-Z]\w*", name)
                for name in callee(base)[-1:]
            )
            return None if is_builder else (BindingKind.OVERRIDE, ".".join(path))
        expression = base
    builder = callee(expression)
    if (
        not builder
        or _SOURCES.fullmatch(builder[-1])
        or _SOURCES.fullmatch(".".join(builder))
    ):
        return None
    found = _kind(builder[-1], expression)
    return (found, ".".join(builder)) if found is not None else None


def is_derivation(shape: Shape, name: str) -> bool:
    """Return whether a let's binding is a derivation: a package, a script, a download."""
    node = shape.bindings[name]
    function = callee(result(value(node))) if node.kind == "binding" else ()
    return kind(node) is not None or any(
        re.match(r"fetch\w+", each) for each in function[-1:]
    )


def _made(node: Node) -> Node:
    """Return the expression that a binding comes to; of an `if` with null, the other branch."""
    expression = result(node)
    if expression.kind != "if_expression":
        return expression
    others = [
        branch for branch in map(result, branches(expression)) if branch.text != "null"
    ]
    return others[0] if len(others) == 1 else expression


def _kind(name: str, expression: Node) -> BindingKind | None:
    plain = {
        _CALLS: BindingKind.CALL,
        _ENVIRONMENTS: BindingKind.ENVIRONMENT,
        _HELPERS: BindingKind.HELPER,
    }
    found = next(
        (kind for pattern, kind in plain.items() if pattern.fullmatch(name)), None
    )
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


PASSTHRU = "passthru"


class Reachability(StrEnum):
    """How far an override reaches a let's binding, by syntax."""

    HIDDEN = "hidden"
    SHOWN = "shown without effect"
    PARTIAL = "reached in part"
    ROUTED = "routed"


class ShownAttribute(Struct, frozen=True, kw_only=True):
    """An attribute of a package that exposes a let's binding.

    `path` is the attribute's path in the package, `node` its binding or inherit, `use`
    the let's name in it.
    """

    path: tuple[str, ...]
    node: Node
    use: Node


def shown_attributes(shape: Shape, name: str) -> tuple[ShownAttribute, ...]:
    """Return the attributes that expose the binding `name`, in the order of the text."""
    if shape.construction is None:
        return ()
    uses = {use.node.index: use.node for use in shape.uses if use.name == name}
    return tuple(
        ShownAttribute(path=path, node=node, use=use)
        for path, node in shape.construction.attributes
        if _is_shown(path)
        and node.kind != "inherit_from"
        and (use := uses.get(_source(path, node).index)) is not None
    )


def _is_shown(path: tuple[str, ...]) -> bool:
    """Return whether a path is that of an attribute, of one of passthru, or of a set of parts in that."""
    return (
        len(path) == 1
        if path[0] != PASSTHRU
        else len(path) == 2 or (len(path) == 3 and path[1] != "tests")  # noqa: PLR2004
    )


def direct_uses(shape: Shape, name: str) -> list[Reference]:
    """Return the uses of a binding that an override does not change and that the package reaches.

    A use of the attribute by its name, within the `rec` set that defines it, is one of
    them.
    """
    shown = shown_attributes(shape, name)
    passed = {each.use.index for each in shown}
    direct = [
        use
        for use in shape.uses
        if use.name == name
        and use.node.index not in passed
        and _is_reached(shape, use.node)
    ]
    return direct + [use for each in shown for use in uses_by_rec(shape, each)]


_NAMES = frozenset(["name", "pname", "version", "meta"])
"""The attributes with a part's name."""


def only_names(use: Node) -> bool:
    """Return whether a use takes only the part's name, and nothing that is built."""
    return bool(selection(use)) and _NAMES.issuperset(selection(use))


def own_attribute(shape: Shape, use: Node) -> str | None:
    """Return the attribute of the package whose override replaces a use.

    It is a list with the use as an element, perhaps joined to others by `++`, or an
    environment variable.
    """
    if shape.construction is None or (around := use.parent) is None:
        return None
    attributes = {
        node.index: path
        for path, node in shape.construction.attributes
        if node.kind == "binding"
    }
    bound = (".".join(attributes.get(node.index, ())) for node in use.ancestors())
    if variable := next(
        (path for path in bound if path.isupper() or re.fullmatch(r"env\.[^.]+", path)),
        None,
    ):
        return variable
    if around.kind != "list_expression":
        return None
    joined = (
        node
        for node in around.ancestors()
        if operator(node) != "++" and node.kind != "parenthesized_expression"
    )
    path = attributes.get(next(joined).index, ())
    return path[0] if len(path) == 1 else None


def _is_reached(shape: Shape, node: Node) -> bool:
    owner = shape.owner(node)
    return owner in shape.reached if owner is not None else shape.body.contains(node)


def uses_by_rec(shape: Shape, shown: ShownAttribute) -> Iterator[Reference]:
    """Yield the uses of an attribute by its name within the `rec` set that defines it."""
    owner = shown.node.enclosing("rec_attrset_expression", "attrset_expression")
    for use in shape.references:
        if (
            use.scope is not None
            and use.scope.node is owner
            and use.name == shown.path[-1]
        ):
            yield use


def reason(state: Reachability, shares: Sequence[str]) -> str | None:
    """Return `Binding.reason` of a binding in a state that shares some attributes."""
    if shares:
        return f"shares {', '.join(shares)}"
    return state.value if state in {Reachability.SHOWN, Reachability.PARTIAL} else None


def state(shape: Shape, name: str) -> Reachability:
    """Return how far an override reaches a binding, by syntax."""
    shown = shown_attributes(shape, name)
    if not shown:
        return Reachability.HIDDEN
    if not direct_uses(shape, name):
        return Reachability.ROUTED
    # An attribute of the derivation is itself part of what is built.
    return (
        Reachability.SHOWN
        if all(each.path[0] == PASSTHRU for each in shown)
        else Reachability.PARTIAL
    )


def source_argument(shape: Shape, name: str) -> str | None:
    """Return the argument of the file's function that contains the part's source, or None."""
    found = construction(result(value(shape.bindings[name])))
    sources = [
        _source(path, node)
        for path, node in (found.attributes if found is not None else ())
        if path == ("src",)
    ]
    uses = [_taken(shape, source) for source in sources]
    is_argument = (
        use.scope is not None and use.scope.node in shape.functions
        for use in uses
        if use
    )
    return uses[0].name if uses and uses[0] is not None and all(is_argument) else None


_NAME = re.compile(r"[A-Za-z_][\w-]*")


def own_names(shape: Shape, name: str) -> tuple[str, ...]:
    """Return the names of a binding's package, first without the name of the file's package as prefix.

    Return nothing if the name is computed, except from names and versions of other
    packages.
    """
    found = construction(result(value(shape.bindings[name])))
    if found is None or shape.construction is None:
        return ()
    names = (
        _written(node)
        for path, node in found.attributes
        if path in {("pname",), ("name",)}
    )
    own = [
        _written(node)
        for path, node in shape.construction.attributes
        if path == ("pname",)
    ]
    (written, *_) = [*names, ""]
    bare = written.removeprefix(f"{own[0]}-") if own and own[0] else written
    return tuple(
        each
        for each in dict.fromkeys([bare, written])
        if _NAME.fullmatch(each) and each not in own
    )


def _written(statement: Node) -> str:
    """Return what is written out in a string that a binding has, without `${ … }` at its ends; else nothing."""
    literal = value(statement)
    if literal.kind != "string_expression":
        return ""
    parts = [
        child.text if child.kind == "string_fragment" else "\0"
        for child in literal.children[1:-1]
    ]
    return "".join(parts).strip("\0-")


Origin = tuple[int, str, str]
"""Where a value is taken from: the index of the scope that binds a name, the name, the attribute that is selected."""


SHARED = ("src", "version")
"""The attributes that a part may share with its package."""

WITH_SOURCE = ("patches", "vendorHash")
"""The attributes that belong to one source, and are shared with it or not at all."""


def shared(shape: Shape, name: str) -> tuple[str, ...]:
    """Return which of SHARED (and, with `src`, of WITH_SOURCE) a binding takes from the package's own place."""
    binding = shape.bindings[name]
    taken = {
        (use.scope.node.index, use.name, part)
        for use in shape.references
        if use.scope is not None and binding.contains(use.node)
        for part in ("", *selection(use.node))
    }
    found = [
        attribute
        for attribute in (*SHARED, *WITH_SOURCE)
        if origin(shape, attribute) in taken
    ]
    return tuple(
        attribute for attribute in found if attribute in SHARED or "src" in found
    )


def origin(shape: Shape, attribute: str) -> Origin | None:
    """Return the origin of one of the package's attributes.

    None if it is not a name, or bound more than once.
    """
    attributes = shape.construction.attributes if shape.construction is not None else ()
    found = [node for path, node in attributes if path == (attribute,)]
    if len(found) != 1:
        return None
    source = _source((attribute,), found[0])
    use = _taken(shape, source)
    if use is None or use.scope is None:
        return None
    path = source.child("attrpath")
    inherits = found[0].kind == "inherit_from"
    if path is not None and (inherits or len(path.children) != 1):
        return None
    part = attribute if inherits else next(iter(selection(use.node)), "")
    return use.scope.node.index, use.name, part


def _taken(shape: Shape, source: Node) -> Reference | None:
    """Return the name that a source is, or is selected from."""
    variable = source.children[0] if source.kind == "select_expression" else source
    return next((use for use in shape.references if use.node is variable), None)


def _source(path: tuple[str, ...], node: Node) -> Node:
    """Return the expression that an attribute is bound to; of an inherit the name, or what is inherited from."""
    if node.kind == "binding":
        return inside(value(node))
    if node.kind == "inherit_from":
        return inherited_from(node)
    return next(
        (child for child in inherited(node) if child.text.strip('"') == path[-1]), node
    )
