from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests import specimens
from toolkit.docker.inspection import inspect
from toolkit.errors import LayoutError, NixSyntaxError, RefusalError, ToolkitError

if TYPE_CHECKING:
    from pathlib import Path

TARGET = "pkgs/applications/virtualization/docker/default.nix"


def path_of(name: str) -> Path:
    return specimens.path(name) / TARGET


@pytest.mark.parametrize(
    ("name", "layout", "newest", "releases", "todo"),
    [
        ("20.10.14", "dockerGen in rec, old style", "20.10.14", ["docker_20_10"], False),
        ("24.0", "dockerGen in rec, old style", "24.0.5", ["docker_20_10", "docker_24"], True),
        ("27.5-alejandra", "dockerGen in rec, alejandra style", "27.5.1", ["docker_26", "docker_27"], True),
        ("29.6", "dockerGen in let … in, nixfmt style", "29.6.1", ["docker_25", "docker_29"], True),
    ],
)
def test_layout_is_told(name: str, layout: str, newest: str, releases: list[str], todo: bool) -> None:  # noqa: FBT001 - a table
    (found,) = inspect([path_of(name)])
    assert found.layout == layout
    assert found.newest == newest
    assert list(found.releases) == releases
    assert (found.todo_line is not None) is todo
    assert [component.name for component in found.components] == [
        "docker-runc",
        "docker-containerd",
        "docker-tini",
        "moby",
    ]
    assert {component.bound for component in found.components} == {"let"}


def test_lines_are_those_of_the_file() -> None:
    (found,) = inspect([path_of("29.6")])
    lines = path_of("29.6").read_text().splitlines()
    for component in found.components:
        assert component.line is not None
        assert lines[component.line - 1].strip().startswith(f"{component.name} = ")
    assert found.rootlesskit_line is not None
    assert lines[found.rootlesskit_line - 1].strip() == "rootlesskit"
    assert found.todo_line is not None
    assert "TODO" in lines[found.todo_line - 1]


@pytest.mark.parametrize(
    ("name", "bound", "rootlesskit"),
    [
        ("states/fixed", {"parameter"}, "suffix"),
        ("states/half-demoted", {"let"}, "suffix"),
        ("states/half-lifted", {"let", "parameter"}, "prefix"),
        ("states/no-wrapper", {"let"}, "unknown"),
    ],
)
def test_state_that_cannot_be_proposed_can_be_inspected(name: str, bound: set[str], rootlesskit: str) -> None:
    (found,) = inspect([path_of(name)])
    assert {component.bound for component in found.components} == bound
    assert found.rootlesskit == rootlesskit


def test_other_nix_file_is_named() -> None:
    with pytest.raises(LayoutError, match=r"default\.nix: unknown layout: no function dockerGen"):
        inspect([path_of("states/unknown")])


@pytest.mark.parametrize(
    ("content", "fact"),
    [(b"", "is empty"), (b"\0", "is binary"), (b"\xff", "is not UTF-8"), (b"{ }\r\n", "line ends with CRLF")],
)
def test_file_that_is_no_text_is_named(tmp_path: Path, content: bytes, fact: str) -> None:
    (tmp_path / "x.nix").write_bytes(content)
    with pytest.raises(ToolkitError, match=fact):
        inspect([tmp_path / "x.nix"])


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match=r"/x\.nix: no such file$"):
        inspect([tmp_path / "x.nix"])


def test_syntax_error_has_the_place_and_the_words_of_nix(tmp_path: Path) -> None:
    path = tmp_path / "x.nix"
    path.write_text(path_of("29.6").read_text().replace("      plugins =\n", "      plugins ==\n"))
    with pytest.raises(NixSyntaxError, match=r"x\.nix:\d+:15: syntax error, unexpected (EQ|'=='), ") as caught:
        inspect([path])
    assert caught.value.excerpt == "      plugins ==\n              ^"


def test_syntax_error_without_nix_has_the_place_of_the_grammar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.nix"
    path.write_text(path_of("29.6").read_text().replace("      plugins =\n", "      plugins ==\n"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NixSyntaxError, match=r"x\.nix:\d+:\d+: "):
        inspect([path])


def test_file_that_nix_accepts_and_the_grammar_does_not_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.nix"
    path.write_text(
        path_of("29.6")
        .read_text()
        .replace("      plugins =\n", "      x = if true then ./x /**/else 1;\n      plugins =\n")
    )
    with pytest.raises(RefusalError, match="Nix accepts this, but unlet's grammar does not"):
        inspect([path])


def test_a_file_that_its_syntax_decides_loads_none_of_the_proofs() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "toolkit", "inspect", str(path_of("29.6"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {"toolkit.docker.meaning"} <= loaded
    assert not {name for name in loaded if name.startswith("toolkit.prove")}
