"""What `unlet inspect` tells about a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A docker release that the file exports: its attribute, the version as written, its line."""

    attr: str
    version: str | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A component package. `bound` is `let`, `parameter` or `absent`.

    `references` are the names of dockerGen's let that its definition uses, `parameters` those of dockerGen's
    parameters.
    """

    name: str
    bound: str
    line: int | None
    references: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What `unlet inspect` tells about a file. Lines count from 1.

    `state` is one line for people. `rootlesskit` is `prefix`, `suffix`, `prefix and suffix`, `absent`,
    `no wrapper` or `unknown`.
    """

    path: str
    state: str
    layout: str
    newest: str | None
    releases: tuple[Release, ...]
    components: tuple[Component, ...]
    rootlesskit: str
    rootlesskit_line: int | None
    todo_line: int | None
