"""Notes about a lift, in addition to its changes."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from toolkit.lift.bindings import PASSTHRU, shared
from toolkit.lift.plan import FOLLOWED, OWN, LiftPlan
from toolkit.lift.shape import Shape, path_of, selection
from toolkit.lift.wanted import equals
from toolkit.nix.attributes import value
from toolkit.nix.tree import Node

_HASH = re.compile(r"hash|sha256|\w+(Hash|Sha256)")
_LOCKED = {"cargoLock", "mitmCache", "nugetDeps", "pubspecLock"}
"""Attributes that a file of hashes is for."""

_MADE_BY = {"npmDepsHash": "npmDeps", "cargoHash": "cargoDeps"}
"""Downloads whose builder takes the hash from its arguments: an override of the hash has no effect."""


def apart(planned: LiftPlan) -> Mapping[str, tuple[str, ...]]:
    """Return what lifted bindings share with the package without following it."""
    shape, followed = planned.shape, follows(planned)
    # A file may end in a name that it binds the package to.
    own = {name for name, node in shape.bindings.items() if node.contains(planned.construction.call)}
    read = {
        name: {selection(use.node)[:1] for use in shape.uses_in(shape.bindings[name]) if use.name in own}
        for name in planned.names
        if name not in followed
    }
    found = {
        name: tuple(each for each in FOLLOWED if each in shared(shape, name) or (each,) in those)
        for name, those in read.items()
    }
    return {name: attributes for name, attributes in found.items() if attributes}


def left(planned: LiftPlan) -> tuple[str, ...]:
    """Return the unlifted bindings in the same position as the lifted ones that a lifted one is made with."""
    made_with = {use.name for name in planned.names for use in planned.shape.uses_in(planned.shape.bindings[name])}
    others = made_with - {*planned.moved, *OWN}
    return tuple(name for name in equals(planned.shape, planned.names) if name in others)


def places(planned: LiftPlan, uses: Iterable[int]) -> tuple[str, ...]:
    """Return the package's attributes that contain some uses, except patches, which have their own hashes."""
    nodes = [planned.shape.tree.nodes[index] for index in uses]
    found = dict.fromkeys(
        path[:2] if path[0] in {"meta", PASSTHRU} else path[:1]
        for path, node in planned.construction.attributes
        if path[0] != "patches" and any(node.contains(use) for use in nodes)
    )
    return tuple(".".join(path) for path in found if not any(other[: len(path)] == path != other for other in found))


def used(planned: LiftPlan) -> Mapping[str, tuple[str, ...]]:
    """Return for each lifted binding the package's attributes that use it; none if it is used elsewhere, too.

    Uses in passthru and meta do not count.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name in planned.names:
        uses = (use.node.index for use in planned.shape.references if use.name == name)
        where = [places(planned, [index]) for index in uses if index in planned.rerouted]
        names = {
            each for attributes in where for each in attributes if each.partition(".")[0] not in {"meta", PASSTHRU}
        }
        found[name] = tuple(sorted(names)) if all(where) and "env" not in names else ()
    return found


def hashed(planned: LiftPlan) -> Mapping[str, tuple[str, ...]]:
    """Return the attributes with a hash that may have to change if the source is overridden.

    Each comes with the package's attributes that use it. Patches are excluded, and a separate source that takes nothing
    from the package.
    """
    moved = {name: planned.shape.bindings[name] for name in planned.moved if name not in planned.own}
    followed = [planned.shape.tree.nodes[index] for index in planned.followed]
    found: dict[str, dict[str, None]] = defaultdict(dict)
    bindings = ((part, node) for part, whole in moved.items() for node in whole.walk() if node.kind == "binding")
    for part, node in bindings:
        name = path_of(node)[-1]
        if not (_HASH.fullmatch(name) or name in _LOCKED) or value(node).text == "null":
            continue
        around = node.enclosing("binding") if name in {"hash", "sha256"} else None
        made = path_of(around)[-1] if around is not None else name
        takes = around is None or any(around.contains(use) for use in followed)
        if made != "patches" and (takes if made == "src" else not _is_read(planned.shape, around)):
            found[_MADE_BY.get(made, made)][planned.routes[part].path[-1]] = None
    return {name: tuple(parts) for name, parts in found.items()}


def follows(planned: LiftPlan) -> Mapping[str, tuple[str, ...]]:
    """Return for each lifted binding the package's attributes that it follows."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for index, names in planned.followed.items():
        owner = planned.shape.owner(planned.shape.tree.nodes[index])
        if owner in planned.names:
            found[owner] |= dict.fromkeys(names)
    return {name: tuple(part for part in FOLLOWED if part in found[name]) for name in planned.names if name in found}


def shown(planned: LiftPlan) -> Iterator[tuple[str, ...]]:
    """Yield the attributes of passthru that lifted bindings are used in."""
    rerouted = [planned.shape.tree.nodes[index] for index in planned.rerouted]
    for path, node in planned.construction.attributes:
        if path[0] == PASSTHRU and len(path) > 1 and any(node.contains(use) for use in rerouted):
            yield path


def _is_read(shape: Shape, binding: Node | None) -> bool:
    """Return whether others within a part are made with a binding by its name, which an override does not reach."""
    scopes = ((use.name, use.scope) for use in shape.references if use.scope is not None)
    return any(scope.names[name] is binding and scope.node not in shape.lets for name, scope in scopes)
