"""The PATH of dockerd-rootless by each route, as lines and as a picture."""

from __future__ import annotations

import re
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from toolkit.docker.graph import Edge, Graph, Node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.docker.routes import PathInspection, Route

TITLES = {
    "as it is": "as it is",
    "wrapper-name": "route wrapper-name",
    "rewrap": "route rewrap",
    "fixed": "after the fix in nixpkgs",
}


def lines(inspection: PathInspection) -> Iterator[str]:
    """Yield for each route its PATH, first to last, and what dockerd-rootless takes; store paths by their names."""
    yield f"{inspection.path}: {inspection.release}, PATH of dockerd-rootless"
    for route in inspection.routes:
        entries = [*map(short, route.order.prefix), "<PATH>", *map(short, route.order.suffix)]
        yield f"{TITLES[route.name]}, with a security wrapper {route.wrapper}:"
        yield f"  {':'.join(entries)}"
        yield f"  {_taken(route)}"


def graph(inspection: PathInspection) -> Graph:
    """Return a picture with a row for each route; what is taken is marked."""
    groups: list[tuple[str, str]] = []
    nodes: list[Node] = []
    edges: list[Edge] = []
    for number, route in enumerate(inspection.routes):
        group = f"r{number}"
        groups.append((group, f"{TITLES[route.name]}: {_taken(route)}"))
        caller = f"the caller's PATH: /run/wrappers/bin with {route.wrapper}, …"
        places = [
            *((short(entry), entry == route.found) for entry in route.order.prefix),
            (caller, route.privileged),
            *((short(entry), entry == route.found) for entry in route.order.suffix),
        ]
        row = [
            Node(key=f"{group}p{index}", label=", ".join(label for label, _ in part), group=group, marked=marked)
            for index, (marked, part) in enumerate(_parts(places, caller))
        ]
        nodes += row
        edges += [Edge(start=before.key, end=after.key) for before, after in pairwise(row)]
    return Graph(groups=tuple(groups), nodes=tuple(nodes), edges=tuple(edges), stacked=True)


def short(entry: str) -> str:
    """Name a PATH entry in the store by its package, without hash, version and `/bin`."""
    return re.sub(r"^/nix/store/[0-9a-z]{32}-([^/]*?)(?:-[0-9][^/]*)?(?=/|$)", r"\1", entry).removesuffix("/bin")


def _taken(route: Route) -> str:
    if route.privileged:
        return f"takes the security wrapper {route.wrapper}, so ports below 1024 can be published"
    return f"takes {short(route.found)} of the store, so ports below 1024 are refused"


def _parts(places: list[tuple[str, bool]], caller: str) -> Iterator[tuple[bool, list[tuple[str, bool]]]]:
    """Yield neighbours together, but for the caller's PATH, rootlesskit, and what is taken."""

    def apart(place: tuple[int, tuple[str, bool]]) -> int:
        index, (label, marked) = place
        return index if marked or label in {caller, "rootlesskit"} else -1

    for _, part in groupby(enumerate(places), key=apart):
        found = [place for _, place in part]
        yield any(marked for _, marked in found), found
