"""Collect facts about a lift that its text mentions besides the changes."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from toolkit.lift.bindings import PASSTHRU, origin, shared
from toolkit.lift.following import is_made_with
from toolkit.lift.plan import FOLLOWED, OWN, LiftPlan
from toolkit.lift.shape import Shape, path_of, read, selection
from toolkit.lift.wanted import equals
from toolkit.nix.attributes import inherited, value
from toolkit.nix.tree import Node, parsed

_HASH = re.compile(r"hash|sha256|\w+(Hash|Sha256)")
_LOCKED = {"cargoLock", "mitmCache", "nugetDeps", "pubspecLock"}
"""Attributes for which a package may have a file of hashes."""

_MADE_BY = {"npmDepsHash": "npmDeps", "cargoHash": "cargoDeps"}
"""Downloads whose hash is an argument of the builder: overriding it has no effect."""


_UPDATED = _LOCKED | {
    "cargoDeps",
    "mixFodDeps",
    "mvnHash",
    "npmDeps",
    "offlineCache",
    "outputHash",
    "pnpmDeps",
    "vendorHash",
    "yarnOfflineCache",
    "zigDeps",
}
"""The downloads of a part that nix-update can update (nix_update/eval.nix there)."""


def apart(planned: LiftPlan) -> Mapping[str, tuple[str, ...]]:
    """Return what lifted bindings share with the package, but do not follow."""
    followed = follows(planned)
    others = {
        name: _apart(planned, name) for name in planned.names if name not in followed
    }
    return {name: attributes for name, attributes in others.items() if attributes}


def _apart(planned: LiftPlan, name: str) -> tuple[str, ...]:
    """Return what a binding shares with the package, or reads from it."""
    shape, call = planned.shape, planned.construction.call
    shares = shared(shape, name)
    read = {
        selection(use.node)[:1]
        for use in shape.uses_in(shape.bindings[name])
        # A file may end in a name that it binds the package to.
        if shape.bindings[use.name].contains(call)
    }
    return tuple(part for part in FOLLOWED if part in shares or (part,) in read)


def left(planned: LiftPlan) -> tuple[str, ...]:
    """Return bindings like the lifted ones that these need, and that stay."""
    shape = planned.shape
    made_with = {other for name in planned.names for other in shape.needs(name)}
    others = made_with - {*planned.moved, *OWN}
    return tuple(name for name in equals(shape, planned.names) if name in others)


def places(planned: LiftPlan, uses: Iterable[int]) -> tuple[str, ...]:
    """Return the package's attributes that contain some uses.

    Patches do not count, because they have their own hashes.
    """
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

    The value is None if something else uses the binding, too. Uses in passthru and meta
    do not count.
    """
    return {name: _used(planned, name) for name in planned.names}


def _used(planned: LiftPlan, name: str) -> tuple[str, ...]:
    uses = (use.node.index for use in planned.shape.references if use.name == name)
    attributes: set[str] = set()
    for index in uses:
        if index in planned.rerouted:
            if not (around := places(planned, [index])):
                return ()
            attributes.update(around)
    names = {
        attribute
        for attribute in attributes
        if attribute.partition(".")[0] not in {"meta", PASSTHRU}
    }
    return tuple(sorted(names)) if "env" not in names else ()


def hashed(planned: LiftPlan) -> Mapping[str, tuple[str, ...]]:
    """Return the attributes whose hash depends on the source.

    Each comes with the package's attributes that use it. Patches, and independent
    sources, are excluded.
    """
    parts: dict[str, dict[str, None]] = defaultdict(dict)
    moved = [name for name in planned.moved if name not in planned.own]
    for part, download in _hashed(planned, moved):
        route = planned.routes.get(part)
        name = route.path[-1] if route is not None else part
        parts[download][name] = None
    return {download: tuple(names) for download, names in parts.items()}


def downloads(planned: LiftPlan) -> tuple[tuple[str, ...], ...]:
    """Return the attributes, except src, whose hashes change with a new version.

    They belong to the package, or to parts that follow it. Return none if a file has
    the hash of one, or if no part follows.
    """
    followed = follows(planned)
    if not followed:
        return ()
    paths = {
        (*planned.routes[part].path, download): None
        for part, download in _hashed(planned, [*followed])
    }
    for path, node in planned.construction.attributes:
        if len(path) != 1 or path[0] in {"src", "srcs"}:
            continue
        download = _MADE_BY.get(path[0], path[0])
        if not dict(_downloads(node)).keys().isdisjoint({download, "outputHash"}):
            paths[download,] = None
    are_locked = any(path[-1] in _LOCKED for path in paths)
    return () if are_locked else tuple(paths)


def is_fetched(planned: LiftPlan, text: str, parameter: str) -> bool:
    """Return whether a followed version changes the source, and so needs its hash."""
    if "version" not in planned.follows:
        return False
    call = read(parsed(text, name=planned.shape.tree.name)).construction
    version = re.compile(rf"\b{parameter}(\.|\) [^;]*\b)version\b")
    for path, node in call.attributes if call is not None else ():
        if path == ("src",) and version.search(node.text):
            places = (around for _, around in _downloads(node))
            if any(around is node for around in places):
                return True
    return False


def packed(planned: LiftPlan) -> tuple[str, ...]:
    """Return the parts that nix-update knows and that follow the package."""
    shape = planned.shape
    names = [name for name in planned.names if shared(shape, name)]
    with_hashes = {part for part, made in _hashed(planned, names) if made in _UPDATED}
    paths = (planned.routes[name].path for name in names if name in with_hashes)
    return tuple(".".join(path[path[0] == PASSTHRU :]) for path in paths)


def _hashed(planned: LiftPlan, parts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield parts with each of their attributes whose hash depends on the source."""
    shape = planned.shape
    followed = [shape.tree.nodes[index] for index in planned.followed]
    taken = follows(planned)
    origins = [origin(shape, attribute) for attribute in FOLLOWED]
    sources = [source for source in origins if source is not None]
    for part in parts:
        if not is_made_with(shape, part, sources):
            continue
        others = {"cargoPatches", "patches", *taken.get(part, ())}
        for download, around in _downloads(shape.bindings[part]):
            if download == "src":
                takes = around is None or any(map(around.contains, followed))
            else:
                takes = not _is_read(shape, around)
            if takes and download not in others:
                yield part, download


def _downloads(whole: Node) -> Iterator[tuple[str, Node | None]]:
    """Yield the attributes that have hashes, each with the binding around the hash."""
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
    """Return the attributes that a statement names, except one whose value is null."""
    if node.kind == "binding":
        return [] if value(node).text == "null" else [path_of(node)[-1]]
    if node.kind in {"inherit", "inherit_from"}:
        return [name.text for name in inherited(node)]
    return []


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
    """Yield the attributes of passthru that use lifted bindings."""
    rerouted = [planned.shape.tree.nodes[index] for index in planned.rerouted]
    for path, node in planned.construction.attributes:
        is_part = path[0] == PASSTHRU and len(path) > 1
        if is_part and any(map(node.contains, rerouted)):
            yield path


def _is_read(shape: Shape, binding: Node | None) -> bool:
    """Return whether another attribute of a part uses a binding by its name.

    An override does not reach such a use.
    """
    return binding is not None and any(
        use.binding is binding and use.binder not in shape.lets
        for use in shape.references
    )
