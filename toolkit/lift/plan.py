"""The plan of a lift: which definitions leave their let, and what replaces each use."""

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
    origins,
    uses_by_rec,
)
from toolkit.lift.shape import (
    BuilderCall,
    Shape,
    bound,
    selection,
)
from toolkit.nix.attributes import value
from toolkit.nix.scope import Reference, static_name
from toolkit.nix.tree import Node

PARAMETER = "finalAttrs"
FOLLOWED = (*SHARED, *WITH_SOURCE)
_NAMES = frozenset(["meta", "pname", "version"])
OWN = ("pname", "version", "src", *WITH_SOURCE)
"""Names that a package's file may define in a let so that its parts share them."""


class Design(StrEnum):
    """The place of a lifted definition.

    That is its let, an attribute of the package, or a let that sees the final
    attributes.

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
"""The designs that a user can request; a layer is only for an overlay."""


class LiftWay(Struct, frozen=True, kw_only=True):
    """A design, and what it is used on.

    `bindings` are the ones to lift, by default all packages that no override reaches.
    Moved definitions take the attributes `follow` from the package's final attributes;
    with `whole`, the values of these move into the package, too. `called` maps bindings
    to new attributes' names.
    """

    design: Design = Design.STAY
    bindings: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()
    called: Mapping[str, str] = {}
    whole: bool = False


class AttributeRoute(Struct, frozen=True, kw_only=True):
    """The attribute that replaces the uses of a binding.

    `shown` is the attribute itself if it already exists.
    """

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
        """Return the final attributes' path of a lifted, moved or taken binding."""
        if name in self.taken:
            source, *between = self.taken[name]
            return (*self.path(source), *between, name)
        return self.routes[name].path

    @property
    def attributes(self) -> tuple[str, ...]:
        """The moved definitions that are attributes of the package."""
        return self.own if self.design is Design.INNER else self.moved

    @property
    def leaving(self) -> tuple[str, ...]:
        """The moved definitions, except those that were in an inner let before."""
        return tuple(
            name
            for name in self.moved
            if name in self.attributes or name not in self.shape.inner
        )

    @cached_property
    def rerouted(self) -> Mapping[int, tuple[str, ...]]:
        """The final attribute's path that replaces a use, by the node's index."""
        if self.design is Design.INNER:
            routes = {name: self.routes[name] for name in self.own}
        else:
            routes = dict(self.routes)
        paths = {
            use.node.index: self.path(use.name)
            for use in self.shape.uses
            if (use.name in routes or use.name in self.taken) and self._leaves(use)
        }
        for name, route in routes.items():
            if route.shown is not None:
                uses = uses_by_rec(self.shape, route.shown)
                paths |= {use.node.index: self.path(name) for use in uses}
        return paths

    def _leaves(self, use: Reference) -> bool:
        """Return whether a use must go through the final attributes."""
        owner = self.shape.owner(use.node)
        if owner is None:
            is_within = self.shape.body.contains(use.node)
        else:
            is_within = owner in self.moved or owner in self.shape.inner
        if not is_within or use.node.index in self._kept:
            return False
        # A source that somebody overrides need have no more than any.
        is_source = self.path(use.name) == ("src",)
        return not (is_source and _NAMES.intersection(selection(use.node)[:1]))

    @cached_property
    def _kept(self) -> frozenset[int]:
        """The uses that show bindings, and those that define passthru itself."""
        routes = self.routes.values()
        kept = {route.shown.use.index for route in routes if route.shown is not None}
        attributes = list(self.construction.attributes)
        parts = [
            node for path, node in attributes if path[0] == PASSTHRU and len(path) > 1
        ]
        for path, around in attributes:
            if path == (PASSTHRU,):
                kept |= {
                    child.index
                    for child in around.walk()
                    if not any(part.contains(child) for part in parts)
                }
        return frozenset(kept)

    @cached_property
    def followed(self) -> Mapping[int, tuple[str, ...]]:
        """The package's attributes that replace names that move, by the node's index.

        A name that passthru inherits becomes one too; otherwise it would hide an
        override's value. So does the version of a part that follows src, if it is
        written out as the package's own.
        """
        attributes = {origin: name for name, origin in self.follows.items()}
        hiding = {
            path[1]: node
            for path, node in self.construction.attributes
            if node.kind == "inherit" and path[1:] and path[:-1] == (PASSTHRU,)
        }
        followed: dict[int, tuple[str, ...]] = {}
        for use in self.shape.references:
            is_hiding = use.name in self.follows and use.name in hiding
            if (is_hiding and hiding[use.name].contains(use.node)) or (
                use.binder is not None and self.shape.owner(use.node) in self.moved
            ):
                taken = filter(attributes.__contains__, origins(use))
                if names := tuple(attributes[origin] for origin in taken):
                    followed[use.node.index] = names
        sourced = {
            self.shape.owner(self.shape.tree.nodes[index])
            for index, names in followed.items()
            if "src" in names
        }
        for name in self.moved:
            version = _version(self.shape.part(name)) if name in sourced else None
            if version is not None and version.text == self._own_version:
                followed[version.index] = ("version",)
        return followed

    @property
    def _own_version(self) -> str | None:
        """The package's version, if the package or its let writes it out."""
        literal = _version(self.construction)
        _, name, part = origin(self.shape, "version") or (0, "", "")
        if literal is None and not part and name in self.shape.bindings:
            literal = value(self.shape.bindings[name])
        if literal is None or static_name(literal) is None:
            return None
        return literal.text


def _version(call: BuilderCall | None) -> Node | None:
    """Return the plain string that a builder's call gives `version`."""
    for literal in call.plain if call is not None else ():
        for path, node in bound(literal):
            if path == ("version",) and node.kind == "binding":
                written = value(node)
                is_string = written.kind == "string_expression"
                if is_string and static_name(written) is not None:
                    return written
    return None
