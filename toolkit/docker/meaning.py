"""The meaning of a version of the file, as far as its syntax shows.

A child process reads strangers' files, see `toolkit.confined`.
"""

from collections.abc import Mapping

from msgspec.structs import replace
from packaging.version import Version

from toolkit.docker import COMPONENTS, PREFIX_ENTRY, TARGET, PathPlace
from toolkit.docker.rewrite import layout, wrapper
from toolkit.docker.rewrite.layout import DockerFile, docker_file
from toolkit.docker.rewrite.wrapper import Placement
from toolkit.errors import LayoutError, NixSyntaxError, ToolkitError
from toolkit.nix.scope import binding_names
from toolkit.track import readings
from toolkit.track.readings import (
    EVALUATION,
    STRANGE,
    SYNTAX,
    UNKNOWN,
    Component,
    Fact,
    Overridable,
    Reading,
    State,
    overall,
)

NEW_WAY = (
    "the file has a new structure and no TODO, but no override reaches a component"
)

TODO, _THERE = "TODO", "there"
"""The fact about upstream's TODO, and its value if the file has that comment."""

_DAEMON, _LIST = "moby", "list_expression"
_MOBY = Version("20.10")
# A file of an older docker may have no wrapper: rootless mode came to nixpkgs during
# 20.10.
_WRAPPER_EVERYWHERE = Version("23")


def read(content: bytes) -> Reading:
    """Return the meaning of a version.

    UNKNOWN, with the reason, if it cannot be read.
    """
    name = TARGET.name
    try:
        return reading(docker_file(content, name=name))
    except LayoutError:
        reason = f"{STRANGE}it binds nothing to a function {layout.GENERATOR}"
    except ToolkitError as error:
        said = error.message.removeprefix(f"{name}: ").removeprefix(f"{name}:")
        reason = (
            f"unlet cannot parse it: {said}"
            if isinstance(error, NixSyntaxError)
            else said
        )
    return readings.unknown(reason)


def is_new(reading: Reading) -> bool:
    """Return whether the file has an unknown structure and no TODO."""
    return (
        reading.overridable is not Overridable.NO and reading.fact(TODO).value != _THERE
    )


def evaluated(
    reading: Reading,
    works: Mapping[str, tuple[str, ...]],
    place: PathPlace | None,
    failed: dict[str, str],
) -> Reading:
    """Return a reading with Nix's results in place of those of the syntax.

    `works` has the tried override methods of each component. If none works, but the
    file has a new structure without the TODO, somebody may have fixed it in an unknown
    way.
    """
    components = tuple(
        _tried(each, works[each.name]) if each.name in works else each
        for each in reading.components
    )
    overridable, reason = reading.overridable, reading.reason
    if overridable is not Overridable.NOT_APPLICABLE:
        overridable = overall(components)
        if overridable is Overridable.NO and is_new(reading):
            overridable, reason = Overridable.UNKNOWN, NEW_WAY
    facts = (
        reading.facts
        if place is None
        else {**reading.facts, PREFIX_ENTRY: Fact(value=place, by=EVALUATION)}
    )
    result = state(overridable, place or place_of(reading))
    return replace(
        reading,
        state=result,
        overridable=overridable,
        overridable_by=EVALUATION,
        facts=facts,
        components=components,
        failed=failed,
        reason=reason if result is State.UNKNOWN else None,
    )


def _tried(component: Component, works: tuple[str, ...]) -> Component:
    """Return a component with the methods that work.

    Docker has it, wherever the file defines it.
    """
    bound = "elsewhere" if component.bound == "absent" else component.bound
    return replace(component, bound=bound, overridable=bool(works), methods=works)


def undecided(reading: Reading, reason: str) -> Reading:
    """Return a reading for a version that Nix could not evaluate.

    Good news from the syntax alone counts as unknown.
    """
    good = reading.overridable in {Overridable.YES, Overridable.PARTLY}
    overridable = Overridable.UNKNOWN if good else reading.overridable
    return replace(
        reading,
        state=state(overridable, place_of(reading)),
        overridable=overridable,
        overridable_by=None if overridable is Overridable.UNKNOWN else SYNTAX,
        reason="; ".join(
            filter(None, (reading.reason, f"Nix could not decide: {reason}"))
        ),
    )


def _strange(file: DockerFile, place: Placement) -> str | None:
    """Return which part of a layout is unknown."""
    if place.obscure is not None:
        return (
            f"the code at {place.obscure.place} makes bin/dockerd-rootless, or adds "
            "rootlesskit to it, in an unknown way"
        )
    if layout.component(file, _DAEMON).bound == "absent":
        elsewhere = next(
            (node for node in file.function.walk() if _DAEMON in binding_names(node)),
            None,
        )
        if elsewhere is not None and elsewhere.kind == "binding":
            return (
                f"{_DAEMON} is defined at {elsewhere.place}, not in the 'let' at the "
                f"start of {layout.GENERATOR}"
            )
    return None


def _components(file: DockerFile) -> tuple[Component, ...]:
    bound_in = {
        "let": False if layout.locked(file) else None,
        "parameter": True,
        "attribute": True,
    }
    bound = (layout.component(file, name) for name in COMPONENTS)
    return tuple(
        replace(component, overridable=bound_in.get(component.bound))
        for component in bound
    )


def reading(file: DockerFile) -> Reading:
    """Return the meaning of a parsed file."""
    releases = file.releases()
    newest = layout.newest(releases.values())
    version = layout.ordered(newest or "")
    placement = wrapper.placement(file)
    strange = _strange(file, placement)
    components = _components(file)
    overridable, reason = overall(components), None
    absent = [each.name for each in components if each.bound == "absent"]
    if _DAEMON in absent and newest is not None and version < _MOBY and strange is None:
        overridable = Overridable.NOT_APPLICABLE
    elif absent:
        overridable = Overridable.UNKNOWN if _DAEMON in absent else overridable
        let = f"docker is {newest}, but the 'let' of {layout.GENERATOR}"
        reason = STRANGE + (strange or f"{let} does not define {', '.join(absent)}")
    elif overridable is Overridable.UNKNOWN:
        reason = "only Nix can determine whether the components can be overridden"
    place = placement.where
    uses = [each.node.parent for each in file.references if each.name == PREFIX_ENTRY]
    kinds = [node.kind for node in uses if node is not None]
    is_new = not newest or version >= _WRAPPER_EVERYWHERE
    # What is good news needs that nothing else is done with it.
    is_used_elsewhere = (place is PathPlace.ABSENT and kinds) or (
        place is PathPlace.SUFFIX and kinds not in ([], [_LIST])
    )
    if place is PathPlace.UNKNOWN:
        reason = f"{STRANGE}{strange}"
    elif place is PathPlace.NO_WRAPPER and (is_new or "dockerd-rootless" in file.text):
        place = PathPlace.UNKNOWN
        reason = (
            "the file contains no known command that creates the "
            "dockerd-rootless wrapper"
        )
    elif is_used_elsewhere:
        place = PathPlace.UNKNOWN
        reason = "the file uses rootlesskit in an unknown way"
    return Reading(
        state=state(overridable, place),
        overridable=overridable,
        overridable_by=SYNTAX if overridable is not Overridable.UNKNOWN else None,
        facts={
            PREFIX_ENTRY: Fact(
                value=place, by=SYNTAX if place is not PathPlace.UNKNOWN else None
            ),
            TODO: Fact(value=_THERE if file.todos() else "none"),
        },
        newest=newest,
        releases=releases,
        components=components,
        reason=reason,
    )


def place_of(reading: Reading) -> PathPlace:
    """Return the place of rootlesskit in the wrapper's PATH."""
    return PathPlace(reading.fact(PREFIX_ENTRY).value)


def is_open(reading: Reading) -> bool:
    """Return whether Nix has to decide.

    If the syntax shows both defects, Nix could only confirm them.
    """
    is_closed = (
        reading.overridable is Overridable.NO and place_of(reading) is PathPlace.PREFIX
    )
    is_for_nix = (
        bool(reading.facts) and reading.overridable is not Overridable.NOT_APPLICABLE
    )
    return is_for_nix and reading.overridable_by != EVALUATION and not is_closed


_GONE = frozenset(
    [Overridable.YES, Overridable.PARTLY, PathPlace.SUFFIX, PathPlace.ABSENT]
)
_LEFT = frozenset(
    [Overridable.NO, Overridable.PARTLY, PathPlace.PREFIX, PathPlace.BOTH]
)
"""The facts that show whether a defect is gone, or remains at least in part."""


def state(overridable: Overridable, place: PathPlace) -> State:
    """Return the combined state of both defects."""
    facts = {overridable, place}
    if UNKNOWN in facts:
        return State.UNKNOWN
    if facts & _GONE:
        return State.HALF_FIXED if facts & _LEFT else State.FIXED
    return State.NOT_FIXED if facts & _LEFT else State.NOT_APPLICABLE


def sentence(reading: Reading) -> str:
    """Return a reading in one line for people, in the words of `track`."""
    if reading.state is State.UNKNOWN:
        reason = reading.reason or "the file's syntax does not show this"
        return reason if reason.startswith(STRANGE) else f"{State.UNKNOWN}: {reason}"
    if reading.state is State.NOT_APPLICABLE:
        return (
            f"older than 20.10 ({reading.newest or 'no release'}): it has no moby to "
            "move and no rootless wrapper"
        )
    ways = dict.fromkeys(
        each.methods[0].replace(each.name, "NAME")
        for each in reading.components
        if each.methods
    )
    by = f" by {', '.join(ways)}" if ways else ""
    overridable = f"components overridable: {reading.overridable}{by}"
    return f"{reading.state}: {overridable}; rootlesskit in PATH: {place_of(reading)}"
