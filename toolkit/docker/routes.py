"""The PATH of dockerd-rootless, and which program it leads to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PathOrder:
    """PATH as a wrapper composes it: `prefix` entries, then the caller's PATH, then `suffix` entries."""

    prefix: tuple[str, ...]
    suffix: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One way to start rootless docker on NixOS: the wrapper's PATH, and the security wrapper in the caller's.

    `found` is the directory in which the program is that dockerd-rootless takes. `privileged` tells whether that is
    the security wrapper, which has the capability for ports below 1024.
    """

    name: str
    order: PathOrder
    wrapper: str
    found: str
    privileged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PathInspection:
    """The PATH of dockerd-rootless as a docker file builds it, of its newest release, by each route."""

    path: str
    release: str
    routes: tuple[Route, ...]
