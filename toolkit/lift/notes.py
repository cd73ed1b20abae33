"""Notes about a lift, in addition to its changes."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from toolkit.lift.bindings import PASSTHRU, origin, shared
from toolkit.lift.plan import FOLLOWED, OWN, LiftPlan
from toolkit.lift.planning import is_made_with
from toolkit.lift.shape import Shape, path_of, read, selection
from toolkit.lift.wanted import equals
from toolkit.nix.attributes import inherited, value
from toolkit.nix.tree import Node, parsed

_HASH = re.compile(r"hash|sha256|\w+(Hash|Sha256)")
_LOCKED = {"cargoLock", "mitmCache", "nugetDeps", "pubspecLock"}
"""Attributes that a file of hashes is for."""

_MADE_BY = {"npmDepsHash": "npmDeps", "cargoHash": "cargoDeps"}
"""Downloads whose builder takes the hash from its arguments: an override of the hash has no effect."""


_UPDATED = {
    *{
        "cargoDeps",
        "mixFodDeps",
        "mvnHash",
        "npmDeps",
        "offlineCache",
        "outputHash",
        "pnpmDeps",
        "vendorHash",
    },
    *{"yarnOfflineCache", "zigDeps", *_LOCKED},
}
"""The downloads of a part that nix-update knows (nix_update/eval.nix there)."""


def apart(planned: LiftPlan) -> Mapping[str, tuple[str, ...]]:
    """Return what lifted bindings share with the package without following it."""
    shape, followed = planned.shape, follows(planned)
    # A file may end in a name that it binds the package to.
    own = {
        name
        for name, node in shape.bindings.items()
        if node.contains(planned.construction.call)
    }
    read = {
        name: {
            selection(use.node)[:1]
            for use in shape.uses_in(shape.bindings[name])
            if use.name in own
        }
        for name in planned.names
        if name not in followed
    }
    found = {
        name: tuple(
            each for each in FOLLOWED if each in shared(shape, name) or (each,) in those
        )
        for name, those in read.items()
    }
    return {name: attributes for name, attributes in found.items() if attributes}


def left(planned: LiftPlan) -> tuple[str, ...]:
    """Return the unlifted bindings in the same position as the lifted ones that a lifted one is made with."""
    made_with = {
        use.name
        for name in planned.names
        for use in planned.shape.uses_in(planned.shape.bindings[name])
    }
    others = made_with - {*planned.moved, *OWN}
    return tuple(
        name for name in equals(planned.shape, planned.names) if name in others
    )


def places(planned: LiftPlan, uses: Iterable[int]) -> tuple[str, ...]:
    """Return the package's attributes that contain some uses, except patches, which have their own hashes."""
    nodes = [planned.shape.tree.nodes[index] for index in uses]
    found = dict.fromkeys(
        path[:2] if path[0] in {"meta", PASSTHRU} else path[:1]
        for path, node in planned.construction.attributes
        if path[0] != "patches" and any(node.contains(use) for use in nodes)
    )
    return tuple(
        ".".join(path)
        for path in found
        if not any(other[: len(path)] == path != other for other in found)
    )


def used(planned: LiftPlan) -> Mapping[str, tuple[str, ...]]:
    """Return for each lifted binding the package's attributes that use it.

    None if it is used elsewhere, too.

    Uses in passthru and meta do not count.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name in planned.names:
        uses = (use.node.index for use in planned.shape.references if use.name == name)
        where = [
            places(planned, [index]) for index in uses if index in planned.rerouted
        ]
        names = {
            each
            for attributes in where
            for each in attributes
            if each.partition(".")[0] not in {"meta", PASSTHRU}
        }
        found[name] = tuple(sorted(names)) if all(where) and "env" not in names else ()
    return found


def hashed(planned: LiftPlan) -> Mapping[str, tuple[str, ...]]:
    """Return the attributes with a hash that may have to change if the source is overridden.

    Each comes with the package's attributes that use it. Patches are excluded, and an
    independent source.
    """
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for part, made in _hashed(
        planned, [name for name in planned.moved if name not in planned.own]
    ):
        found[made][
            planned.routes[part].path[-1] if part in planned.routes else part
        ] = None
    return {name: tuple(parts) for name, parts in found.items()}


def downloads(planned: LiftPlan) -> tuple[tuple[str, ...], ...]:
    """Return the attributes whose hashes a new version changes, except src: of the package, and of parts that follow.

    Return nothing if a file has the hashes of one, or if no part follows.
    """
    followed = follows(planned)
    found = [
        (*planned.routes[part].path, made)
        for part, made in _hashed(planned, [*followed])
    ]
    for path, node in planned.construction.attributes if followed else ():
        made = _MADE_BY.get(path[0], path[0])
        if (
            len(path) == 1
            and path[0] not in {"src", "srcs"}
            and {made, "outputHash"} & {*dict(_downloads(node))}
        ):
            found.append((made,))
    return (
        tuple(dict.fromkeys(found))
        if _LOCKED.isdisjoint(path[-1] for path in found)
        else ()
    )


def is_fetched(planned: LiftPlan, text: str, parameter: str) -> bool:
    """Return whether in the new text a hash fetches the package's source, which takes a version that others follow."""
    call = read(parsed(text, name=planned.shape.tree.name)).construction
    sources = [
        node
        for path, node in (call.attributes if call is not None else ())
        if path == ("src",)
    ]
    version = re.compile(rf"\b{parameter}(\.|\) [^;]*\b)version\b")
    fetched = (
        around is node
        for node in sources
        if version.search(node.text)
        for _, around in _downloads(node)
    )
    return "version" in planned.follows and any(fetched)


def packed(planned: LiftPlan) -> tuple[str, ...]:
    """Return the attributes that are parts of the package's source or version with hashes that nix-update knows."""
    shape = planned.shape
    names = [name for name in planned.names if shared(shape, name)]
    with_hashes = {part for part, made in _hashed(planned, names) if made in _UPDATED}
    paths = (planned.routes[name].path for name in names if name in with_hashes)
    return tuple(".".join(path[path[0] == PASSTHRU :]) for path in paths)


def _hashed(planned: LiftPlan, parts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield parts with those of their attributes that are made by a hash, which may have to change with the source."""
    shape = planned.shape
    followed = [shape.tree.nodes[index] for index in planned.followed]
    shared_hashes = follows(planned)
    origins = [
        where
        for attribute in FOLLOWED
        if (where := origin(shape, attribute)) is not None
    ]
    for part in (each for each in parts if is_made_with(shape, each, origins)):
        for made, around in _downloads(shape.bindings[part]):
            takes = around is None or any(around.contains(use) for use in followed)
            if made not in {
                "cargoPatches",
                "patches",
                *shared_hashes.get(part, ()),
            } and (takes if made == "src" else not _is_read(shape, around)):
                yield part, made


def _downloads(whole: Node) -> Iterator[tuple[str, Node | None]]:
    """Yield the attributes that a hash in a binding is for, with the binding around the hash."""
    for node in whole.walk():
        for name in _named(node):
            if not (_HASH.fullmatch(name) or name in _LOCKED):
                continue
            around = (
                node.enclosing("binding")
                if name in {"hash", "outputHash", "sha256"}
                else None
            )
            made = path_of(around)[-1] if around is not None else name
            # Of a part that is itself a download.
            if around is whole and (made != "src" or name == "outputHash"):
                around, made = None, "outputHash"
            yield _MADE_BY.get(made, made), around


def _named(node: Node) -> list[str]:
    """Return the attributes that a binding or an inherit names, but for one that is null."""
    if node.kind == "binding":
        return [] if value(node).text == "null" else [path_of(node)[-1]]
    return (
        [each.text for each in inherited(node)]
        if node.kind in {"inherit", "inherit_from"}
        else []
    )


def follows(planned: LiftPlan) -> Mapping[str, tuple[str, ...]]:
    """Return for each lifted binding the package's attributes that it follows."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for index, names in planned.followed.items():
        owner = planned.shape.owner(planned.shape.tree.nodes[index])
        if owner in planned.names:
            found[owner] |= dict.fromkeys(names)
    return {
        name: tuple(part for part in FOLLOWED if part in found[name])
        for name in planned.names
        if name in found
    }


def shown(planned: LiftPlan) -> Iterator[tuple[str, ...]]:
    """Yield the attributes of passthru that lifted bindings are used in."""
    rerouted = [planned.shape.tree.nodes[index] for index in planned.rerouted]
    for path, node in planned.construction.attributes:
        if (
            path[0] == PASSTHRU
            and len(path) > 1
            and any(node.contains(use) for use in rerouted)
        ):
            yield path


def _is_read(shape: Shape, binding: Node | None) -> bool:
    """Return whether others within a part are made with a binding by its name, which an override does not reach."""
    scopes = (
        (use.name, use.scope) for use in shape.references if use.scope is not None
    )
    return any(
        scope.names[name] is binding and scope.node not in shape.lets
        for name, scope in scopes
    )
