"""What a version of the file means, as far as its syntax tells.

Most versions differ in nothing but numbers and hashes, which mean nothing here. They are taken out before the
file is parsed, and what is left is parsed once. Strangers' files are read in a child: see `toolkit.confined`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from toolkit import files
from toolkit.docker import plan as plans
from toolkit.docker import staging
from toolkit.docker.claims import doors
from toolkit.docker.reading import docker_file
from toolkit.docker.rewrite import layout, wrapper
from toolkit.docker.track.model import Component, Overridable, Place, Reading, State
from toolkit.errors import LayoutError, NixSyntaxError, RefusalError, ToolkitError
from toolkit.nix.attributes import spine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolkit.docker.rewrite.layout import DockerFile

SYNTAX, EVALUATION = "syntax", "evaluation"

# A line that binds a name to a plain string is one whatever the string is, in Nix as well as in an indented string.
_VALUE = re.compile(
    r'^([ \t]*(?:version|rev|hash|sha256|[a-z]{1,40}(?:Rev|Hash|Sha256)) = )"([^"\'\\$\n]*)";', re.MULTILINE
)

_MOBY = (20, 10)
_WRAPPER_EVERYWHERE = (23,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What the syntax tells, and what Nix has to be given to tell more.

    `question` is what a case.json has besides the sides, `paths` are the files beside it, `parameters` those that may
    be made for overriding a component, by its name. With `closed` the components are bound in the let and nothing in
    the file looks like a way to replace them, so that Nix could only repeat it.
    """

    reading: Reading
    question: dict[str, object] = field(default_factory=dict[str, object])
    paths: tuple[str, ...] = ()
    parameters: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Syntax:
    """What stands in a file, with placeholders for the versions.

    It is `locked` if nothing reaches what is bound in its let.
    """

    layout: str
    releases: tuple[tuple[str, str | None], ...]
    components: tuple[tuple[str, str], ...]
    place: str
    listed: int
    unlisted: int
    todo: bool
    question: dict[str, object]
    paths: tuple[str, ...]
    parameters: dict[str, tuple[str, ...]]
    locked: bool


def read(content: bytes) -> Parsed:
    """Return what a version means; one that cannot be read is UNKNOWN, with the reason."""
    plan = plans.plan()
    name = plan.target.name
    try:
        files.check_content(name, content)
        text = content.decode()
        values: list[str] = []

        def take(match: re.Match[str]) -> str:
            values.append(match[2])
            return f'{match[1]}"{_placeholder(len(values) - 1, match[2])}";'

        # In a file that is no Nix the place of the error counts, which is the same in both.
        syntax = parse(_VALUE.sub(take, text), name)
    except ToolkitError as error:
        return Parsed(reading=unknown(_subjectless(error.message, name)))
    if isinstance(syntax, str):
        return Parsed(reading=unknown(syntax))
    real = {_placeholder(index, value): value for index, value in enumerate(values)}
    return Parsed(
        reading=_reading(syntax, real, mentions_wrapper="dockerd-rootless" in text),
        question=syntax.question,
        paths=syntax.paths,
        parameters=syntax.parameters,
        closed=syntax.locked and {bound for _, bound in syntax.components} <= {"let", "absent"},
    )


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
        failed={},
        reason=reason,
    )


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


def evaluated(
    parsed: Parsed, works: Mapping[str, tuple[str, ...]], place: Place | None, failed: dict[str, str]
) -> Reading:
    """Return a reading in which what Nix found takes the place of what the syntax says.

    `works` has the doors of each component that Nix has tried. If none works although the file is built otherwise than
    it was, and without the TODO, somebody may have fixed it in a way that nobody has thought of.
    """
    reading = parsed.reading
    components = tuple(
        replace(each, overridable=bool(works[each.name]), doors=works[each.name]) if each.name in works else each
        for each in reading.components
    )
    overridable, reason = reading.overridable, reading.reason
    if overridable is not Overridable.NOT_APPLICABLE:
        overridable = overall(components)
        if overridable is Overridable.NO and not parsed.closed and not reading.todo:
            overridable = Overridable.UNKNOWN
            reason = "the file is built in a new way, without the TODO, and no override reaches a component"
    where = place if place is not None else reading.rootlesskit
    result = state(overridable, where)
    return replace(
        reading,
        state=result,
        overridable=overridable,
        overridable_by=EVALUATION,
        rootlesskit=where,
        rootlesskit_by=EVALUATION if place is not None else reading.rootlesskit_by,
        components=components,
        failed=failed,
        reason=reason if result is State.UNKNOWN else None,
    )


def undecided(reading: Reading, reason: str) -> Reading:
    """Return a reading of what Nix could not evaluate: the syntax alone is not believed where it has good news."""
    good = reading.overridable in {Overridable.YES, Overridable.PARTLY}
    overridable = Overridable.UNKNOWN if good else reading.overridable
    return replace(
        reading,
        state=state(overridable, reading.rootlesskit),
        overridable=overridable,
        overridable_by=None if overridable is Overridable.UNKNOWN else SYNTAX,
        reason=f"{reading.reason}; {reason}" if reading.reason else reason,
    )


@lru_cache(maxsize=256)
def parse(text: str, name: str) -> _Syntax | str:
    """Return what stands in a file, or why that cannot be told."""
    plan = plans.plan()
    entry = plan.prefix_entry
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
    components = tuple((component, layout.component(file, component).bound) for component in plan.components)
    parameters = {name: tuple(found) for name, found in doors.parameters(file, plan.components).items()}
    return _Syntax(
        layout=f"{layout.GENERATOR} in {outer}, {file.style.value} style",
        releases=tuple((release.attr, release.version) for release in file.releases()),
        components=components,
        place=place.where,
        listed=sum(uses),
        unlisted=len(uses) - sum(uses),
        todo=file.todo() is not None,
        question=staging.ask([file], plan.components),
        paths=file.paths(),
        parameters=parameters,
        locked=not parameters and not _takes_functions(file),
    )


def _takes_functions(file: DockerFile) -> bool:
    """Tell whether a function stands below dockerGen's let, as where a package is made of its final attributes."""
    return any(node.kind == "function_expression" for node in spine(file.function)[-1].walk())


def _reading(syntax: _Syntax, real: Mapping[str, str], *, mentions_wrapper: bool) -> Reading:
    releases = {attr: real.get(version, version) if version else None for attr, version in syntax.releases}
    newest = max((version for version in releases.values() if version), key=_numbers, default=None)
    bound_in = {"let": False if syntax.locked else None, "parameter": True, "attribute": True}
    components = tuple(
        Component(name=name, bound=bound, overridable=bound_in.get(bound)) for name, bound in syntax.components
    )
    overridable, reason = overall(components), None
    absent = [component.name for component in components if component.bound == "absent"]
    if "moby" in absent and newest is not None and _numbers(newest) < _MOBY:
        overridable = Overridable.NOT_APPLICABLE
    elif absent:
        reason = f"{', '.join(absent)}: neither in {layout.GENERATOR}'s let nor its parameter"
    elif overridable is Overridable.UNKNOWN:
        reason = "whether the components can be overridden takes Nix to tell"
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
        failed={},
        reason=reason,
    )


def _numbers(version: str) -> tuple[int, ...]:
    """Return a version as its numbers, which compare."""
    return tuple(int(part[:9]) for part in re.findall(r"\d+", version))


def _is_before_wrapper(newest: str | None) -> bool:
    """Tell whether a file of this docker may have no wrapper: rootless mode came to nixpkgs during 20.10."""
    return newest is not None and _numbers(newest) < _WRAPPER_EVERYWHERE


def _placeholder(index: int, value: str) -> str:
    """Return what stands for a value: of a version its first number counts, by which a file is known to be young."""
    major = re.match(r"\d{1,4}\.", value)
    return f"{major[0] if major is not None else ''}@{index}@"


def _subjectless(message: str, name: str) -> str:
    """Return a message without the file's name at its beginning; the place in the file stays."""
    return message.removeprefix(f"{name}: ").removeprefix(f"{name}:")
