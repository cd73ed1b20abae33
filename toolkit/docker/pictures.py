"""A docker file in pictures (Mermaid), and the PATH of dockerd-rootless that it builds.

That is PATH as the file makes it, by each route around it, and after the fix, in a picture or in lines.
"""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.docker import PREFIX_ENTRY, staging
from toolkit.docker.case import BEFORE, DEMOTED, require_linux
from toolkit.docker.claims import building, rewrapping
from toolkit.docker.claims.building import is_rootlesskit
from toolkit.docker.rewrite import demote, wrapper
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.steps import Demotion
from toolkit.errors import LayoutError, RefusalError
from toolkit.model import SourceRequest
from toolkit.nix import evaluator, stores, wrappers
from toolkit.nix.limits import sealed
from toolkit.rootless.requirements import NAMES
from toolkit.shipped import shipped_path
from toolkit.track.readings import Place, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from toolkit.model import Progress
    from toolkit.nix.wrappers import PathOrder
    from toolkit.track.readings import Component, Reading


WRAPPERS = "/run/wrappers/bin"


class Route(Struct, frozen=True, kw_only=True):
    """One way to start rootless docker on NixOS: the wrapper's PATH, and the security wrapper in the caller's.

    `found` is the directory in which the program is that dockerd-rootless takes. `privileged` shows whether that is
    the security wrapper, which has the capability for ports below 1024.
    """

    name: str
    order: PathOrder
    wrapper: str
    found: str
    privileged: bool


class PathInspection(Struct, frozen=True, kw_only=True):
    """The PATH of dockerd-rootless as a docker file builds it, of its newest release, by each route."""

    path: str
    release: str
    routes: tuple[Route, ...]


def inspect_path(path: Path, *, progress: Progress) -> PathInspection:
    """Build the wrappers of the newest release around stand-ins, and read PATH back from each.

    Raise ToolkitError for what cannot be read, LayoutError or RefusalError for a file without such a wrapper.
    """
    require_linux()
    found = staging.nixpkgs(SourceRequest(file=path), progress=progress)
    file = docker_file(found.content, name=str(path))
    if not file.releases():
        raise LayoutError(f"{path}: exports no docker release")
    where = wrapper.placement(file).where
    if where is Place.NO_WRAPPER:
        raise RefusalError(f"{path}: makes no dockerd-rootless")
    fixable = where is Place.PREFIX
    contents = {BEFORE: found.content}
    if fixable:
        fixed = demote.rewrite(file, Demotion.SUFFIX)
        contents[DEMOTED] = fixed.encode()
    case = staging.case(contents, name=str(path), source=found)
    progress.step("building the wrappers")
    tools = evaluator.tools()
    arguments = {
        "case": str(case.question),
        "release": file.newest_release().attr,
        "shell": tools.shell,
        "busybox": tools.busybox,
    }
    before, *after = _read(building.EXPRESSION, arguments, [f"{stage}.path" for stage in contents])
    taken = [_route("as it is", before, "rootlesskit"), _route("wrapper-name", before, "docker-rootlesskit")]
    if fixable:
        overlay = {"overlay": str(shipped_path(f"overlays/{rewrapping.OVERLAY}")), "side": BEFORE}
        (rewrapped,) = _read(rewrapping.BUILD, {**arguments, **overlay}, ["after"])
        taken += [_route("rewrap", rewrapped, "rootlesskit"), _route("fixed", after[0], "rootlesskit")]
    return PathInspection(path=str(path), release=arguments["release"], routes=tuple(taken))


def _read(expression: Path, arguments: dict[str, str], attributes: list[str]) -> list[PathOrder]:
    with sealed():
        outputs = evaluator.build(expression, arguments, attributes)
    return [building.read_seen(stores.physical(output)) for output in outputs]


def _route(name: str, order: PathOrder, security: str) -> Route:
    """Look a program up as dockerd-rootless.sh does: all of PATH for one name, then for the other."""
    places = [*order.prefix, WRAPPERS, *order.suffix]
    for wanted in NAMES:
        for place in places:
            if (place == WRAPPERS and wanted == security) or (wanted == PREFIX_ENTRY and is_rootlesskit(place)):
                return Route(name=name, order=order, wrapper=security, found=place, privileged=place == WRAPPERS)
    raise AssertionError(places)


CALLER = "caller"
TITLES = {
    "as it is": "as it is",
    "wrapper-name": "route wrapper-name",
    "rewrap": "route rewrap",
    "fixed": "after the fix in nixpkgs",
}

_PLACES = {
    "let": "bound in dockerGen's let: out of reach",
    "parameter": "parameter of dockerGen: can be overridden",
    "file level": "bound at the top of the file",
    "elsewhere": "bound elsewhere in the file",
    "absent": "not in this file",
}


class Frame(Struct, frozen=True, kw_only=True):
    """A box of a picture, in a group; a `marked` one has a thick border."""

    key: str
    label: str
    group: str
    marked: bool = False


def layout(path: Path, reading: Reading) -> bytes:
    """Return a flowchart: components by where they are bound, what they use, the order of PATH."""
    components = {component.name: f"c{index}" for index, component in enumerate(reading.components)}
    bound = dict.fromkeys(component.bound for component in reading.components)
    places = {place: f"g{index}" for index, place in enumerate(bound)}
    boxes = [
        Frame(key=components[component.name], label=_label(component), group=places[component.bound])
        for component in reading.components
    ]
    arrows: list[str] = []
    others: dict[str, str] = {}
    for component in reading.components:
        for name in component.references:
            key = components.get(name) or others.setdefault(name, f"o{len(others)}")
            arrows.append(f'{components[component.name]} -->|"uses"| {key}')
    boxes += [Frame(key=key, label=name, group="other") for name, key in others.items()]
    groups = {key: _PLACES.get(place, place) for place, key in places.items()}
    if others:
        groups["other"] = "also used"
    if order := list(_path(reading)):
        groups["path"] = "PATH of dockerd-rootless, first to last"
        boxes += order
        arrows += [f'{before.key} -->|"then"| {after.key}' for before, after in pairwise(order)]
    lines = ["flowchart LR"]
    for key, title in groups.items():
        lines += [*_group(key, title, [box for box in boxes if box.group == key]), "  end"]
    lines += [f"  {arrow}" for arrow in arrows]
    return _picture(f"{path}: {sentence(reading)}", lines)


def routes(inspection: PathInspection) -> bytes:
    """Return a flowchart with a row for each route; what is taken is marked."""
    lines = ["flowchart TB"]
    marked: list[str] = []
    for number, route in enumerate(inspection.routes):
        group = f"r{number}"
        caller = f"the caller's PATH: /run/wrappers/bin with {route.wrapper}, …"
        places = [
            *((short(entry), entry == route.found) for entry in route.order.prefix),
            (caller, route.privileged),
            *((short(entry), entry == route.found) for entry in route.order.suffix),
        ]
        row = [
            Frame(key=f"{group}p{index}", label=", ".join(label for label, _ in part), group=group, marked=taken)
            for index, (taken, part) in enumerate(_parts(places, caller))
        ]
        title, *inside = _group(group, f"{TITLES[route.name]}: {_taken(route)}", row)
        lines += [title, "    direction LR", *inside]
        lines += [f"    {before.key} --> {after.key}" for before, after in pairwise(row)]
        lines.append("  end")
        marked += [box.key for box in row if box.marked]
    lines += [f"  r{number - 1} ~~~ r{number}" for number in range(1, len(inspection.routes))]
    if marked:
        lines += ["  classDef taken stroke-width:4px", f"  class {','.join(marked)} taken"]
    return _picture(f"{inspection.path}: PATH of dockerd-rootless, {inspection.release}", lines)


def path_lines(inspection: PathInspection) -> Iterator[str]:
    """Yield for each route its PATH, first to last, and what dockerd-rootless takes; store paths by their names."""
    yield f"{inspection.path}: {inspection.release}, PATH of dockerd-rootless"
    for route in inspection.routes:
        entries = [*map(short, route.order.prefix), "<PATH>", *map(short, route.order.suffix)]
        yield f"{TITLES[route.name]}, with a security wrapper {route.wrapper}:"
        yield f"  {':'.join(entries)}"
        yield f"  {_taken(route)}"


def short(entry: str) -> str:
    """Name a PATH entry in the store by its package, without hash, version and `/bin`."""
    return wrappers.short(entry).removesuffix("/bin")


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


def _label(component: Component) -> str:
    return component.name if component.line is None else f"{component.name} (line {component.line})"


def _path(reading: Reading) -> Iterator[Frame]:
    """Yield the parts of the wrapper's PATH; none if there is no wrapper."""
    where = reading.rootlesskit
    if where is Place.NO_WRAPPER:
        return
    line = f" (line {reading.rootlesskit_line})" if reading.rootlesskit_line is not None else ""
    kit = f", rootlesskit{line}" if "prefix" in where else ""
    yield Frame(key="prefix", label=f"prefix: the package's own programs{kit}", group="path")
    yield Frame(key=CALLER, label="the caller's PATH: /run/wrappers/bin, …", group="path")
    if "suffix" in where:
        yield Frame(key="suffix", label=f"suffix: rootlesskit{line if where is Place.SUFFIX else ''}", group="path")


def _group(key: str, title: str, boxes: Sequence[Frame]) -> Iterator[str]:
    yield f'  subgraph {key}["{_escaped(title)}"]'
    yield from (f'    {box.key}["{_escaped(box.label)}"]' for box in boxes)


def _picture(title: str, lines: Sequence[str]) -> bytes:
    text = "\n".join([f"%% {' '.join(title.split())}", *lines, ""])
    return text.encode(errors="backslashreplace")


def _escaped(text: str) -> str:
    plain = " ".join(text.split())
    return plain.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
