"""Pictures in Mermaid, or in DOT for Graphviz; among them the layout of a docker file."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.docker.inspections import Component, Inspection

CALLER = "caller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A box in a group; a `marked` one is drawn with a thick line."""

    key: str
    label: str
    group: str
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """An arrow between two boxes, by their keys."""

    start: str
    end: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Nodes in groups, which are pairs of key and title, and edges; what both formats are drawn from.

    `stacked` groups stand one below the other, each with its nodes from left to right.
    """

    groups: tuple[tuple[str, str], ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    stacked: bool = False


def to_mermaid(inspection: Inspection) -> bytes:
    """Return a Mermaid flowchart: components by where they are bound, what they use, the order of PATH."""
    return mermaid(_graph(inspection), title=f"{inspection.path}: {inspection.state}")


def to_dot(inspection: Inspection) -> bytes:
    """Return the same graph for Graphviz's `dot`."""
    return dot(_graph(inspection), title=f"{inspection.path}: {inspection.state}")


def mermaid(graph: Graph, *, title: str) -> bytes:
    """Return a graph as a Mermaid flowchart with the title as a comment."""
    lines = [f"%% {_plain(title)}", f"flowchart {'TB' if graph.stacked else 'LR'}"]
    for key, label in graph.groups:
        lines.append(f'  subgraph {key}["{_mermaid(label)}"]')
        if graph.stacked:
            lines.append("    direction LR")
        lines += [f'    {node.key}["{_mermaid(node.label)}"]' for node in graph.nodes if node.group == key]
        if graph.stacked:
            lines += [f"    {_arrow(edge)}" for edge in _within(graph, key)]
        lines.append("  end")
    if graph.stacked:
        lines += [f"  {above} ~~~ {below}" for (above, _), (below, _) in pairwise(graph.groups)]
    else:
        lines += [f"  {_arrow(edge)}" for edge in graph.edges]
    if marked := [node.key for node in graph.nodes if node.marked]:
        lines += ["  classDef taken stroke-width:4px", f"  class {','.join(marked)} taken"]
    return _bytes(lines)


def dot(graph: Graph, *, title: str) -> bytes:
    """Return a graph for Graphviz's `dot` with the title as a comment."""
    lines = [f"// {_plain(title)}", "digraph docker {", "  rankdir=LR;", "  node [shape=box];"]
    for key, label in graph.groups:
        lines += [f"  subgraph cluster_{key} {{", f"    label={_quoted(label)};"]
        for node in graph.nodes:
            if node.group == key:
                thick = ", penwidth=3" if node.marked else ""
                lines.append(f"    {node.key} [label={_quoted(node.label)}{thick}];")
        lines.append("  }")
    for edge in graph.edges:
        label = f" [label={_quoted(edge.label)}]" if edge.label else ""
        lines.append(f"  {edge.start} -> {edge.end}{label};")
    lines.append("}")
    return _bytes(lines)


def _arrow(edge: Edge) -> str:
    arrow = f'-->|"{_mermaid(edge.label)}"|' if edge.label else "-->"
    return f"{edge.start} {arrow} {edge.end}"


def _within(graph: Graph, group: str) -> list[Edge]:
    keys = {node.key for node in graph.nodes if node.group == group}
    return [edge for edge in graph.edges if edge.start in keys]


def _graph(inspection: Inspection) -> Graph:
    components = {component.name: f"c{index}" for index, component in enumerate(inspection.components)}
    places = {bound: f"g{index}" for index, bound in enumerate(_places(inspection.components))}
    nodes = [
        Node(key=components[component.name], label=_label(component), group=places[component.bound])
        for component in inspection.components
    ]
    edges: list[Edge] = []
    others: dict[str, str] = {}
    for component in inspection.components:
        for name in component.references:
            key = components.get(name) or others.setdefault(name, f"o{len(others)}")
            edges.append(Edge(start=components[component.name], end=key, label="uses"))
    nodes += [Node(key=key, label=name, group="other") for name, key in others.items()]
    groups = [(key, _PLACES.get(bound, bound)) for bound, key in places.items()]
    if others:
        groups.append(("other", "also used"))
    path = tuple(_path(inspection))
    if path:
        groups.append(("path", "PATH of dockerd-rootless, first to last"))
        nodes += path
        edges += [Edge(start=before.key, end=after.key, label="then") for before, after in pairwise(path)]
    return Graph(groups=tuple(groups), nodes=tuple(nodes), edges=tuple(edges))


_PLACES = {
    "let": "bound in dockerGen's let: out of reach",
    "parameter": "parameter of dockerGen: can be overridden",
    "file level": "bound at the top of the file",
    "absent": "not in this file",
}


def _places(components: tuple[Component, ...]) -> Iterator[str]:
    seen: set[str] = set()
    for component in components:
        if component.bound not in seen:
            seen.add(component.bound)
            yield component.bound


def _label(component: Component) -> str:
    return component.name if component.line is None else f"{component.name} (line {component.line})"


def _path(inspection: Inspection) -> Iterator[Node]:
    """Yield the parts of the wrapper's PATH; none where there is no wrapper."""
    where = inspection.rootlesskit
    if where == "no wrapper":
        return
    line = f" (line {inspection.rootlesskit_line})" if inspection.rootlesskit_line is not None else ""
    yield Node(
        key="prefix",
        label=f"prefix: the package's own programs{f', rootlesskit{line}' if 'prefix' in where else ''}",
        group="path",
    )
    yield Node(key=CALLER, label="the caller's PATH: /run/wrappers/bin, …", group="path")
    if "suffix" in where:
        yield Node(key="suffix", label=f"suffix: rootlesskit{line if where == 'suffix' else ''}", group="path")


def _plain(text: str) -> str:
    return " ".join(text.split())


def _mermaid(text: str) -> str:
    return _plain(text).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    return '"' + _plain(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bytes(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode(errors="backslashreplace")
