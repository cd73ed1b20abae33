from __future__ import annotations

from dataclasses import replace

import pytest

from toolkit.docker.graph import to_dot, to_mermaid
from toolkit.docker.inspections import Component, Inspection

INSPECTION = Inspection(
    path="docker/default.nix",
    state='not fixed: "as ever"',
    layout="dockerGen in rec, old style",
    newest="24.0.5",
    releases=(),
    components=(
        Component(name="moby", bound="let", line=80, references=("docker-runc", "moby-src")),
        Component(name="docker-runc", bound="let", line=30, references=()),
        Component(name="docker-tini", bound="parameter", line=12, references=()),
    ),
    rootlesskit="prefix",
    rootlesskit_line=101,
    todo_line=199,
)

MERMAID = """\
%% docker/default.nix: not fixed: "as ever"
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
    assert to_mermaid(INSPECTION).decode() == MERMAID


def test_dot_has_the_same_nodes_and_edges() -> None:
    text = to_dot(INSPECTION).decode()
    for part in ("subgraph cluster_g0 {", '    c0 [label="moby (line 80)"];', '  c0 -> o0 [label="uses"];'):
        assert part in text
    assert text.count("{") == text.count("}")


def test_a_rootlesskit_in_the_suffix_comes_after_the_callers_path() -> None:
    text = to_mermaid(replace(INSPECTION, rootlesskit="suffix")).decode()
    assert '  caller -->|"then"| suffix\n' in text
    assert 'suffix["suffix: rootlesskit (line 101)"]' in text


def test_without_a_wrapper_there_is_no_path() -> None:
    assert "PATH" not in to_mermaid(replace(INSPECTION, rootlesskit="no wrapper")).decode()


@pytest.mark.parametrize("draw", [to_mermaid, to_dot])
def test_names_cannot_break_out_of_their_quotes(draw: object) -> None:
    hostile = Component(name='a"b\\c\n<d>', bound="let", line=None, references=())
    text = (to_mermaid if draw is to_mermaid else to_dot)(replace(INSPECTION, components=(hostile,))).decode()
    line = next(line for line in text.splitlines() if "c0" in line)
    assert line.strip() in {'c0["a&quot;b\\c &lt;d&gt;"]', 'c0 [label="a\\"b\\\\c <d>"];'}
