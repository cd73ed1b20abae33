"""Docker files that differ from a specimen in one thing, and what becomes of them."""

import re
from collections.abc import Callable
from functools import cache

import pytest

from tests import specimens
from tests.parsing import assert_parses
from toolkit.docker import series
from toolkit.docker.rewrite import demote, layout
from toolkit.docker.rewrite.layout import DockerFile
from toolkit.docker.steps import DESIGNS, Demotion, steps
from toolkit.errors import RefusalError
from toolkit.lift.plan import Design

TARGET = "pkgs/applications/virtualization/docker/default.nix"
COMPONENTS = ("docker-runc", "docker-containerd", "docker-tini", "moby")
KIT = r"lib\.makeBinPath \[\s+rootlesskit\s+slirp4netns\s+fuse-overlayfs\s+\]"
WRAPPER = (
    r'makeWrapper (\S+dockerd-rootless\.sh) (\S+) \\\n( +)--prefix PATH : "([^"]*)"'
)
EVERY_STRATEGY = pytest.mark.parametrize("strategy", DESIGNS)


def text_of(name: str = "29.6") -> str:
    return (specimens.path(name) / TARGET).read_text()


def file_of(text: str) -> DockerFile:
    return layout.file_of(text, name="x.nix")


def sub(
    pattern: str, new: str | Callable[[re.Match[str]], str], text: str | None = None
) -> str:
    """Return the specimen, or `text`, with the first match replaced.

    There must be one.
    """
    changed, count = re.subn(
        pattern, new, text_of() if text is None else text, count=1, flags=re.MULTILINE
    )
    assert count == 1, pattern
    return changed


def kit(new: str, text: str | None = None) -> str:
    """Return a file in which `new` is the list of programs with rootlesskit and what makes a path of it."""
    return sub(KIT, lambda _: new, text)


def command(new: str) -> str:
    """Return a file whose wrapper is made by `new`, where {0} to {3} are the program, the wrapper, a margin, PATH."""
    return sub(WRAPPER, lambda match: new.format(*match.groups()))


@cache
def rewrite(
    text: str, strategy: Design = Design.MOVE, demotion: Demotion = Demotion.SUFFIX
) -> tuple[str, str]:
    """Return the text after each commit; Nix has parsed both."""
    lifted, demoted = series.rewrite(file_of(text), steps(strategy, demotion))
    for made in (lifted, demoted):
        assert_parses(made)
    return lifted, demoted


def demoted(text: str, demotion: Demotion = Demotion.SUFFIX) -> str:
    """Return the text after commit 2 alone; Nix has parsed it."""
    made = demote.rewrite(file_of(text), demotion)
    assert_parses(made)
    return made


def refusal(
    text: str, strategy: Design = Design.MOVE, demotion: Demotion = Demotion.SUFFIX
) -> str:
    """Return the message with which a file is refused that Nix has parsed."""
    assert_parses(text)
    with pytest.raises(RefusalError) as caught:
        rewrite(text, strategy, demotion)
    assert "\n" not in caught.value.message
    return caught.value.message


def place(text: str, needle: str) -> str:
    """Return `x.nix:line:column` of a text that is there once."""
    assert text.count(needle) == 1, needle
    start = text.index(needle)
    return f"x.nix:{text.count(chr(10), 0, start) + 1}:{start - text.rfind(chr(10), 0, start)}"
