"""What a version of the file means, as far as its syntax tells.

Most versions differ in nothing but numbers and hashes, which mean nothing here. They are taken out before the
file is parsed, and what is left is parsed once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from toolkit import files
from toolkit.docker.reading import docker_file
from toolkit.docker.rewrite import layout, wrapper
from toolkit.docker.track.report.document import Component, Overridable, Place, Reading, State
from toolkit.errors import LayoutError, NixSyntaxError, RefusalError, ToolkitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolkit.docker.plan import Plan

SYNTAX = "syntax"

# A line that binds a name to a plain string is one whatever the string is, in Nix as well as in an indented string.
_VALUE = re.compile(r'^(\s*(?:version|rev|hash|sha256|[a-z]+(?:Rev|Hash|Sha256)) = )"([^"\'\\$\n]*)";', re.MULTILINE)

_MOBY = (20, 10)
_WRAPPER_EVERYWHERE = (23,)


@dataclass(frozen=True, slots=True)
class _Syntax:
    """What stands in a file, with placeholders for the versions."""

    layout: str
    releases: tuple[tuple[str, str | None], ...]
    components: tuple[tuple[str, str], ...]
    place: str
    listed: int
    unlisted: int
    todo: bool


def read(content: bytes, plan: Plan, *, name: str) -> Reading:
    """Return what a version means; one that cannot be read is UNKNOWN, with the reason."""
    try:
        files.check_content(name, content)
        text = content.decode()
        values: list[str] = []

        def take(match: re.Match[str]) -> str:
            values.append(match[2])
            return f'{match[1]}"{_placeholder(len(values) - 1)}";'

        bare = _VALUE.sub(take, text)
        # In a file that is no Nix the place of the error counts, and that must be the file's own.
        syntax = parse(bare, plan.components, plan.prefix_entry, name)
        if isinstance(syntax, str):
            return unknown(syntax)
    except ToolkitError as error:
        return unknown(_subjectless(error.message, name))
    real = {_placeholder(index): value for index, value in enumerate(values)}
    return _reading(syntax, real, mentions_wrapper="dockerd-rootless" in text)


def unknown(reason: str) -> Reading:
    """Return the reading of what cannot be read."""
    return Reading(
        state=State.UNKNOWN,
        overridable=Overridable.UNKNOWN,
        overridable_by=None,
        rootlesskit=Place.UNKNOWN,
        rootlesskit_by=None,
        todo=None,
        layout=None,
        newest=None,
        releases={},
        components=(),
        reason=reason,
    )


@lru_cache(maxsize=64)
def binds_generator(content: bytes) -> bool:
    """Tell whether a content is a file of the known kind."""
    try:
        files.check_content("", content)
        layout.DockerFile(content.decode(), name="")
    except (ToolkitError, RecursionError):
        return False
    return True


def state(overridable: Overridable, place: Place) -> State:
    """Return what both defects come to."""
    if Overridable.UNKNOWN is overridable or Place.UNKNOWN is place:
        return State.UNKNOWN
    demoted = place in {Place.SUFFIX, Place.ABSENT}
    if overridable is Overridable.NOT_APPLICABLE and place is Place.NO_WRAPPER:
        return State.NOT_APPLICABLE
    if overridable is Overridable.YES and (demoted or place is Place.NO_WRAPPER):
        return State.FIXED
    if overridable is Overridable.NO and not demoted:
        return State.NOT_FIXED
    if overridable is Overridable.NOT_APPLICABLE:
        return State.FIXED if demoted else State.NOT_FIXED
    return State.HALF_FIXED


def overall(components: Iterable[Component]) -> Overridable:
    """Return what the components come to; one of which nothing is known spoils only what depends on it."""
    answers = {component.overridable for component in components}
    if False in answers:
        return Overridable.PARTLY if True in answers else Overridable.NO
    return Overridable.YES if answers == {True} else Overridable.UNKNOWN


def numbers(version: str | None) -> tuple[int, ...]:
    """Return a version as its numbers, which compare; nothing for none."""
    return tuple(int(part) for part in re.findall(r"\d+", version or ""))


@lru_cache(maxsize=256)
def parse(text: str, components: tuple[str, ...], entry: str, name: str) -> _Syntax | str:
    """Return what stands in a file, or why that cannot be told."""
    try:
        file = docker_file(text.encode(), name=name)
        place = wrapper.placement(file, entry)
    except NixSyntaxError as error:
        return f"cannot be parsed: {_subjectless(error.message, name)}"
    except LayoutError:
        return f"unknown layout: nothing in it is bound to a function {layout.GENERATOR}"
    except RefusalError as error:
        return _subjectless(error.message, name)
    uses = [
        reference.node.parent is not None and reference.node.parent.kind == "list_expression"
        for reference in file.references
        if reference.name == entry
    ]
    outer = "let … in" if file.container.kind == "let_expression" else "rec"
    return _Syntax(
        layout=f"{layout.GENERATOR} in {outer}, {file.style.value} style",
        releases=tuple((release.attr, release.version) for release in file.releases()),
        components=tuple((component, layout.component(file, component).bound) for component in components),
        place=place.where,
        listed=sum(in_list for in_list in uses),
        unlisted=sum(not in_list for in_list in uses),
        todo=file.todo() is not None,
    )


def _reading(syntax: _Syntax, real: Mapping[str, str], *, mentions_wrapper: bool) -> Reading:
    releases = {attr: real.get(version, version) if version else None for attr, version in syntax.releases}
    newest = max((version for version in releases.values() if version), key=numbers, default=None)
    components = tuple(
        Component(name=name, bound=bound, overridable={"let": False, "parameter": True}.get(bound))
        for name, bound in syntax.components
    )
    overridable, reason = overall(components), None
    absent = [component.name for component in components if component.bound == "absent"]
    if "moby" in absent and newest is not None and numbers(newest) < _MOBY:
        overridable = Overridable.NOT_APPLICABLE
    elif absent:
        reason = f"{', '.join(absent)}: neither in {layout.GENERATOR}'s let nor its parameter"
    place = Place(syntax.place)
    if place is Place.NO_WRAPPER and (mentions_wrapper or not _is_before_wrapper(newest)):
        place, reason = Place.UNKNOWN, "no command that makes the dockerd-rootless wrapper was recognised"
    elif place is Place.UNKNOWN:
        reason = "dockerd-rootless is made, or gets rootlesskit, in a way that was not recognised"
    elif (place is Place.ABSENT and syntax.listed) or (
        # What is good news needs that nothing else is done with it.
        place in {Place.ABSENT, Place.SUFFIX} and (syntax.unlisted or syntax.listed > 1)
    ):
        place, reason = Place.UNKNOWN, "rootlesskit is used in a way that was not recognised"
    return Reading(
        state=state(overridable, place),
        overridable=overridable,
        overridable_by=SYNTAX if overridable is not Overridable.UNKNOWN else None,
        rootlesskit=place,
        rootlesskit_by=SYNTAX if place is not Place.UNKNOWN else None,
        todo=syntax.todo,
        layout=syntax.layout,
        newest=newest,
        releases=releases,
        components=components,
        reason=reason,
    )


def with_answers(reading: Reading, *, works: Mapping[str, bool], place: Place | None, by: str) -> Reading:
    """Return a reading in which what Nix found takes the place of what the syntax says."""
    components = tuple(
        replace(component, overridable=works.get(component.name, component.overridable))
        for component in reading.components
    )
    overridable, decided = reading.overridable, reading.overridable_by
    if overridable is not Overridable.NOT_APPLICABLE:
        overridable, decided = overall(components), by
    if overridable is Overridable.UNKNOWN:
        decided = None
    where = place if place is not None else reading.rootlesskit
    whole = Overridable.UNKNOWN is not overridable and Place.UNKNOWN is not where
    return replace(
        reading,
        state=state(overridable, where),
        overridable=overridable,
        overridable_by=decided,
        rootlesskit=where,
        rootlesskit_by=by if place is not None else reading.rootlesskit_by,
        components=components,
        reason=None if whole else reading.reason,
    )


def _is_before_wrapper(newest: str | None) -> bool:
    """Tell whether a file of this docker may have no wrapper: rootless mode came to nixpkgs during 20.10."""
    return newest is not None and numbers(newest) < _WRAPPER_EVERYWHERE


def _placeholder(index: int) -> str:
    return f"@{index}@"


def _subjectless(message: str, name: str) -> str:
    """Return a message without the file's name at its beginning; the place in the file stays."""
    return message.removeprefix(f"{name}: ").removeprefix(f"{name}:")
