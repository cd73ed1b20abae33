from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.docker.test_evaluating import hostile
from tests.track.conftest import layout
from toolkit import process
from toolkit.docker import evaluating
from toolkit.docker.tracking import Docker
from toolkit.nix import limits
from toolkit.track import memory as memories
from toolkit.track.memory import Memory
from toolkit.track.readings import Place, Reading, State

if TYPE_CHECKING:
    from pathlib import Path


def read(text: str | bytes, *, memory: Memory | None = None) -> Reading:
    content = text if isinstance(text, bytes) else text.encode()
    return Docker(memory if memory is not None else Memory()).read({"a" * 40: content})["a" * 40]


@pytest.mark.parametrize(
    "expression",
    [
        'let f = n: if n == 0 then "x" else f (n - 1) + f (n - 1); in builtins.stringLength (f 60)',
        "builtins.foldl' (a: _: a ++ a) [ 1 ] (builtins.genList (n: n) 60)",
        'let f = n: if n == 0 then "x" else let y = f (n - 1); in y + y; in builtins.stringLength (f 40)',
    ],
)
def test_version_that_nix_never_finishes_is_left_for_a_day(expression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluating, "_SECONDS", 0.5)
    memory = Memory()
    text = hostile(expression)
    first = read(text, memory=memory)
    began = os.times()
    second = read(text, memory=memory)
    after = os.times()
    assert after.children_user - began.children_user < 1
    assert second == first
    assert (first.state, first.rootlesskit) == (State.NOT_FIXED, Place.PREFIX)
    assert first.reason == "too large for Nix to evaluate in bounded time; it is tried again tomorrow"
    memory.known.silent["a" * 40] -= 100_000
    monkeypatch.setattr(evaluating, "_SECONDS", 0.001)
    assert os.times().children_user - after.children_user < 1
    assert read(text, memory=memory) == first


def test_many_slow_versions_end_with_the_time_that_all_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOGETHER_SECONDS", 12.0)
    monkeypatch.setattr(evaluating, "_SECONDS", 2.0)
    memory = Memory()
    slow = 'let f = n: if n == 0 then "x" else f (n - 1) + f (n - 1); in builtins.stringLength (f 60)'
    versions = {f"{number:040x}": hostile(f"{slow} + {number}").encode() for number in range(30)}
    began = time.monotonic()
    found = Docker(memory).read(versions)
    assert time.monotonic() - began < 60
    assert memory.budget.left < 2
    reasons = [each.reason or "" for each in found.values()]
    late = [reason for reason in reasons if reason.endswith("in the time that all have")]
    assert 5 < len(late) < 30
    assert {reason for reason in reasons if reason not in late} <= {
        "too large for Nix to evaluate in bounded time; it is tried again tomorrow"
    }
    # Those of which Nix has not been asked are asked about another time.
    again = Memory()
    again.known.silent.update(memory.known.silent)
    left = next(blob for blob, each in found.items() if each.reason in late)
    assert again.is_silent(left) is False
    assert {again.is_silent(blob) for blob, each in found.items() if each.reason not in late} == {True}


def test_versions_that_take_the_parser_long_end_with_the_time_that_all_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOGETHER_SECONDS", 1.0)
    memory = Memory()
    versions = {f"{number:040x}": b"+".join([b"1"] * (100_000 + number)) for number in range(20)}
    found = Docker(memory).read(versions)
    late = [blob for blob, each in found.items() if (each.reason or "").startswith("is not read: ")]
    assert len(late) > 5
    assert not {*late} & {*memory.known.readings}


@pytest.mark.usefixtures("without_nix")
def test_without_nix_the_syntax_decides_and_says_so() -> None:
    reading = read(layout("states/fixed"))
    assert (reading.state, reading.overridable_by, reading.rootlesskit_by) == (State.FIXED, "syntax", "syntax")


def test_what_nix_said_is_kept() -> None:
    memory = Memory()
    assert read(layout("states/fixed"), memory=memory).overridable_by == "evaluation"
    memory.save()
    said: list[str] = []
    with process.echoing(said.append):
        reading = read(layout("states/fixed"), memory=Memory())
    assert (reading.overridable_by, said) == ("evaluation", [])


def test_memory_is_that_of_the_whole_package(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "toolkit"
    (package / "somewhere" / "else").mkdir(parents=True)
    (package / "somewhere" / "else" / "code.py").write_text("1\n")
    monkeypatch.setattr(memories, "PACKAGE", package)
    memories.package.cache_clear()
    memory = Memory()
    memory.known.diffs["x"] = "y"
    memory.save()
    assert Memory().known.diffs == {"x": "y"}
    (package / "somewhere" / "else" / "code.py").write_text("2\n")
    memories.package.cache_clear()
    assert Memory().known.diffs == {}
    assert len(list((cache / "readings").iterdir())) == 1
    memories.package.cache_clear()


def test_damaged_memory_is_set_aside_with_a_word(cache: Path) -> None:
    memory = Memory()
    read(layout("29.6"), memory=memory)
    memory.save()
    (kept,) = (cache / "readings").rglob("readings.json")
    kept.write_bytes(kept.read_bytes().replace(b'"not fixed"', b'"fixed"'))
    again = Memory()
    assert again.known.readings == {}
    assert [word for word in again.warnings if "is damaged; set aside" in word]
    assert list((cache / "broken").rglob("readings.json"))
    assert Memory().warnings == []
