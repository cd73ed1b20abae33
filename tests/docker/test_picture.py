from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from toolkit.docker import picture
from toolkit.docker.inspect_path import PathInspection, Route
from toolkit.docker.readings import Component, Overridable, Place, Reading, State
from toolkit.docker.wrappers import PathOrder

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
    assert list(picture.path_lines(ROUTES)) == [
        "default.nix: docker_29, PATH of dockerd-rootless",
        "as it is, with a security wrapper rootlesskit:",
        "  tool:rootlesskit:slirp4netns:<PATH>",
        "  takes rootlesskit of the store, so ports below 1024 are refused",
        "route rewrap, with a security wrapper rootlesskit:",
        "  tool:slirp4netns:<PATH>:rootlesskit",
        "  takes the security wrapper rootlesskit, so ports below 1024 can be published",
    ]


def test_mermaid_has_a_row_a_route_and_marks_what_is_taken() -> None:
    lines = picture.routes(replace(ROUTES, path="a\nb")).decode().splitlines()
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
    assert picture.layout(PATH, LAYOUT).decode() == MERMAID


def test_a_rootlesskit_in_the_suffix_comes_after_the_callers_path() -> None:
    text = picture.layout(PATH, replace(LAYOUT, rootlesskit=Place.SUFFIX)).decode()
    assert '  caller -->|"then"| suffix\n' in text
    assert 'suffix["suffix: rootlesskit (line 101)"]' in text


def test_without_a_wrapper_there_is_no_path() -> None:
    assert "PATH of" not in picture.layout(PATH, replace(LAYOUT, rootlesskit=Place.NO_WRAPPER)).decode()


def test_names_cannot_break_out_of_their_quotes() -> None:
    hostile = Component(name='a"b\\c\n<d>', bound="let", line=None, references=())
    text = picture.layout(PATH, replace(LAYOUT, components=(hostile,))).decode()
    assert 'c0["a&quot;b\\c &lt;d&gt;"]' in text
