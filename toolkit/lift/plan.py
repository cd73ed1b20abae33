"""The plan of a lift: the definitions that leave their let, and the attribute for each use."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property

from msgspec import Struct

from toolkit.lift.bindings import (
    PASSTHRU,
    SHARED,
    WITH_SOURCE,
    Origin,
    ShownAttribute,
    origin,
    uses_by_rec,
)
from toolkit.lift.shape import (
    BuilderCall,
    Shape,
    bound,
    construction,
    result,
    selection,
)
from toolkit.nix.attributes import value
from toolkit.nix.scope import static_name
from toolkit.nix.tree import Node

PARAMETER = "finalAttrs"
FOLLOWED = (*SHARED, *WITH_SOURCE)
_NAMES = ("meta", "pname", "version")
OWN = ("pname", "version", "src", *WITH_SOURCE)
"""Names that a package's file may bind in a let so that its parts share them."""


class Design(StrEnum):
    """The place of a lifted definition: its let, an attribute of the package, or a let that sees the final attributes.

    An inner definition follows the package, and passthru shows it; replacing it there
    has no effect. The other designs serve builders that take no function of the final
    attributes, or do not see overrides of them. In a layer, an `overrideAttrs` around
    the builder's call sets the attributes that use the definition. A hidden definition
    is the default of a parameter that callPackage does not see, in a file that calls
    its function itself.
    """

    STAY = "stay"
    MOVE = "move"
    INNER = "inner"
    LAYER = "layer"
    HIDDEN = "hidden"


ASKED = (Design.STAY, Design.MOVE, Design.INNER)
"""The designs that a user can request; a layer is made for an overlay alone, if nothing else can be right."""


class LiftWay(Struct, frozen=True, kw_only=True):
    """A design, and what it is used on.

    `bindings` are those to lift, by default all packages that no override reaches.
    Moved definitions take the attributes `follow` from the package's final ones; if
    `whole`, what these are bound to moves into the package too. `called` maps bindings
    to new attributes' names.
    """

    design: Design = Design.STAY
    bindings: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()
    called: Mapping[str, str] = {}
    whole: bool = False


class AttributeRoute(Struct, frozen=True, kw_only=True):
    """The attribute that replaces the uses of a binding: its path, and the attribute itself if it already exists."""

    path: tuple[str, ...]
    shown: ShownAttribute | None = None


class LiftPlan(Struct, frozen=True, kw_only=True, dict=True):
    """A lift of the bindings `names` of a shape's lets.

    `routes` has the attribute of each binding that is lifted or that leaves its let;
    `moved` names those that leave it, in the order of the file. `taken` are bindings
    that take an attribute out of one of these, as `inherit (it.a) name` does: by their
    name that of the other and the attributes between. `follows` are the attributes of
    the package that what has moved takes over, with where the package takes them from.
    `own` are bindings that are the package's own attributes, and leave the let with the
    others.
    """

    shape: Shape
    construction: BuilderCall
    design: Design = Design.STAY
    names: tuple[str, ...] = ()
    routes: Mapping[str, AttributeRoute] = {}
    moved: tuple[str, ...] = ()
    taken: Mapping[str, tuple[str, ...]] = {}
    follows: Mapping[str, Origin] = {}
    own: tuple[str, ...] = ()

    def path(self, name: str) -> tuple[str, ...]:
        """Return the path among the final attributes of a lifted, moved or taken binding."""
        if name in self.taken:
            source, *between = self.taken[name]
            return (*self.path(source), *between, name)
        return self.routes[name].path

    @property
    def attributes(self) -> tuple[str, ...]:
        """The moved definitions that are attributes of the package: all, unless the let itself moves."""
        return self.own if self.design is Design.INNER else self.moved

    @property
    def leaving(self) -> tuple[str, ...]:
        """The moved definitions, except those that an inner let had before."""
        return tuple(
            name
            for name in self.moved
            if name in self.attributes or name not in self.shape.inner
        )

    @cached_property
    def rerouted(self) -> Mapping[int, tuple[str, ...]]:
        """The uses that a final attribute replaces: the attribute's path by the node's index."""
        kept = {
            route.shown.use.index
            for route in self.routes.values()
            if route.shown is not None
        }
        # What passthru itself is made of cannot come out of passthru.
        attributes = list(self.construction.attributes)
        shown = [
            node for path, node in attributes if path[0] == PASSTHRU and len(path) > 1
        ]
        kept |= {
            child.index
            for path, around in attributes
            if path == (PASSTHRU,)
            for child in around.walk()
            if not any(node.contains(child) for node in shown)
        }
        found: dict[int, tuple[str, ...]] = {}
        inner = self.design is Design.INNER
        routes = (
            {name: self.routes[name] for name in self.own} if inner else self.routes
        )
        for use in self.shape.uses:
            if use.name not in routes and use.name not in self.taken:
                continue
            owner = self.shape.owner(use.node)
            sees = owner in {*self.moved, *self.shape.inner}
            within = sees if owner is not None else self.shape.body.contains(use.node)
            # A source that somebody overrides need have no more than any.
            named = self.path(use.name) == ("src",) and bool(
                {*_NAMES} & {*selection(use.node)[:1]}
            )
            if within and use.node.index not in kept and not named:
                found[use.node.index] = self.path(use.name)
        for name, route in routes.items():
            for use in (
                uses_by_rec(self.shape, route.shown) if route.shown is not None else ()
            ):
                found[use.node.index] = self.path(name)
        return found

    @cached_property
    def followed(self) -> Mapping[int, tuple[str, ...]]:
        """The names in moved definitions that become attributes of the package: the attribute by the node's index.

        A name that passthru inherits becomes one too; otherwise it would hide an
        override's value. So does the version of a part that follows src, if it is
        written out as the package's own.
        """
        attributes = {where: name for name, where in self.follows.items()}
        hiding = {
            path[1]: node
            for path, node in self.construction.attributes
            if node.kind == "inherit"
            and path in {(PASSTHRU, name) for name in self.follows}
        }
        found: dict[int, tuple[str, ...]] = {}
        for use in self.shape.references:
            hides = use.name in hiding and hiding[use.name].contains(use.node)
            if use.scope is not None and (
                hides or self.shape.owner(use.node) in self.moved
            ):
                parts = (
                    (use.scope.node.index, use.name, part)
                    for part in ("", *selection(use.node))
                )
                if names := tuple(
                    attributes[part] for part in parts if part in attributes
                ):
                    found[use.node.index] = names
        sourced = {
            self.shape.owner(self.shape.tree.nodes[index])
            for index, names in found.items()
            if "src" in names
        }
        for name in self.moved:
            version = (
                _version(construction(result(value(self.shape.bindings[name]))))
                if name in sourced
                else None
            )
            if version is not None and version.text == self._own_version:
                found[version.index] = ("version",)
        return found

    @property
    def _own_version(self) -> str | None:
        """The package's version, if that is written out: in the package, or in the let that the package has it from."""
        literal = _version(self.construction)
        _, name, part = origin(self.shape, "version") or (0, "", "")
        if (
            literal is None
            and not part
            and (node := self.shape.bindings.get(name)) is not None
        ):
            literal = value(node)
        return (
            literal.text
            if literal is not None and static_name(literal) is not None
            else None
        )


def _version(call: BuilderCall | None) -> Node | None:
    """Return the string without anything computed in it that a builder's call binds `version` to."""
    attributes = (
        each
        for literal in (call.plain if call is not None else ())
        for each in bound(literal)
    )
    strings = (
        value(node)
        for path, node in attributes
        if path == ("version",) and node.kind == "binding"
    )
    return next(
        (
            each
            for each in strings
            if each.kind == "string_expression" and static_name(each) is not None
        ),
        None,
    )
