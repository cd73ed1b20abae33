import re

import pytest

from tests import specimens
from tests.track.conftest import layout
from toolkit.docker import PathPlace, meaning
from toolkit.docker.meaning import place_of
from toolkit.track.readings import Overridable, Reading, State


def read(text: str | bytes) -> Reading:
    content = text if isinstance(text, bytes) else text.encode()
    return meaning.read(content)


STATES = {
    "19.03": (
        State.NOT_APPLICABLE,
        Overridable.NOT_APPLICABLE,
        PathPlace.NO_WRAPPER,
        "none",
    ),
    "20.10.14": (State.NOT_FIXED, Overridable.NO, PathPlace.PREFIX, "none"),
    "states/fixed": (State.FIXED, Overridable.YES, PathPlace.SUFFIX, "none"),
    "states/half-demoted": (State.HALF_FIXED, Overridable.NO, PathPlace.SUFFIX, "none"),
    "states/half-lifted": (
        State.HALF_FIXED,
        Overridable.PARTLY,
        PathPlace.PREFIX,
        "there",
    ),
    "states/no-wrapper": (State.UNKNOWN, Overridable.NO, PathPlace.UNKNOWN, "there"),
    "states/unknown": (
        State.UNKNOWN,
        Overridable.UNKNOWN,
        PathPlace.UNKNOWN,
        "unknown",
    ),
}
USUAL = (State.NOT_FIXED, Overridable.NO, PathPlace.PREFIX, "there")


@pytest.mark.parametrize("name", [*specimens.LAYOUTS, *specimens.STATES])
def test_specimen_means_what_it_was_written_for(name: str) -> None:
    reading = read(layout(name))
    todo = reading.fact("TODO").value
    assert (reading.state, reading.overridable, place_of(reading), todo) == STATES.get(
        name, USUAL
    )


@pytest.mark.parametrize("name", specimens.LAYOUTS)
def test_versions_are_the_files_own(name: str) -> None:
    reading = read(layout(name))
    assert reading.newest is not None
    assert reading.newest.startswith(name.partition("-")[0])
    assert all(version and "@" not in version for version in reading.releases.values())


def test_todo_alone_means_nothing() -> None:
    text = layout("29.6").replace(
        "# TODO: move packages out of the let", "# packages in the let"
    )
    assert (read(text).state, read(text).fact("TODO").value) == (
        State.NOT_FIXED,
        "none",
    )
    text = layout("states/fixed").replace(
        "{ lib", "# TODO: move packages out of the let...in into top-level\n{ lib", 1
    )
    assert (read(text).state, read(text).fact("TODO").value) == (State.FIXED, "there")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\xff\xfe", "1:1: is not UTF-8"),
        (b"{ }: \0", "is a binary file"),
        (b"{ a = 1;\r\n}", "line ends with CRLF"),
        (b"{ }: { }", "unknown layout: it binds nothing to a function dockerGen"),
        (b"<<<<<<< ours\n{ }\n", "unlet cannot parse it: 1:1: merge conflict marker"),
        (
            b"(" * 5000 + b"1" + b")" * 5000,
            "1:300: the code is nested more than 300 levels deep",
        ),
    ],
)
def test_unreadable_file_is_unknown_with_the_reason(
    content: bytes, reason: str
) -> None:
    reading = read(content)
    assert (reading.state, reading.overridable, place_of(reading)) == (
        State.UNKNOWN,
        "unknown",
        "unknown",
    )
    assert reading.reason is not None
    assert reason in reading.reason


def test_syntax_error_is_named_with_its_place() -> None:
    lines = layout("29.6").splitlines()
    number = next(index for index, line in enumerate(lines) if 'version = "29' in line)
    lines[number + 1] = "  }}} ]"
    reason = read("\n".join(lines)).reason
    assert reason is not None
    assert re.fullmatch(r"unlet cannot parse it: \d+:\d+: syntax error", reason)


def test_component_that_is_nowhere_is_not_called_bound() -> None:
    reading = read(layout("states/fixed").replace("moby", "mobby"))
    assert reading.overridable is Overridable.UNKNOWN
    assert reading.state is State.UNKNOWN


def test_rootlesskit_that_is_used_in_another_way_is_not_called_gone() -> None:
    text = layout("states/half-demoted")
    assert "lib.makeBinPath [ rootlesskit ]" in text
    other = read(text.replace("lib.makeBinPath [ rootlesskit ]", "${rootlesskit}/bin"))
    assert (place_of(other), other.state) == (PathPlace.UNKNOWN, State.UNKNOWN)


def test_wrapper_that_is_made_otherwise_is_unknown_and_says_why() -> None:
    text = layout("29.6")
    flag = '--prefix PATH : "$out/libexec/docker:$extraPath:$extraUserPath"'
    assert flag in text
    reading = read(text.replace(flag, flag.replace("--prefix PATH :", "--set PATH")))
    assert (place_of(reading), reading.state) == (PathPlace.UNKNOWN, State.UNKNOWN)
    assert reading.reason is not None
    assert reading.reason.endswith(
        " makes bin/dockerd-rootless, or adds rootlesskit to it, in an unknown way"
    )
