"""Read moby's build variables: the wrapper's PATH, and its install phase."""

import re
from collections.abc import Iterable, Mapping
from itertools import chain

from toolkit.docker import PREFIX_ENTRY, PathPlace

_WRAPPING = re.compile(
    r"(?:make|wrap)\w*(?:Wrapper|Program)\w* (?:.* )?\S*/bin/dockerd-rootless\"?(?: "
    r".*)?"
)
_PATH = re.compile(r"""--(prefix|suffix) PATH (["']?):\2 (["']?)([^"' ]*)\3(?= |$)""")


def path_place(variables: Mapping[str, str]) -> PathPlace | None:
    """Return the place of rootlesskit in the PATH of the wrapper that a build creates.

    Return None if the build creates no wrapper.
    """
    scripts = (script for script in variables.values() if "dockerd-rootless" in script)
    wrappings = list(
        filter(_WRAPPING.fullmatch, chain.from_iterable(map(commands, scripts)))
    )
    if not wrappings:
        return None
    flags = chain.from_iterable(map(_PATH.finditer, wrappings))
    places = {flag[1] for flag in flags if _has_kit(flag[4], variables)}
    if len(places) > 1:
        return PathPlace.BOTH
    return PathPlace(places.pop()) if places else PathPlace.ABSENT


def _has_kit(value: str, variables: Mapping[str, str]) -> bool:
    """Return whether a flag's value, or a variable in it, contains rootlesskit."""
    values = (
        value,
        *(variables.get(name, "") for name in {*re.findall(r"\$\{?(\w+)", value)}),
    )
    return any(is_rootlesskit(entry) for each in values for entry in each.split(":"))


def commands(script: str) -> list[str]:
    """Split a shell script into commands, one a line, without comments."""
    found = re.findall(r"^(?![ \t]*#)(?:.*\\\n)*.*", script, re.MULTILINE)
    lines = (" ".join(re.sub(r"\\(\n|\Z)", " ", each).split()) for each in found)
    return [line for line in lines if line]


def without_kit(script: str) -> list[str]:
    """Return the commands of a script, with rootlesskit removed from PATH flags."""
    return [
        " ".join(_PATH.sub(_without_kit, command).split())
        if _WRAPPING.fullmatch(command)
        else command
        for command in commands(script)
    ]


def _without_kit(flag: re.Match[str]) -> str:
    entries = flag[4].split(":")
    left = without(entries)
    if left == entries:
        return flag[0]
    return f"--{flag[1]} PATH : {flag[3]}{':'.join(left)}{flag[3]}" if left else ""


def without(entries: Iterable[str]) -> list[str]:
    """Return PATH entries without those of rootlesskit."""
    return [entry for entry in entries if not is_rootlesskit(entry)]


def is_moby(path: str) -> bool:
    """Return whether a store path is moby.

    In a cross build, the platform comes before the version.
    """
    return (
        re.fullmatch(r"moby(-\w+-\w+-linux-\w+)?-\d.*", path.partition("-")[2])
        is not None
    )


def is_rootlesskit(path: str) -> bool:
    """Return whether a store path, or a path below it, is rootlesskit of any version.

    A version does not begin with a letter (Nix manual, builtins.parseDrvName). In a
    cross build, the platform comes before the version.
    """
    name = path.removeprefix("/nix/store/").partition("/")[0].partition("-")[2]
    return (
        re.fullmatch(rf"{PREFIX_ENTRY}(-\w+-\w+-linux-\w+)?(-[^a-zA-Z].*)?", name)
        is not None
    )
