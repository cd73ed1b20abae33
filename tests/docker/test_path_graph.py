from __future__ import annotations

from toolkit.docker import graph, path_graph
from toolkit.docker.routes import PathInspection, PathOrder, Route

KIT, TOOL, NET = (f"/nix/store/{'0' * 32}-{name}-1.2/bin" for name in ("rootlesskit", "tool", "slirp4netns"))
INSPECTION = PathInspection(
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
    assert list(path_graph.lines(INSPECTION)) == [
        "default.nix: docker_29, PATH of dockerd-rootless",
        "as it is, with a security wrapper rootlesskit:",
        "  tool:rootlesskit:slirp4netns:<PATH>",
        "  takes rootlesskit of the store, so ports below 1024 are refused",
        "route rewrap, with a security wrapper rootlesskit:",
        "  tool:slirp4netns:<PATH>:rootlesskit",
        "  takes the security wrapper rootlesskit, so ports below 1024 can be published",
    ]


def test_mermaid_has_a_row_a_route_and_marks_what_is_taken() -> None:
    lines = graph.mermaid(path_graph.graph(INSPECTION), title="PATH\nof it").decode().splitlines()
    assert lines[:2] == ["%% PATH of it", "flowchart TB"]
    assert '    r1p0["tool, slirp4netns"]' in lines
    assert "    r1p0 --> r1p1" in lines
    assert "  r0 ~~~ r1" in lines
    assert lines[-1] == "  class r0p1,r1p1 taken"


def test_dot_has_the_same_boxes_and_arrows() -> None:
    text = graph.dot(path_graph.graph(INSPECTION), title="PATH").decode()
    assert '    r0p1 [label="rootlesskit", penwidth=3];' in text
    assert "  r0p1 -> r0p2;" in text
    assert text.startswith("// PATH\ndigraph docker {\n")
