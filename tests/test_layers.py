"""The engine knows no package: what is docker's stands in toolkit/docker and toolkit/rootless."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "toolkit"
NAMES = re.compile(r"docker|moby|containerd|rootlesskit", re.IGNORECASE)
OF_DOCKER = ("docker", "rootless", "track", "cli", "specimen")
SUFFIXES = {".py", ".nix", ".sh", ".c", ".css"}


def code() -> list[Path]:
    """Return the files of the package that may not know docker."""
    files = (path for path in ROOT.rglob("*") if path.suffix in SUFFIXES)
    return sorted(path for path in files if path.relative_to(ROOT).parts[0] not in OF_DOCKER)


def test_there_is_code_to_look_at() -> None:
    assert len(code()) > 40


@pytest.mark.parametrize("path", code(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_outside_of_docker_names_it(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [f"{number}: {line}" for number, line in enumerate(lines, start=1) if NAMES.search(line)] == []
