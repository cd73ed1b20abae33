"""The meaning of a version of the file, as far as its syntax shows.

Most versions differ only in numbers and hashes, which do not matter here: these are removed, and equal results are
parsed once. Strangers' files are read in a child, see `toolkit.confined`.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.version import Version

from toolkit import files
from toolkit.docker import COMPONENTS, PREFIX_ENTRY, TARGET, builder
from toolkit.docker.case import names
from toolkit.docker.rewrite import layout, wrapper
from toolkit.docker.rewrite.layout import DockerFile, Release, docker_file
from toolkit.docker.rewrite.wrapper import Placement
from toolkit.errors import LayoutError, NixSyntaxError, RefusalError, ToolkitError
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

# Replacing the string never changes how the line parses, in Nix or in an indented string.
_VALUE = re.compile(
    r'^([ \t]*(?:version|rev|hash|sha256|[a-z]{1,40}(?:Rev|Hash|Sha256)) = )"([^"\'\\$\n]*)";', re.MULTILINE
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


class _Syntax(Struct, frozen=True, kw_only=True):
    """The parsed content of a file, with placeholders for the versions.

    `locked`: no override reaches the bindings of its let. `strange` names the unknown parts of the layout.
    """

    layout: str
    releases: tuple[Release, ...]
    components: tuple[Component, ...]
    place: PathPlace
    listed: int
    unlisted: int
    todo: bool
    paths: tuple[str, ...]
    parameters: dict[str, tuple[str, ...]]
    locked: bool
    mentions_wrapper: bool
    strange: str | None
    names: tuple[str, ...]
    takes_function: bool


def read(content: bytes) -> Parsed:
    """Return the meaning of a version; UNKNOWN, with the reason, if it cannot be read."""
    name = TARGET.name
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
        return Parsed(reading=readings.unknown(_subjectless(error.message, name)))
    if isinstance(syntax, str):
        return Parsed(reading=readings.unknown(syntax))
    return _parsed(syntax, {_placeholder(index, value): value for index, value in enumerate(values)})


def of(file: DockerFile) -> Parsed:
    """Return the meaning of a parsed file; raise RefusalError if it cannot be followed."""
    return _parsed(_syntax(file), {})


def _parsed(syntax: _Syntax, real: Mapping[str, str]) -> Parsed:
    return Parsed(
        reading=_reading(syntax, real),
        names=syntax.names,
        exported=tuple(release.attr for release in syntax.releases),
        takes_function=syntax.takes_function,
        paths=syntax.paths,
        parameters=syntax.parameters,
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


@lru_cache(maxsize=256)
def parse(text: str, name: str) -> _Syntax | str:
    """Parse a file; return its meaning, or why it is unknown."""
    try:
        file = docker_file(text.encode(), name=name)
        return _syntax(file)
    except NixSyntaxError as error:
        return f"cannot be parsed: {_subjectless(error.message, name)}"
    except LayoutError:
        return f"{STRANGE}nothing in it is bound to a function {layout.GENERATOR}"
    except RefusalError as error:
        return _subjectless(error.message, name)


def _syntax(file: DockerFile) -> _Syntax:
    place = wrapper.placement(file)
    uses = [
        reference.node.parent is not None and reference.node.parent.kind == "list_expression"
        for reference in file.references
        if reference.name == PREFIX_ENTRY
    ]
    outer = "let … in" if file.container.kind == "let_expression" else "rec"
    return _Syntax(
        layout=f"{layout.GENERATOR} in {outer}, {file.style.value} style",
        releases=file.releases(),
        components=tuple(layout.component(file, component) for component in COMPONENTS),
        place=place.where,
        listed=sum(uses),
        unlisted=len(uses) - sum(uses),
        todo=file.todo() is not None,
        paths=file.paths(),
        parameters=layout.arguments(file, COMPONENTS),
        locked=layout.locked(file, COMPONENTS),
        mentions_wrapper="dockerd-rootless" in file.text,
        strange=_strange(file, place),
        names=names([file]),
        takes_function=builder.builder(file).takes_function,
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


def _reading(syntax: _Syntax, real: Mapping[str, str]) -> Reading:
    releases = {each.attr: real.get(each.version, each.version) if each.version else None for each in syntax.releases}
    newest = layout.newest(releases.values())
    bound_in = {"let": False if syntax.locked else None, "parameter": True, "attribute": True}
    components = tuple(replace(each, overridable=bound_in.get(each.bound)) for each in syntax.components)
    overridable, reason = overall(components), None
    absent = [component.name for component in components if component.bound == "absent"]
    version = layout.ordered(newest or "")
    if _DAEMON in absent and newest is not None and version < _MOBY and syntax.strange is None:
        overridable = Overridable.NOT_APPLICABLE
    elif absent:
        overridable = Overridable.UNKNOWN if _DAEMON in absent else overridable
        absence = f"there is no {', '.join(absent)} in the 'let' of {layout.GENERATOR}, though docker is {newest}"
        reason = STRANGE + (syntax.strange or absence)
    elif overridable is Overridable.UNKNOWN:
        reason = "only Nix can determine whether the components can be overridden"
    place = syntax.place
    if place is PathPlace.NO_WRAPPER and (syntax.mentions_wrapper or not (newest and version < _WRAPPER_EVERYWHERE)):
        place, reason = PathPlace.UNKNOWN, "no command that makes the dockerd-rootless wrapper was recognised"
    elif place is PathPlace.UNKNOWN:
        reason = f"{STRANGE}{syntax.strange}"
    elif (place is PathPlace.ABSENT and syntax.listed) or (
        # What is good news needs that nothing else is done with it.
        place in {PathPlace.ABSENT, PathPlace.SUFFIX} and (syntax.unlisted or syntax.listed > 1)
    ):
        place, reason = PathPlace.UNKNOWN, "rootlesskit is used in a way that was not recognised"
    return Reading(
        state=state(overridable, place),
        overridable=overridable,
        overridable_by=SYNTAX if overridable is not Overridable.UNKNOWN else None,
        rootlesskit=place,
        rootlesskit_by=SYNTAX if place is not PathPlace.UNKNOWN else None,
        todo=syntax.todo,
        layout=syntax.layout,
        newest=newest,
        releases=releases,
        components=components,
        failed={},
        reason=reason,
    )


def _placeholder(index: int, value: str) -> str:
    """Return a summary of a value: of a version its first number counts, by which a file is known to be young."""
    major = re.match(r"\d{1,4}\.", value)
    return f"{major[0] if major is not None else ''}@{index}@"


def _subjectless(message: str, name: str) -> str:
    """Return a message without the file's name at its beginning; the place in the file stays."""
    return message.removeprefix(f"{name}: ").removeprefix(f"{name}:")


def sentence(reading: Reading) -> str:
    """Return a reading in one line for people."""
    match reading.state:
        case State.UNKNOWN:
            reason = reading.reason or "the syntax does not show it"
            return reason if reason.startswith(STRANGE) else f"{State.UNKNOWN}: {reason}"
        case State.NOT_APPLICABLE:
            return (
                f"older than 20.10 ({reading.newest or 'no release'}): the daemon is built with the client, "
                "there is no moby to move and no rootless wrapper"
            )
        case known:
            return f"{known}: {_components(reading)}, {_PLACES[reading.rootlesskit]}"


_PLACES = {
    PathPlace.PREFIX: "rootlesskit in the PATH prefix",
    PathPlace.SUFFIX: "rootlesskit in the PATH suffix",
    PathPlace.BOTH: "rootlesskit in both the PATH prefix and the suffix",
    PathPlace.ABSENT: "rootlesskit not in the wrapper's PATH",
    PathPlace.NO_WRAPPER: "no dockerd-rootless wrapper: there is no PATH to change",
}


def _components(reading: Reading) -> str:
    """Return what reaches the components, each override once if Nix has tried them."""
    reached = [each for each in reading.components if each.overridable]
    ways = dict.fromkeys(each.methods[0].replace(each.name, "NAME") for each in reached if each.methods)
    by = f" by {', '.join(ways)}" if ways else ""
    match reading.overridable:
        case Overridable.YES:
            return f"components overridable{by}"
        case Overridable.PARTLY:
            return f"only some components can be overridden ({', '.join(each.name for each in reached)}{by})"
        case Overridable.NOT_APPLICABLE:
            return "the daemon is built with the client"
        case _ if all(each.bound == "let" for each in reading.components):
            return "components bound in dockerGen's let"
        case _:
            return "no override reaches a component"
