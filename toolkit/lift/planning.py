"""Plan a lift: choose the definitions that leave their let, and the attribute for each use.

A plan that cannot be right is refused, with its place in the file.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from shlex import quote

from toolkit.errors import LayoutError, RefusalError
from toolkit.lift.bindings import (
    PASSTHRU,
    SHARED,
    Origin,
    is_derivation,
    origin,
    own_names,
    shared,
    shown_attributes,
)
from toolkit.lift.plan import OWN, AttributeRoute, Design, LiftPlan, LiftWay
from toolkit.lift.shape import BuilderCall, Shape, callee, path_of, result, selection
from toolkit.lift.shape import construction as builder_call
from toolkit.lift.wanted import construction, wanted
from toolkit.nix.attributes import inherited_from, inside, value
from toolkit.nix.conditions import climb, guards
from toolkit.nix.tree import Node

_TAKEN = frozenset(
    [
        *(
            "all",
            "args",
            "builder",
            "drvAttrs",
            "drvPath",
            "meta",
            "name",
            "out",
            "outPath",
            "outputName",
            "outputs",
        ),
        *(
            "override",
            "overrideAttrs",
            "overrideDerivation",
            "overridePythonAttrs",
            "passthru",
            "pname",
            "src",
        ),
        *(
            "bin",
            "debug",
            "dev",
            "devdoc",
            "doc",
            "env",
            "info",
            "lib",
            "man",
            "patches",
            "static",
        ),
        *("stdenv", "system", "tests", "type", "updateScript", "userHook", "version"),
    ]
)
"""Names that `package.NAME` has for any package, whatever its file contains."""

_OF_SOURCES = frozenset(["meta", "name", "outPath", "pname", "rev", "version"])
"""Attributes that sources share if they are fetched: a `tag` only if the tag is fetched."""

_ANONYMOUS = frozenset(
    [
        *(
            "base",
            "deps",
            "derivation",
            "drv",
            "package",
            "packageBuild",
            "pkg",
            "self",
            "src'",
            "this",
        ),
        *("thisPackage", "thisPkg"),
    ]
)
"""Names that mean something within a file alone."""


def plan(shape: Shape, way: LiftWay) -> LiftPlan:
    """Plan a lift.

    Raise LayoutError for a file of a different shape, RefusalError for one that cannot
    be right.
    """
    design, follow = way.design, way.follow
    lifted = wanted(shape, way.bindings)
    follows = {
        name: where for name in follow if (where := origin(shape, name)) is not None
    }
    is_inner = design is Design.INNER
    moves = is_inner or design is Design.MOVE
    moving = frozenset(
        name
        for name in lifted
        if moves and (not follow or can_follow(shape, name, follow))
    )
    if is_inner:
        lifted = tuple(name for name in lifted if name in moving and follow)
    leaving = _leaving(shape, lifted, moving, follows)
    if design is Design.STAY and leaving & {*lifted}:
        leaving = _leaving(shape, lifted, frozenset(lifted) - shape.inner, follows)
    own: frozenset[str] = _own(shape, leaving, follows) if way.whole else frozenset()
    leaving |= own
    taken = {
        name: source
        for name in leaving
        if not is_inner and (source := _source(shape, name))
    }
    moved = tuple(
        name for name in shape.bindings if name in leaving and name not in taken
    )
    for name in moved:
        require_plain(shape, name)
        if (
            not is_inner
            and name not in lifted
            and inside(value(shape.bindings[name])).kind == "function_expression"
        ):
            fact = (
                f"'{name}' has to move, and is a function, which is no attribute "
                "of a package"
            )
            raise RefusalError(f"{shape.bindings[name].location}: {fact}")
    planned = LiftPlan(
        shape=shape,
        construction=construction(shape),
        design=design,
        names=tuple(name for name in shape.bindings if name in lifted),
        routes={
            name: _route(
                shape, name, way.called, fresh=design is Design.LAYER and name in moved
            )
            for name in shape.bindings
            if (name in moved and not is_inner) or name in own or name in lifted
        },
        moved=moved,
        taken=taken,
        follows=follows,
        own=tuple(name for name in moved if name in own),
    )
    _require_distinct(planned)
    _require_all_within(planned)
    _require_all_there(planned)
    _require_all_followed(planned)
    _require_whole(planned)
    if design is not Design.LAYER:
        _require_one(planned)
    if (follow or is_inner) and not {
        shape.owner(shape.tree.nodes[index]) for index in planned.followed
    } & {*lifted}:
        what = " or ".join(follow or SHARED)
        _require_no_source_of_their_own(shape, lifted, follow)
        raise LayoutError(
            f"{shape.body.location}: nothing that moves takes {what} from where the "
            "package takes it"
        )
    return planned


def _leaving(
    shape: Shape,
    wanted: Sequence[str],
    moving: frozenset[str],
    follows: Mapping[str, Origin],
) -> frozenset[str]:
    """Return the bindings that must stand where the final attributes are known: what is made with a lifted one.

    So must a derivation that a moving one is made with, if it takes from the let what
    is to follow.
    """
    leaving, taken = set(moving), _taken(shape)
    grown = True
    while grown:
        grown = False
        along = {
            each
            for name in leaving
            for each in between(shape, name, follows)
            if each not in taken and is_derivation(shape, each)
        }
        for name, node in shape.bindings.items():
            if name in leaving or name in shape.inner or node.contains(shape.body):
                continue
            used = {use.name for use in shape.uses_in(node)} - {name}
            if (
                name in along
                or used & leaving
                or (name in shape.reached and used & set(wanted))
            ):
                leaving.add(name)
                grown = True
    return frozenset(leaving)


def _own(
    shape: Shape, leaving: frozenset[str], follows: Mapping[str, Origin]
) -> frozenset[str]:
    """Return what a let holds of the package's own attributes, and nothing else needs there.

    Raise RefusalError if something of what is followed has to stay.
    """
    argument, followed = (
        construction(shape).argument,
        {where[1] for where in follows.values()},
    )
    names = {
        **{name: name for name in OWN},
        **{name: each for each, (_, name, part) in follows.items() if not part},
    }
    names = {
        name: attribute for name, attribute in names.items() if name in shape.bindings
    }
    own = {
        name
        for name in names.keys() - {*leaving, *shape.inner}
        if any(shown.path == (names[name],) for shown in shown_attributes(shape, name))
        and (name in followed or is_plain(shape.bindings[name]))
    }
    while stays := {
        use.name
        for use in shape.uses
        if use.name in own
        and shape.owner(use.node) not in {*leaving, *own}
        and (
            not argument.contains(use.node)
            or (names[use.name] == "src" and {*selection(use.node)} - {*_OF_SOURCES})
        )
    }:
        own -= stays
    if not own or not followed & {*shape.bindings} <= own:
        raise RefusalError(
            f"{shape.body.location}: what is followed has to stay in the let"
        )
    for name in own:
        require_plain(shape, name)
    return frozenset(own)


def _source(shape: Shape, name: str) -> tuple[str, ...]:
    """Return the binding that `inherit (it.a) name;` takes a name from, with `a`.

    Nothing for another binding.
    """
    node = shape.bindings[name]
    if node.kind != "inherit_from":
        return ()
    source = inherited_from(node)
    root = (
        source.children[0]
        if source.kind == "select_expression" and source.child("or") is None
        else source
    )
    if not any(use.node is root for use in shape.uses):
        raise RefusalError(
            f"{node.location}: '{name}' is inherited from an expression that uses a lifted "
            "binding"
        )
    return callee(source)


def is_plain(node: Node) -> bool:
    """Return whether a statement binds exactly one name."""
    path = node.child("attrpath")
    return path is not None and len(path.children) == 1


def require_plain(shape: Shape, name: str) -> None:
    """Raise RefusalError for a binding of several names, or of a nested attribute."""
    if not is_plain(node := shape.bindings[name]):
        raise RefusalError(
            f"{node.location}: '{name}' has to move, and is not bound by one plain '{name} "
            "= …;'"
        )


def _route(
    shape: Shape, name: str, called: Mapping[str, str], *, fresh: bool
) -> AttributeRoute:
    """Return the attribute of a binding.

    A `fresh` one stands beside the one that is there, which comes to use it.

    It has the binding's name if that means anything outside of the file, else the name
    of the package behind it.
    """
    there = () if fresh else shown_attributes(shape, name)
    found = sorted(there, key=lambda shown: (shown.path != (name,), len(shown.path)))
    if found:
        return AttributeRoute(path=found[0].path, shown=found[0])
    taken, attributes = _taken(shape), dict(construction(shape).attributes)
    is_clear = name not in {*_ANONYMOUS, *taken} and "'" not in name
    names = (
        each
        for each in ([name] if is_clear else own_names(shape, name))
        if each not in taken
    )
    attribute = called[name] if name in called else next(names, None)
    said = attributes[("outputs",)].walk() if ("outputs",) in attributes else ()
    outputs = {part.text for part in said if part.kind == "string_fragment"}
    if attribute is None or attribute in {*taken, *outputs}:
        fact = (
            f"'{attribute or name}' means nothing as an attribute of the package, "
            "or something different"
        )
        raise RefusalError(
            f"{shape.bindings[name].location}: {fact}",
            hint=f"--as {quote(name)}=NAME gives it another name",
        )
    for path in ((PASSTHRU, attribute), (attribute,)):
        if (other := attributes.get(path)) is not None:
            raise RefusalError(
                f"{other.location}: the attribute '{'.'.join(path)}' differs from the "
                f"let's '{name}'"
            )
    return AttributeRoute(path=(PASSTHRU, attribute))


def _taken(shape: Shape) -> frozenset[str]:
    """Return the names that mean something else as attributes.

    `src` does not if the package has no source.
    """
    has_source = any(
        path[-1] in {"src", "srcs"} for path, _ in construction(shape).attributes
    )
    return _TAKEN if has_source else _TAKEN - {"src"}


def _require_distinct(planned: LiftPlan) -> None:
    """Raise RefusalError for two bindings that would be one attribute."""
    known: dict[tuple[str, ...], str] = {}
    for name, route in planned.routes.items():
        if (other := known.setdefault(route.path, name)) != name:
            fact = (
                f"'{other}' and '{name}' would both be the attribute "
                f"'{'.'.join(route.path)}'"
            )
            hint = f"--as {quote(name)}=NAME gives it another name"
            raise RefusalError(
                f"{planned.shape.bindings[name].location}: {fact}", hint=hint
            )


def _require_all_within(planned: LiftPlan) -> None:
    """Raise RefusalError for a use that the final attributes do not reach: in the builder, or before the package."""
    shape, argument = planned.shape, planned.construction.argument
    for use in shape.uses:
        if shape.owner(use.node) is not None:
            continue
        if use.node.index in planned.rerouted:
            if not argument.contains(use.node):
                raise RefusalError(
                    f"{use.node.location}: the builder's call is itself made with "
                    f"'{use.name}'"
                )
        elif use.name in planned.moved and (
            use.name in planned.attributes or not argument.contains(use.node)
        ):
            route = planned.routes.get(use.name)
            if route is None or route.shown is None or route.shown.use is not use.node:
                fact = (
                    f"'{use.name}' has to move, and is used here, where there are "
                    "no final attributes"
                )
                raise RefusalError(f"{use.node.location}: {fact}")


def _require_all_followed(planned: LiftPlan) -> None:
    """Raise RefusalError for a part that would be made of the package's attributes and of what the let has of them."""
    shape = planned.shape
    _require_no_source_of_their_own(shape, planned.moved, tuple(planned.follows))
    for name in planned.moved if planned.follows else ():
        for other in sorted(between(shape, name, planned.follows) - {*planned.moved}):
            fact = (
                f"'{name}' is made with '{other}', which takes "
                f"{' or '.join(planned.follows)} from the let"
            )
            raise RefusalError(f"{shape.bindings[other].location}: {fact}")
    # With the source goes the version; a version alone would be another one for half of
    # what is made of it.
    for other in (
        sorted(shape.reached - {*planned.moved})
        if {*planned.follows} == {"version"}
        else ()
    ):
        if (
            other not in OWN
            and "version" in shared(shape, other)
            and is_derivation(shape, other)
        ):
            fact = (
                f"an override of version would not reach '{other}', which stays "
                "in the let"
            )
            raise RefusalError(f"{shape.bindings[other].location}: {fact}")


def _require_whole(planned: LiftPlan) -> None:
    """Raise RefusalError for a part that takes by itself what the let makes into something that is followed."""
    shape = planned.shape
    origins = {
        name: attribute
        for attribute, (_, name, part) in planned.follows.items()
        if not part
    }
    followed = {(name, part) for _, name, part in planned.follows.values()}
    sources = {
        (use.name, part): origins[name]
        for name in reversed([*origins])
        if name in shape.bindings
        for use in shape.uses_in(shape.bindings[name])
        if use.name not in {*origins, *planned.moved, *OWN}
        and not _names_platform(shape.bindings[use.name])
        for part in (
            [name]
            if shape.bindings[name].kind == "inherit_from"
            else selection(use.node) or [None]
        )
    }
    whole = {name: attribute for (name, _), attribute in sources.items()}
    for use in shape.uses:
        if use.name not in whole or shape.owner(use.node) not in {*planned.moved} - {
            *planned.own
        }:
            continue
        taken = {(use.name, part) for part in selection(use.node) or [None]} - followed
        if taken & sources.keys() or (use.name, None) in taken | sources.keys():
            fact = (
                f"{whole[use.name]} is made of '{use.name}', which an override of "
                "that does not reach here"
            )
            raise RefusalError(f"{use.node.location}: {fact}")


def _require_one(planned: LiftPlan) -> None:
    """Raise RefusalError for another part of the name in an outer let, and for an `assert` that reads a part."""
    shape = planned.shape
    for use in shape.references:
        other = (
            use.scope.names[use.name]
            if use.scope is not None and use.scope.node in shape.lets
            else None
        )
        if (
            use.name in planned.names
            and other is not None
            and other is not (own := shape.bindings[use.name])
        ):
            fact = (
                f"the file uses this '{use.name}' too, and an override would "
                f"replace the one at {own.place} alone"
            )
            raise RefusalError(
                f"{other.location}: {fact}", hint="give one of them another name"
            )
    asserts = (
        node
        for node in shape.tree.nodes
        if node.kind == "assert_expression" and shape.owner(node) is None
    )
    waiting = [
        use
        for node in asserts
        if not shape.body.contains(node)
        for use in shape.uses_in(node.children[1])
    ]
    known: set[str] = set()
    while waiting:
        use = waiting.pop()
        if use.name in planned.names:
            raise RefusalError(
                f"{use.node.location}: an assert reads '{use.name}' here, which no "
                "override reaches"
            )
        waiting += (
            shape.uses_in(shape.bindings[use.name]) if use.name not in known else ()
        )
        known.add(use.name)


def _names_platform(node: Node) -> bool:
    """Return whether a binding is the name of a platform, which is the same for each version of a source."""
    strings = (each.text for each in node.walk() if each.kind == "string_fragment")
    by_platform = any(
        each.text == "hostPlatform" for each in node.walk() if each.kind == "identifier"
    )
    return by_platform and all(
        re.fullmatch(r"[\w.-]{1,20}", each) and "sha256" not in each for each in strings
    )


def _require_no_source_of_their_own(
    shape: Shape, names: Sequence[str], follow: Sequence[str]
) -> None:
    """Raise RefusalError for a part that would have the version of the package, and another source."""
    for name in names:
        if {*follow} & {*shared(shape, name)} and not can_follow(shape, name, follow):
            fact = (
                f"{' or '.join(follow)} of the package does not change the source "
                f"of '{name}'"
            )
            raise RefusalError(f"{shape.bindings[name].location}: {fact}")


def _require_all_there(planned: LiftPlan) -> None:
    """Raise RefusalError for a use under conditions under which the package does not have the attribute."""
    shape = planned.shape
    taken = {
        name: route.shown
        for name, route in planned.routes.items()
        if route.shown is not None
    }
    whole = planned.construction.argument
    needed = {
        name: [part for each in climb(shown.node, whole) for part in each.conjuncts()]
        for name, shown in taken.items()
    }
    for use in shape.uses:
        if use.node.index in planned.rerouted and needed.get(use.name):
            owner = shape.owner(use.node)
            around = (
                guards(shown.node) for name, shown in taken.items() if name == owner
            )
            given = [*guards(use.node), *chain.from_iterable(around)]
            if not all(condition.is_among(given) for condition in needed[use.name]):
                raise RefusalError(
                    f"{use.node.location}: '{use.name}' is used here even if the package "
                    "has no such attribute"
                )


def can_follow(shape: Shape, name: str, follow: Sequence[str]) -> bool:
    """Return whether a part shares the followed attributes, and does not combine its own source with that version."""
    common = set(follow) & set(shared(shape, name))
    origins = {
        where for attribute in follow if (where := origin(shape, attribute)) is not None
    }
    return "src" in common or (bool(common) and is_made_with(shape, name, origins))


def is_made_with(shape: Shape, name: str, origins: Collection[Origin]) -> bool:
    """Return whether the source of a part, if it has one, takes something from one of these places."""
    part = builder_call(result(value(shape.bindings[name])), overrides=True)
    if part is None:
        return True
    own = [
        (path[0], node)
        for path, node in part.attributes
        if path in {("src",), ("srcs",)}
    ]
    return not own or not {*origins}.isdisjoint(_made_with(shape, part, own))


def _made_with(
    shape: Shape, part: BuilderCall, attributes: Sequence[tuple[str, Node]]
) -> Iterator[Origin]:
    """Yield where attributes of a part come from, by way of its others and of the lets' bindings."""
    own = {path[0]: node for path, node in part.attributes if len(path) == 1}
    final = part.final.children[0].text if part.final is not None else None
    waiting, known = [*attributes], {*attributes}
    while waiting:
        name, node = waiting.pop()
        for use in shape.references:
            if (
                use.scope is None
                or not node.contains(use.node)
                or (node.kind == "inherit" and use.name != name)
            ):
                continue
            inherits = node.kind == "inherit_from" and use.node.parent is node
            selected = (name,) if inherits else selection(use.node)
            yield from (
                (use.scope.node.index, use.name, part) for part in ("", *selected)
            )
            within = use.name == final or use.scope.node in part.sets
            names = selected if use.name == final else (use.name,)
            table = own if within else use.scope.names
            more = {(each, table[each]) for each in names if each in table} - known
            waiting += more
            known |= more


def between(shape: Shape, name: str, follows: Mapping[str, Origin]) -> frozenset[str]:
    """Return the bindings between a part and the attributes that it follows, except those in its meta."""
    origins = {where[:2] for where in follows.values() if not where[2]}
    sources = {name for _, name in origins}
    found: set[str] = set()
    waiting, known = [*shape.uses_in(shape.bindings[name])], {name}
    while waiting:
        use = waiting.pop()
        bound = (
            path_of(around)[:1]
            for around in use.node.ancestors()
            if around.kind == "binding"
        )
        if use.name in {*known, *sources, "meta"} or ("meta",) in bound:
            continue
        known.add(use.name)
        node = shape.bindings[use.name]
        taken = (
            each
            for each in shape.references
            if each.scope is not None and node.contains(each.node)
        )
        if any(
            (each.scope.node.index, each.name) in origins
            for each in taken
            if each.scope is not None
        ):
            found.add(use.name)
        waiting += shape.uses_in(node)
    return frozenset(found)
