from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests import specimens
from tests.progress import Steps
from toolkit.docker import pictures
from toolkit.docker.pictures import WRAPPERS, PathInspection, Route, inspect_path
from toolkit.errors import LayoutError, RefusalError
from toolkit.nix.wrappers import PathOrder
from toolkit.track.readings import Component, Overridable, Place, Reading, State

KIT, TOOL, NET = (f"/nix/store/{'0' * 32}-{name}-1.2/bin" for name in ("rootlesskit", "tool", "slirp4netns"))
ROUTES = PathInspection(
    path="default.nix",
    release="docker_29",
    routes=(
        Route(
            name="as it is",
            order=PathOrder(prefix=(TOOL, KIT, NET)),
            wrapper="rootlesskit",
            found=KIT,
            privileged=False,
        ),
        Route(
            name="rewrap",
            order=PathOrder(prefix=(TOOL, NET), suffix=(KIT,)),
            wrapper="rootlesskit",
            found="/run/wrappers/bin",
            privileged=True,
        ),
    ),
)


def test_lines_show_path_and_what_is_taken() -> None:
    assert list(pictures.path_lines(ROUTES)) == [
        "default.nix: docker_29, PATH of dockerd-rootless",
        "as it is, with a security wrapper rootlesskit:",
        "  tool:rootlesskit:slirp4netns:<PATH>",
        "  takes rootlesskit of the store, so ports below 1024 are refused",
        "route rewrap, with a security wrapper rootlesskit:",
        "  tool:slirp4netns:<PATH>:rootlesskit",
        "  takes the security wrapper rootlesskit, so ports below 1024 can be published",
    ]


def test_mermaid_has_a_row_a_route_and_marks_what_is_taken() -> None:
    lines = pictures.routes(replace(ROUTES, path="a\nb")).decode().splitlines()
    assert lines[:2] == ["%% a b: PATH of dockerd-rootless, docker_29", "flowchart TB"]
    assert '    r1p0["tool, slirp4netns"]' in lines
    assert "    r1p0 --> r1p1" in lines
    assert "  r0 ~~~ r1" in lines
    assert lines[-1] == "  class r0p1,r1p1 taken"


PATH = Path("docker/default.nix")
LAYOUT = Reading(
    state=State.NOT_FIXED,
    overridable=Overridable.NO,
    overridable_by="syntax",
    rootlesskit_by="syntax",
    todo=True,
    failed={},
    layout="dockerGen in rec, old style",
    newest="24.0.5",
    releases={},
    components=(
        Component(name="moby", bound="let", line=80, references=("docker-runc", "moby-src")),
        Component(name="docker-runc", bound="let", line=30, references=()),
        Component(name="docker-tini", bound="parameter", line=12, references=()),
    ),
    rootlesskit=Place.PREFIX,
    rootlesskit_line=101,
    todo_line=199,
)

MERMAID = """\
%% docker/default.nix: not fixed: no override reaches a component, rootlesskit in the PATH prefix
flowchart LR
  subgraph g0["bound in dockerGen's let: out of reach"]
    c0["moby (line 80)"]
    c1["docker-runc (line 30)"]
  end
  subgraph g1["parameter of dockerGen: can be overridden"]
    c2["docker-tini (line 12)"]
  end
  subgraph other["also used"]
    o0["moby-src"]
  end
  subgraph path["PATH of dockerd-rootless, first to last"]
    prefix["prefix: the package's own programs, rootlesskit (line 101)"]
    caller["the caller's PATH: /run/wrappers/bin, …"]
  end
  c0 -->|"uses"| c1
  c0 -->|"uses"| o0
  prefix -->|"then"| caller
"""


def test_mermaid_shows_bindings_references_and_the_order_of_path() -> None:
    assert pictures.layout(PATH, LAYOUT).decode() == MERMAID


def test_a_rootlesskit_in_the_suffix_comes_after_the_callers_path() -> None:
    text = pictures.layout(PATH, replace(LAYOUT, rootlesskit=Place.SUFFIX)).decode()
    assert '  caller -->|"then"| suffix\n' in text
    assert 'suffix["suffix: rootlesskit (line 101)"]' in text


def test_without_a_wrapper_there_is_no_path() -> None:
    assert "PATH of" not in pictures.layout(PATH, replace(LAYOUT, rootlesskit=Place.NO_WRAPPER)).decode()


def test_names_cannot_break_out_of_their_quotes() -> None:
    hostile = Component(name='a"b\\c\n<d>', bound="let", line=None, references=())
    text = pictures.layout(PATH, replace(LAYOUT, components=(hostile,))).decode()
    assert 'c0["a&quot;b\\c &lt;d&gt;"]' in text


TARGET = "pkgs/applications/virtualization/docker/default.nix"


def path_of(name: str) -> Path:
    return specimens.path(name) / TARGET


@pytest.mark.parametrize("layout", [name for name in specimens.LAYOUTS if name != "19.03"])
def test_only_the_security_wrapper_of_the_prefixed_name_is_hidden(layout: str) -> None:
    found = inspect_path(path_of(layout), progress=Steps())
    assert [(route.name, route.wrapper, route.privileged) for route in found.routes] == [
        ("as it is", "rootlesskit", False),
        ("wrapper-name", "docker-rootlesskit", True),
        ("rewrap", "rootlesskit", True),
        ("fixed", "rootlesskit", True),
    ]
    assert re.search(r"-rootlesskit-[^/]*/bin$", found.routes[0].found)
    assert {route.found for route in found.routes[1:]} == {WRAPPERS}


def test_rewrap_and_the_fix_give_the_same_order() -> None:
    routes = {route.name: route for route in inspect_path(path_of("29.6"), progress=Steps()).routes}
    before, rewrap, fixed = (routes[name].order for name in ("as it is", "rewrap", "fixed"))
    assert routes["wrapper-name"].order == before
    assert (rewrap.prefix[1:], rewrap.suffix) == (fixed.prefix[1:], fixed.suffix)
    assert rewrap.prefix[0] == before.prefix[0]
    assert sorted(rewrap.prefix + rewrap.suffix) == sorted(before.prefix)


def test_fixed_file_needs_no_route() -> None:
    found = inspect_path(path_of("states/fixed"), progress=Steps())
    assert [(route.name, route.privileged) for route in found.routes] == [("as it is", True), ("wrapper-name", True)]


@pytest.mark.parametrize(("name", "error"), [("states/no-wrapper", RefusalError), ("states/unknown", LayoutError)])
def test_file_without_such_a_wrapper_is_refused(name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        inspect_path(path_of(name), progress=Steps())
