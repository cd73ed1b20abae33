"""What commit 2 may change in moby's install phase: one flag on the command that makes the rootless wrapper.

Read from the text as each release and system has it: only one of them is built.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WRAPPER = re.compile(r"\S*/bin/dockerd-rootless\"?")


def without(entries: list[str], package: str) -> list[str]:
    """Return PATH entries without those of the store path named `package`."""
    return [entry for entry in entries if not is_of(entry, package)]


def is_of(entry: str, package: str) -> bool:
    """Tell whether a PATH entry belongs to the store path of `package`, whatever its version.

    A version begins with anything but a letter (Nix manual, builtins.parseDrvName). Between the two is the platform of
    what was compiled for another one.
    """
    name = entry.removeprefix("/nix/store/").partition("/")[0].partition("-")[2]
    return re.fullmatch(rf"{re.escape(package)}(-\w+-\w+-linux-\w+)?(-[^a-zA-Z].*)?", name) is not None


def other_changes(old: str, new: str, *, entry: str, kept: bool) -> Iterator[str]:
    """Yield what changed otherwise than by a PATH suffix of `entry`, or, unless it is `kept`, what changed at all.

    A prefix that is written in the wrapper's command loses `entry`.
    """
    before, after = [_without_entry(words, entry) for words in commands(old)], commands(new)
    if not kept:
        if before != after:
            yield f"moby's installPhase changed by more than the loss of {entry} in the prefix of PATH"
        return
    changed = [index for index, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]]
    if len(before) != len(after) or len(changed) > 1:
        yield "moby's installPhase changed in more than the command that makes bin/dockerd-rootless"
    elif not changed or commands(old) == after:
        yield "moby's installPhase is not changed"
    elif not any(WRAPPER.fullmatch(word) for word in before[changed[0]]):
        yield f"moby's installPhase changed in another command: {' '.join(after[changed[0]])}"
    elif not _is_suffix(added := _added(before[changed[0]], after[changed[0]]), entry):
        yield f"the wrapper's command changed by more than a PATH suffix of {entry}: {' '.join(added)}"


def commands(script: str) -> list[list[str]]:
    """Split a shell script into its commands and those into words; comments and empty lines are left out."""
    found: list[list[str]] = []
    begun: list[str] = []
    for line in script.splitlines():
        words = line.removesuffix("\\").split()
        if begun or (words and not words[0].startswith("#")):
            begun += words
        if not line.endswith("\\"):
            if begun:
                found.append(begun)
            begun = []
    return [*found, begun] if begun else found


def is_in_command(script: str, entry: str) -> bool:
    """Tell whether the prefix that is written in the wrapper's command has `entry`."""
    return any(_without_entry(words, entry) != words for words in commands(script))


def _without_entry(words: list[str], entry: str) -> list[str]:
    """Return the words of a command, those of the wrapper's without `entry` in its prefixes of PATH."""
    if not any(WRAPPER.fullmatch(word) for word in words):
        return words
    left = words.copy()
    for index, word in enumerate(words):
        if words[max(index - 3, 0) : max(index - 1, 0)] == ["--prefix", "PATH"]:
            path = word.strip("\"'")
            left[index] = word.replace(path, ":".join(without(path.split(":"), entry)))
    return left


def _added(old: list[str], new: list[str]) -> list[str]:
    """Return the words of `new` between those that it shares with `old` at both ends; all where `old` is not left."""
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    tail = len(old) - start
    return new[start : len(new) - tail] if new[len(new) - tail :] == old[start:] else new


def _is_suffix(words: list[str], entry: str) -> bool:
    try:
        flag = shlex.split(" ".join(words))
    except ValueError:
        return False
    return flag[:-1] == ["--suffix", "PATH", ":"] and all(is_of(path, entry) for path in flag[-1].split(":"))
