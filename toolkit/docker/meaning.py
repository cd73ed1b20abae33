"""The meaning of a version of the file, as far as its syntax shows.

Strangers' files are read in a child, see `toolkit.confined`.
"""

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.version import Version

from toolkit.docker import COMPONENTS, PREFIX_ENTRY, TARGET, builder
from toolkit.docker.case import names
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
    Component,
    Overridable,
    PathPlace,
    Reading,
    State,
    overall,
    state,
)

NEW_WAY = "the file is built in a new way, without the TODO, and no override reaches a component"

_DAEMON = "moby"
_MOBY = Version("20.10")
# A file of an older docker may have no wrapper: rootless mode came to nixpkgs during 20.10.
_WRAPPER_EVERYWHERE = Version("23")


class Parsed(Struct, frozen=True, kw_only=True):
    """The facts that the syntax shows, and the inputs with which Nix can find more.

    `names` are possible package names, `exported` are its releases, and `takes_function` shows whether its builder
    takes a function. `paths` are the files beside it, `parameters` those that may exist for overriding a component, by
    its name.
    """

    reading: Reading
    names: tuple[str, ...] = ()
    exported: tuple[str, ...] = ()
    takes_function: bool = True
    paths: tuple[str, ...] = ()
    parameters: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @property
    def is_new(self) -> bool:
        """Return whether the file's build differs from the known layouts, and the TODO is gone."""
        return self.reading.overridable is not Overridable.NO and not self.reading.todo


def read(content: bytes) -> Parsed:
    """Return the meaning of a version; UNKNOWN, with the reason, if it cannot be read."""
    name = TARGET.name
    try:
        return of(docker_file(content, name=name))
    except LayoutError:
        reason = f"{STRANGE}nothing in it is bound to a function {layout.GENERATOR}"
    except ToolkitError as error:
        said = error.message.removeprefix(f"{name}: ").removeprefix(f"{name}:")
        reason = f"cannot be parsed: {said}" if isinstance(error, NixSyntaxError) else said
    return Parsed(reading=readings.unknown(reason))


def of(file: DockerFile) -> Parsed:
    """Return the meaning of a parsed file."""
    releases = {each.attr: each.version for each in file.releases()}
    return Parsed(
        reading=_reading(file, releases),
        names=names([file]),
        exported=tuple(releases),
        takes_function=builder.builder(file).takes_function,
        paths=file.paths(),
        parameters=layout.arguments(file),
    )


def evaluated(
    parsed: Parsed, works: Mapping[str, tuple[str, ...]], place: PathPlace | None, failed: dict[str, str]
) -> Reading:
    """Return a reading in which what Nix found takes the place of what the syntax says.

    `works` has the override methods of each component that Nix has tried. If none works although the file is built
    otherwise than it was, and without the TODO, somebody may have fixed it in a way that nobody has thought of.
    """
    reading = parsed.reading
    components = tuple(_tried(each, works[each.name]) if each.name in works else each for each in reading.components)
    overridable, reason = reading.overridable, reading.reason
    if overridable is not Overridable.NOT_APPLICABLE:
        overridable = overall(components)
        if overridable is Overridable.NO and parsed.is_new:
            overridable, reason = Overridable.UNKNOWN, NEW_WAY
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


def _tried(component: Component, works: tuple[str, ...]) -> Component:
    """Return a component with the methods that work; docker has it, wherever the file binds it."""
    bound = "elsewhere" if component.bound == "absent" else component.bound
    return replace(component, bound=bound, overridable=bool(works), methods=works)


def undecided(reading: Reading, reason: str) -> Reading:
    """Return a reading for a version that Nix could not evaluate: good news from the syntax alone counts as unknown."""
    good = reading.overridable in {Overridable.YES, Overridable.PARTLY}
    overridable = Overridable.UNKNOWN if good else reading.overridable
    return replace(
        reading,
        state=state(overridable, reading.rootlesskit),
        overridable=overridable,
        overridable_by=None if overridable is Overridable.UNKNOWN else SYNTAX,
        reason=f"{reading.reason}; {reason}" if reading.reason else reason,
    )


def _strange(file: DockerFile, place: Placement) -> str | None:
    """Say what of a layout is not known."""
    if place.obscure is not None:
        return f"at {place.obscure.place} bin/dockerd-rootless is made, or gets rootlesskit, in an unknown way"
    if layout.component(file, _DAEMON).bound == "absent":
        elsewhere = next((node for node in file.function.walk() if _DAEMON in binding_names(node)), None)
        if elsewhere is not None and elsewhere.kind == "binding":
            return f"{_DAEMON} is bound at {elsewhere.place}, not in the 'let' that {layout.GENERATOR} begins with"
    return None


def _reading(file: DockerFile, releases: dict[str, str | None]) -> Reading:
    newest = layout.newest(releases.values())
    version = layout.ordered(newest or "")
    placement = wrapper.placement(file)
    strange = _strange(file, placement)
    bound_in = {"let": False if layout.locked(file) else None, "parameter": True, "attribute": True}
    bound = (layout.component(file, name) for name in COMPONENTS)
    components = tuple(replace(each, overridable=bound_in.get(each.bound)) for each in bound)
    overridable, reason = overall(components), None
    absent = [component.name for component in components if component.bound == "absent"]
    if _DAEMON in absent and newest is not None and version < _MOBY and strange is None:
        overridable = Overridable.NOT_APPLICABLE
    elif absent:
        overridable = Overridable.UNKNOWN if _DAEMON in absent else overridable
        absence = f"there is no {', '.join(absent)} in the 'let' of {layout.GENERATOR}, though docker is {newest}"
        reason = STRANGE + (strange or absence)
    elif overridable is Overridable.UNKNOWN:
        reason = "only Nix can determine whether the components can be overridden"
    place = placement.where
    uses = [each.node.parent for each in file.references if each.name == PREFIX_ENTRY]
    listed = sum(parent is not None and parent.kind == "list_expression" for parent in uses)
    if place is PathPlace.NO_WRAPPER and (
        "dockerd-rootless" in file.text or not (newest and version < _WRAPPER_EVERYWHERE)
    ):
        place, reason = PathPlace.UNKNOWN, "no command that makes the dockerd-rootless wrapper was recognised"
    elif place is PathPlace.UNKNOWN:
        reason = f"{STRANGE}{strange}"
    elif (place is PathPlace.ABSENT and listed) or (
        # What is good news needs that nothing else is done with it.
        place in {PathPlace.ABSENT, PathPlace.SUFFIX} and (listed < len(uses) or listed > 1)
    ):
        place, reason = PathPlace.UNKNOWN, "rootlesskit is used in a way that was not recognised"
    outer = "let … in" if file.container.kind == "let_expression" else "rec"
    return Reading(
        state=state(overridable, place),
        overridable=overridable,
        overridable_by=SYNTAX if overridable is not Overridable.UNKNOWN else None,
        rootlesskit=place,
        rootlesskit_by=SYNTAX if place is not PathPlace.UNKNOWN else None,
        todo=bool(file.todos()),
        layout=f"{layout.GENERATOR} in {outer}, {file.style.value} style",
        newest=newest,
        releases=releases,
        components=components,
        failed={},
        reason=reason,
    )


def sentence(reading: Reading) -> str:
    """Return a reading in one line for people, in the words of track's table."""
    if reading.state is State.UNKNOWN:
        reason = reading.reason or "the syntax does not show it"
        return reason if reason.startswith(STRANGE) else f"{State.UNKNOWN}: {reason}"
    if reading.state is State.NOT_APPLICABLE:
        return f"older than 20.10 ({reading.newest or 'no release'}): there is no moby to move and no rootless wrapper"
    ways = dict.fromkeys(each.methods[0].replace(each.name, "NAME") for each in reading.components if each.methods)
    by = f" by {', '.join(ways)}" if ways else ""
    overridable = f"components overridable: {reading.overridable}{by}"
    return f"{reading.state}: {overridable}; rootlesskit in PATH: {reading.rootlesskit}"
