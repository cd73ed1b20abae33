"""Asks Nix about the overlays, and keeps what it said on the way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Protocol

import pytest
from msgspec import Struct

from tests.docker.conftest import cache, shared
from toolkit import process, specimen
from toolkit.docker import TARGET, series
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.steps import Demotion, steps
from toolkit.lift.plan import Design
from toolkit.nix import evaluator

__all__ = ["cache", "shared"]


class Ask(Protocol):
    """Evaluates a file with arguments."""

    def __call__(self, name: str, **arguments: str) -> Answer: ...


HERE = Path(__file__).parent

Json = dict[str, Any]
"""What Nix says of a file beside this one."""


class Answer(Struct, frozen=True, kw_only=True):
    """A value, and the warnings of its evaluation."""

    value: Json
    warnings: tuple[str, ...]


@pytest.fixture(scope="session")
def answers() -> dict[str, Answer]:
    """Return what was asked already."""
    return {}


@pytest.fixture
def ask(answers: dict[str, Answer]) -> Ask:
    """Return what evaluates a file beside this one, once."""

    def evaluate(name: str, **arguments: str) -> Answer:
        command = evaluator.evaluate_command(HERE / name, arguments)
        if command.line not in answers:
            done = process.run(command.argv, env=command.env)
            said = [
                line.partition("warning: ")[2]
                for line in done.stderr.splitlines()
                if line.startswith("trace: ")
            ]
            answers[command.line] = Answer(
                value=json.loads(done.stdout), warnings=tuple(said)
            )
        return answers[command.line]

    return evaluate


@pytest.fixture(scope="session")
def patched(shared: Path) -> Path:
    """Return the specimen with the series applied, a whole tree."""
    tree = shared / "patched"
    shutil.copytree(specimen.path(), tree)
    target = tree / TARGET
    file = docker_file(target.read_bytes(), name=str(target))
    *_, text = series.rewrite(file, steps(Design.MOVE, Demotion.SUFFIX))
    target.write_text(text)
    return tree
