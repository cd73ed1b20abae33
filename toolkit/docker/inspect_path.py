"""Tell which PATH dockerd-rootless has: as a docker file builds it, by each route around it, and after the fix."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.docker import PREFIX_ENTRY, staging, wrappers
from toolkit.docker.claims import building, rewrapping
from toolkit.docker.claims.case import BEFORE, DEMOTED
from toolkit.docker.claims.install_phase import is_of
from toolkit.docker.plan import Demotion
from toolkit.docker.readings import Place
from toolkit.docker.rewrite import demote, wrapper
from toolkit.docker.rewrite.layout import docker_file
from toolkit.errors import LayoutError, RefusalError, ToolkitError
from toolkit.model import SourceRequest
from toolkit.nix import evaluator, stores
from toolkit.nix.limits import sealed
from toolkit.shipped import shipped_path

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.docker.wrappers import PathOrder
    from toolkit.model import Progress

WRAPPERS = "/run/wrappers/bin"


class Route(Struct, frozen=True, kw_only=True):
    """One way to start rootless docker on NixOS: the wrapper's PATH, and the security wrapper in the caller's.

    `found` is the directory in which the program is that dockerd-rootless takes. `privileged` tells whether that is
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
    if platform.system() != "Linux":
        raise ToolkitError(f"{path}: docker is built on Linux, and this is {platform.system()}")
    found = staging.nixpkgs(SourceRequest(file=path), progress=progress)
    file = docker_file(found.content, name=str(path))
    if not file.releases():
        raise LayoutError(f"{path}: exports no docker release")
    where = wrapper.placement(file, PREFIX_ENTRY).where
    if where is Place.NO_WRAPPER:
        raise RefusalError(f"{path}: makes no dockerd-rootless")
    fixable = where is Place.PREFIX
    contents = {BEFORE: found.content}
    if fixable:
        fixed = demote.rewrite(file.text, name=str(path), entry=PREFIX_ENTRY, demotion=Demotion.SUFFIX)
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
    orders = dict(
        zip(contents, _read(building.EXPRESSION, arguments, [f"{stage}.path" for stage in contents]), strict=True)
    )
    routes = [
        _route("as it is", orders[BEFORE], "rootlesskit", PREFIX_ENTRY),
        _route("wrapper-name", orders[BEFORE], "docker-rootlesskit", PREFIX_ENTRY),
    ]
    if fixable:
        overlay = {"overlay": str(shipped_path(rewrapping.OVERLAY)), "side": BEFORE}
        (rewrapped,) = _read(rewrapping.BUILD, {**arguments, **overlay}, ["after"])
        routes.append(_route("rewrap", rewrapped, "rootlesskit", PREFIX_ENTRY))
        routes.append(_route("fixed", orders[DEMOTED], "rootlesskit", PREFIX_ENTRY))
    return PathInspection(path=str(path), release=arguments["release"], routes=tuple(routes))


def _read(expression: Path, arguments: dict[str, str], attributes: list[str]) -> list[PathOrder]:
    with sealed():
        outputs = evaluator.build(expression, arguments, attributes)
    return [building.read_seen(stores.physical(output)) for output in outputs]


def _route(name: str, order: PathOrder, security: str, entry: str) -> Route:
    """Look a program up as dockerd-rootless.sh does: all of PATH for one name, then for the other."""
    places = [*order.prefix, WRAPPERS, *order.suffix]
    for wanted in wrappers.NAMES:
        for place in places:
            if (place == WRAPPERS and wanted == security) or (wanted == entry and is_of(place, entry)):
                return Route(name=name, order=order, wrapper=security, found=place, privileged=place == WRAPPERS)
    raise AssertionError(places)
