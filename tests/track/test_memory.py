import re
import time
from pathlib import Path

import pytest

from tests.docker.test_evaluating import hostile
from tests.track.conftest import layout
from toolkit import process
from toolkit.docker import evaluating
from toolkit.docker.tracking import DockerFiles
from toolkit.nix import limits
from toolkit.track import memory as memories
from toolkit.track.memory import Memory
from toolkit.track.readings import Reading, State, unknown

pytestmark = pytest.mark.clock


def read(text: str | bytes, *, memory: Memory | None = None) -> Reading:
    content = text if isinstance(text, bytes) else text.encode()
    return DockerFiles(memory if memory is not None else Memory()).read(
        {"a" * 40: content}
    )["a" * 40]


def test_many_slow_versions_end_with_the_time_that_all_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "TOGETHER_SECONDS", 3.0)
    monkeypatch.setattr(evaluating, "_SECONDS", 1.0)
    memory = Memory()
    slow = 'let f = n: if n == 0 then "x" else f (n - 1) + f (n - 1); in builtins.stringLength (f 60)'
    texts = (hostile(f"{slow} + {number}") for number in range(20))
    # A function below the let: only Nix can tell what it does.
    is_open = [
        text.replace("buildGoModule (\n", "(x: buildGoModule x) (\n") for text in texts
    ]
    versions = {f"{number:040x}": text.encode() for number, text in enumerate(is_open)}
    began = time.monotonic()
    found = DockerFiles(memory).read(versions)
    assert time.monotonic() - began < 60
    assert memory.budget.left < 1
    reasons = [each.reason or "" for each in found.values()]
    late = [
        reason for reason in reasons if reason.endswith("before this was evaluated")
    ]
    assert 5 < len(late) < 20
    assert all(
        re.search(r"still running after (1|0\.\d+) s$", each)
        for each in reasons
        if each not in late
    )


def test_versions_that_take_the_parser_long_end_with_the_time_that_all_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "TOGETHER_SECONDS", 1.0)
    memory = Memory()
    versions = {
        f"{number:040x}": b"+".join([b"1"] * (100_000 + number)) for number in range(20)
    }
    found = DockerFiles(memory).read(versions)
    late = [
        blob
        for blob, each in found.items()
        if (each.reason or "").startswith("is not read: ")
    ]
    assert len(late) > 5
    assert not {*late} & {*memory.known.readings}


@pytest.mark.usefixtures("without_nix")
def test_without_nix_the_syntax_decides_and_says_so() -> None:
    reading = read(layout("states/fixed"))
    assert (reading.state, reading.overridable_by, reading.fact("rootlesskit").by) == (
        State.FIXED,
        "syntax",
        "syntax",
    )


def test_answers_of_nix_are_kept() -> None:
    memory = Memory()
    assert read(layout("states/fixed"), memory=memory).overridable_by == "evaluation"
    memory.save()
    said: list[str] = []
    with process.echoing(said.append):
        reading = read(layout("states/fixed"), memory=Memory())
    assert (reading.overridable_by, said) == ("evaluation", [])


def test_memory_is_that_of_the_whole_package(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "toolkit"
    (package / "somewhere" / "else").mkdir(parents=True)
    (package / "somewhere" / "else" / "code.py").write_text("1\n")
    monkeypatch.setattr(memories, "PACKAGE", package)
    memories.package.cache_clear()
    memory = Memory()
    memory.known.readings["x"] = unknown("y")
    memory.save()
    assert Memory().known.readings == {"x": unknown("y")}
    (package / "somewhere" / "else" / "code.py").write_text("2\n")
    memories.package.cache_clear()
    assert Memory().known.readings == {}
    assert len(list((cache / "readings").iterdir())) == 1
    memories.package.cache_clear()
