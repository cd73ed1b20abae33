"""The regions of a change: code of the docker file that a rewrite took away, wrote or moved, and its cause."""

from __future__ import annotations

from enum import StrEnum, auto
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.nix.scope import bound_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.nix.tree import Node


class Cause(StrEnum):
    """What a rewrite does at one place; the first of each design below is what it does with the definitions."""

    MOVED = auto()
    STAYS = auto()
    FINAL = auto()
    FRONT = auto()
    REFERRED = auto()

    HIDDEN = auto()
    CALLER = auto()
    CALL = auto()

    DEFAULTED = auto()

    DONE = auto()

    DEMOTED = auto()
    SUFFIX = auto()
    DROPPED = auto()
    UNUSED = auto()

    DISPLACED = auto()
    """Code that has not changed, and that a diff shows since other code moved past it."""


class Region(Struct, frozen=True, kw_only=True):
    """The characters from `start` up to `end` of one of the two files, and why they are there, or there no more.

    `name` is what the cause is about, empty where it is about nothing of a name.
    """

    removed: bool
    start: int
    end: int
    cause: Cause
    name: str = ""


class Move(Struct, frozen=True, kw_only=True):
    """A definition that stands elsewhere: its characters in both files, and by how many columns it is indented more."""

    name: str
    cause: Cause
    before: tuple[int, int]
    after: tuple[int, int]
    shift: int


class Regions(Struct, frozen=True, kw_only=True):
    """What is known of a change. A region may lie within a move: the part of a definition that is not the same."""

    regions: tuple[Region, ...] = ()
    moves: tuple[Move, ...] = ()


class Edited(Struct, frozen=True, kw_only=True, dict=True):
    """The docker file before and after a commit. `entry` is the package that leaves the wrapper's PATH prefix."""

    before: DockerFile
    after: DockerFile
    components: tuple[str, ...]
    entry: str

    @cached_property
    def new_functions(self) -> Mapping[str, Node]:
        """The bindings beside dockerGen that only the file after has."""
        known = bound_names(self.before.container)
        return {name: node for name, node in self._beside_generator().items() if name not in known}

    @cached_property
    def new_formals(self) -> Mapping[str, Node]:
        """The parameters of dockerGen that only the file after has, and that were bound in its let before."""
        return {
            name: node
            for name, node in self.after.formals.items()
            if node.kind == "formal" and name not in self.before.formals and name in self.before.bindings
        }

    def new_comments(self, node: Node) -> list[Node]:
        """Return the comments above a node of the file after which the one before does not have."""
        known = {text_of(comment) for comment in self.before.comments()}
        return [comment for comment in comments_above(self.after, node) if text_of(comment) not in known]

    def _beside_generator(self) -> Mapping[str, Node]:
        return bound_names(self.after.container)


def removed(nodes: Sequence[Node | None], cause: Cause, name: str = "") -> list[Region]:
    """Return regions of the file before; None stands for a node that is not there."""
    return [Region(removed=True, start=n.start, end=n.end, cause=cause, name=name) for n in nodes if n is not None]


def added(nodes: Sequence[Node | None], cause: Cause, name: str = "") -> list[Region]:
    """Return regions of the file after; None stands for a node that is not there."""
    return [Region(removed=False, start=n.start, end=n.end, cause=cause, name=name) for n in nodes if n is not None]


def words(node: Node | None) -> list[str]:
    """Return what a node consists of, whatever its spaces and comments are; nothing for None."""
    return [part.text for part in node.walk() if not part.children and part.kind != "comment"] if node else []


def words_of(nodes: Sequence[Node]) -> list[str]:
    """Return what several nodes consist of."""
    return [word for node in nodes for word in words(node)]


def value(binding: Node) -> Node:
    """Return the expression of a binding or of a parameter's default, as it is written."""
    return next(child for child in reversed(binding.children) if child.kind not in {";", "comment"})


def comments_above(file: DockerFile, node: Node) -> list[Node]:
    """Return the comments between a binding or parameter and the code above it, the nearest first."""
    found: list[Node] = []
    position = node.start
    for comment in reversed(file.comments()):
        if comment.end > position:
            continue
        line = file.text.rfind("\n", 0, comment.start) + 1
        if file.text[comment.end : position].strip(" \t\n,") or file.text[line : comment.start].strip():
            break
        found.append(comment)
        position = comment.start
    return found


def with_comments(file: DockerFile, node: Node) -> tuple[int, int]:
    """Return the span of a binding or parameter, with the comments above it and those behind it on its last line."""
    start = min(part.start for part in [node, *comments_above(file, node)])
    end = node.end
    for comment in file.comments():
        gap = file.text[end : comment.start]
        if comment.start >= end and "\n" not in gap and not gap.strip(" \t,"):
            end = comment.end
    return start, end


def formal_with_comma(formal: Node) -> list[Node]:
    """Return a parameter and the comma on its line that is there for it."""
    siblings = formal.parent.children if formal.parent is not None else []
    index = next(i for i, sibling in enumerate(siblings) if sibling is formal)
    text = formal.tree.text
    behind, before = siblings[index + 1], siblings[index - 1]
    if behind.kind == "," and "\n" not in text[formal.end : behind.start]:
        return [formal, behind]
    if before.kind == "," and "\n" not in text[before.end : formal.start]:
        return [before, formal]
    return [formal]


def text_of(comment: Node) -> str:
    """Return a comment, whatever its spaces are."""
    return " ".join(comment.text.split())
