"""The layout of a docker file as a picture: Mermaid, or DOT for Graphviz."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.model import Component, Inspection

CALLER = "caller"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    key: str
    label: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    start: str
    end: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Graph:
    """Nodes in named groups, and edges; what both formats are drawn from."""

    groups: tuple[tuple[str, str], ...]
    nodes: tuple[_Node, ...]
    edges: tuple[_Edge, ...]


def to_mermaid(inspection: Inspection) -> bytes:
    """Return a Mermaid flowchart: components by where they are bound, what they use, the order of PATH."""
    graph = _graph(inspection)
    lines = [f"%% {_plain(inspection.path)}: {_plain(inspection.state)}", "flowchart LR"]
    for key, title in graph.groups:
        lines.append(f'  subgraph {key}["{_mermaid(title)}"]')
        lines += [f'    {node.key}["{_mermaid(node.label)}"]' for node in graph.nodes if node.group == key]
        lines.append("  end")
    for edge in graph.edges:
        arrow = f'-->|"{_mermaid(edge.label)}"|' if edge.label else "-->"
        lines.append(f"  {edge.start} {arrow} {edge.end}")
    return _bytes(lines)


def to_dot(inspection: Inspection) -> bytes:
    """Return the same graph for Graphviz's `dot`."""
    graph = _graph(inspection)
    lines = [
        f"// {_plain(inspection.path)}: {_plain(inspection.state)}",
        "digraph docker {",
        "  rankdir=LR;",
        "  node [shape=box];",
    ]
    for key, title in graph.groups:
        lines += [f"  subgraph cluster_{key} {{", f"    label={_quoted(title)};"]
        lines += [f"    {node.key} [label={_quoted(node.label)}];" for node in graph.nodes if node.group == key]
        lines.append("  }")
    for edge in graph.edges:
        label = f" [label={_quoted(edge.label)}]" if edge.label else ""
        lines.append(f"  {edge.start} -> {edge.end}{label};")
    lines.append("}")
    return _bytes(lines)


def _graph(inspection: Inspection) -> _Graph:
    components = {component.name: f"c{index}" for index, component in enumerate(inspection.components)}
    places = {bound: f"g{index}" for index, bound in enumerate(_places(inspection.components))}
    nodes = [
        _Node(key=components[component.name], label=_label(component), group=places[component.bound])
        for component in inspection.components
    ]
    edges: list[_Edge] = []
    others: dict[str, str] = {}
    for component in inspection.components:
        for name in component.references:
            key = components.get(name) or others.setdefault(name, f"o{len(others)}")
            edges.append(_Edge(start=components[component.name], end=key, label="uses"))
    nodes += [_Node(key=key, label=name, group="other") for name, key in others.items()]
    groups = [(key, _PLACES.get(bound, bound)) for bound, key in places.items()]
    if others:
        groups.append(("other", "also used"))
    path = tuple(_path(inspection))
    if path:
        groups.append(("path", "PATH of dockerd-rootless, first to last"))
        nodes += path
        edges += [_Edge(start=before.key, end=after.key, label="then") for before, after in pairwise(path)]
    return _Graph(groups=tuple(groups), nodes=tuple(nodes), edges=tuple(edges))


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


def _path(inspection: Inspection) -> Iterator[_Node]:
    """Yield the parts of the wrapper's PATH; none where there is no wrapper."""
    where = inspection.rootlesskit
    if where == "no wrapper":
        return
    line = f" (line {inspection.rootlesskit_line})" if inspection.rootlesskit_line is not None else ""
    yield _Node(
        key="prefix",
        label=f"prefix: the package's own programs{f', rootlesskit{line}' if 'prefix' in where else ''}",
        group="path",
    )
    yield _Node(key=CALLER, label="the caller's PATH: /run/wrappers/bin, …", group="path")
    if "suffix" in where:
        yield _Node(key="suffix", label=f"suffix: rootlesskit{line if where == 'suffix' else ''}", group="path")


def _plain(text: str) -> str:
    return " ".join(text.split())


def _mermaid(text: str) -> str:
    return _plain(text).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    return '"' + _plain(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bytes(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode(errors="backslashreplace")
