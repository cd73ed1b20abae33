"""Find out what each name in a Nix expression refers to.

The rules are those of the Nix manual, "Constructs": lambdas, let and rec bind
statically and win over every `with`; default values see all parameters; plain `inherit
a` takes `a` from outside of its let or rec, while the `e` of `inherit (e) a` sees the
inside; `${"a"}` and `"a"` are static attribute names.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from toolkit.nix.attributes import inherited, statements
from toolkit.nix.tree import Node

GLOBALS = frozenset(
    [
        "true",
        "false",
        "null",
        "builtins",
        "derivation",
        "derivationStrict",
        "import",
        "scopedImport",
        "abort",
        "throw",
        "toString",
        "map",
        "removeAttrs",
        "baseNameOf",
        "dirOf",
        "isNull",
        "placeholder",
        "break",
        "fromTOML",
        "fetchTarball",
        "fetchGit",
        "fetchMercurial",
        "fetchTree",
    ]
)
"""The names that Nix binds outside of every file; they win over `with`.

See the Nix manual, "Built-in Functions".
"""


class Scope(Struct, frozen=True):
    """Something that binds names: `node` is the lambda, let, rec or with.

    `names` maps each name to the node that binds it.
    """

    node: Node
    names: dict[str, Node]
    is_with: bool = False


class Reference(Struct, frozen=True):
    """A use of `name` at `node`. `scope` binds it statically, or is None.

    `withs` are the `with` scopes, innermost first, that may provide an unbound name.
    """

    name: str
    node: Node
    scope: Scope | None
    withs: tuple[Scope, ...]

    @property
    def binder(self) -> Node | None:
        """The lambda, let or rec that binds the name statically."""
        return self.scope.node if self.scope is not None else None

    @property
    def binding(self) -> Node | None:
        """The node that defines the name there."""
        return self.scope.names[self.name] if self.scope is not None else None

    def means(self, other: Reference) -> bool:
        """Return whether another use of the same name has the same binding's value."""
        if self.binder is not None or other.binder is not None:
            return self.binder is other.binder
        return [scope.node for scope in self.withs] == [
            scope.node for scope in other.withs
        ]


def references(root: Node) -> list[Reference]:
    """Resolve every name in `root`, in the order of the text."""
    return list(_resolve(root, ()))


def look_up(name: str, node: Node) -> Reference:
    """Resolve a name as if it stood at the expression `node`."""
    scopes: list[Scope] = []
    for owner in node.ancestors():
        if owner.kind == "function_expression":
            scopes.append(Scope(owner, formals(owner)))
        elif owner.kind in _RECURSIVE:
            scopes.append(Scope(owner, bound_names(owner)))
        elif owner.kind == "with_expression" and owner.children[-1].contains(node):
            scopes.append(Scope(owner, {}, is_with=True))
    return _look_up(name, node, tuple(scopes))


def bound_names(owner: Node) -> dict[str, Node]:
    """Return the static names in a let or a set, each with the first node for it."""
    names: dict[str, Node] = {}
    for binding in statements(owner):
        for name in binding_names(binding):
            names.setdefault(name, binding)
    return names


def binding_names(binding: Node) -> tuple[str, ...]:
    """Return the names that one binding or inherit defines in its set."""
    if binding.kind == "binding":
        path = binding.child("attrpath")
        first = static_name(path.children[0]) if path is not None else None
        return (first,) if first is not None else ()
    if binding.kind in {"inherit", "inherit_from"}:
        return tuple(
            name
            for child in inherited(binding)
            if (name := static_name(child)) is not None
        )
    return ()


def static_name(attribute: Node) -> str | None:
    """Return the static name of an attribute: `a`, `"a"` or `${"a"}`; or None."""
    if attribute.kind == "identifier":
        return attribute.text
    if attribute.kind == "string_expression" and all(
        child.kind in {'"', "string_fragment"} for child in attribute.children
    ):
        return attribute.text[1:-1]
    if attribute.kind == "interpolation":
        inner = [
            child
            for child in attribute.children
            if child.kind not in {"${", "}", "comment"}
        ]
        if len(inner) == 1 and inner[0].kind == "string_expression":
            return static_name(inner[0])
    return None


def formals(function: Node) -> dict[str, Node]:
    """Return the parameters of a lambda: `x:`, `{ a, b ? 1 }:`, `args@{ … }`."""
    names: dict[str, Node] = {}
    for child in function.children:
        if child.kind == ":":
            break
        if child.kind == "identifier":
            names[child.text] = child
        elif child.kind == "formals":
            for formal in child.children:
                if formal.kind == "formal":
                    names[formal.children[0].text] = formal
    return names


Scopes = tuple[Scope, ...]

_RECURSIVE = ("let_expression", "rec_attrset_expression", "let_attrset_expression")


def _resolve(node: Node, scopes: Scopes) -> Iterator[Reference]:
    """Yield the references below `node`.

    `scopes` are the enclosing ones, innermost first.
    """
    inner, children = scopes, node.children
    match node.kind:
        case "variable_expression":
            yield _look_up(node.text, node, scopes)
        case "inherit":
            named = ((static_name(child), child) for child in inherited(node))
            yield from (
                _look_up(name, child, scopes)
                for name, child in named
                if name is not None
            )
            return
        case "inherited_attrs":
            return
        case "formal":
            children = children[1:]
        case "function_expression":
            inner = (Scope(node, formals(node)), *scopes)
            children = [child for child in children if child.kind != "identifier"]
        case "with_expression":
            source, *children = (
                child
                for child in children
                if child.kind not in {"with", ";", "comment"}
            )
            yield from _resolve(source, scopes)
            inner = (Scope(node, {}, is_with=True), *scopes)
        case kind if kind in _RECURSIVE:
            inner = (Scope(node, bound_names(node)), *scopes)
            parts = (
                child.children if child.kind == "binding_set" else [child]
                for child in children
            )
            children = [part for each in parts for part in each]
        case _:
            pass
    for child in children:
        yield from _resolve(child, scopes if child.kind == "inherit" else inner)


def _look_up(name: str, node: Node, scopes: tuple[Scope, ...]) -> Reference:
    binder = next((scope for scope in scopes if name in scope.names), None)
    return Reference(
        name, node, binder, tuple(scope for scope in scopes if scope.is_with)
    )
