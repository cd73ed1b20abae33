from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.docker.track.conftest import layout
from toolkit import process, specimen
from toolkit.docker import plan as plans
from toolkit.docker.track import evaluating
from toolkit.docker.track.knowing import Knowledge
from toolkit.docker.track.memory import Memory
from toolkit.docker.track.report.document import Overridable, Place, State

if TYPE_CHECKING:
    from pathlib import Path

COMPONENTS = {"docker-runc", "docker-containerd", "docker-tini", "moby"}


def evaluate(**texts: str) -> dict[str, evaluating.Evaluated]:
    return evaluating.evaluate({name: text.encode() for name, text in texts.items()}, plans.plan())


def hostile(expression: str) -> str:
    """Return a docker file in which evaluating moby evaluates an expression."""
    text = layout("29.6")
    assert text.count("moby-src =") == 1
    return text.replace("moby-src =", f"moby-src = builtins.seq ({expression}) (", 1).replace(
        "tag = mobyRev;\n      };", "tag = mobyRev;\n      });", 1
    )


def test_all_versions_take_one_process() -> None:
    said: list[str] = []
    with process.echoing(said.append):
        found = evaluate(**{name: layout(name) for name in specimen.names()[1:]})
    assert all(answer.failure is None and not any(answer.works.values()) for answer in found.values())
    assert {answer.place for answer in found.values()} == {Place.PREFIX}
    assert len([line for line in said if "readings.nix" in line]) == 1


def test_lifted_components_are_found_to_work() -> None:
    found = evaluate(fixed=layout("states/fixed"), half=layout("states/half-lifted"))
    assert found["fixed"].works == dict.fromkeys(COMPONENTS, True)
    assert found["fixed"].place is Place.SUFFIX
    assert found["half"].works == {**dict.fromkeys(COMPONENTS, False), "moby": True}


def test_version_that_does_not_evaluate_does_not_keep_the_others_from_it() -> None:
    texts = {name: layout("29.6") + f"# {name}\n" for name in "abcde"}
    found = evaluate(**texts, bad=layout("29.6").replace("moby-src =", "moby-src = nobody.knows; unused =", 1))
    assert found["bad"].failure is not None
    assert "nobody" in found["bad"].failure
    assert all(found[name].failure is None for name in texts)


@pytest.mark.parametrize(
    "expression",
    [
        "builtins.readFile /etc/passwd",
        'builtins.readFile "{secret}"',
        'builtins.fetchurl "http://127.0.0.1:9/"',
        'import (builtins.fetchTarball "http://127.0.0.1:9/x.tar.gz")',
        "import <nixpkgs> {{ }}",
        'builtins.readDir "{home}"',
        'builtins.readFile (derivation {{ name = "x"; system = builtins.currentSystem; builder = "/bin/sh"; }})',
    ],
)
def test_version_of_a_stranger_reaches_nothing(expression: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hidden")
    text = hostile(expression.format(secret=tmp_path / "secret", home=tmp_path))
    failure = evaluate(bad=text)["bad"].failure
    assert failure is not None
    assert "hidden" not in failure


def test_environment_is_empty_for_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hidden")
    found = evaluate(bad=hostile('if builtins.getEnv "SECRET" == "" then 1 else throw "has it"'))["bad"]
    assert found.failure is None


def test_version_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluating, "_SECONDS", 1.0)
    began = time.monotonic()
    text = hostile("let f = n: if n < 0 then 0 else f (n + 1 - 1 + 0); in f 1")
    assert evaluate(bad=text)["bad"].failure is not None
    assert time.monotonic() - began < 20


def test_files_beside_it_stay_in_its_directory(cache: Path) -> None:
    text = layout("29.6").replace("moby-src =", "evil = ./../../../evil.txt; more = ./a/b.patch; moby-src =", 1)
    assert evaluate(odd=text)["odd"].failure is None
    assert not list(cache.parent.rglob("evil.txt"))


@pytest.mark.parametrize(
    ("flags", "place"),
    [
        ('--prefix PATH : "$out/x:$more"', Place.PREFIX),
        ("--prefix PATH : /x --suffix PATH : ${more}", Place.SUFFIX),
        ("--prefix PATH : $more --suffix PATH : $more", Place.BOTH),
        ("--prefix PATH : /x", Place.ABSENT),
    ],
)
def test_path_of_the_wrapper_is_read_through_variables(flags: str, place: Place) -> None:
    attributes = {
        "installPhase": f"mkdir x\nmakeWrapper $out/a.sh $out/bin/dockerd-rootless \\\n  {flags}\n",
        "more": "$even:/nix/store/00000000000000000000000000000000-slirp4netns-1/bin",
        "even": "/nix/store/00000000000000000000000000000000-rootlesskit-2.3/bin",
    }
    assert evaluating.where(attributes, "rootlesskit") is place
    assert evaluating.where({"installPhase": "echo dockerd-rootless"}, "rootlesskit") is None


def test_parameter_that_nothing_uses_is_no_override() -> None:
    lifted = layout("states/fixed")
    used = [line for line in lifted.splitlines() if "moby = orElse moby" in line]
    assert len(used) == 1
    fake = lifted.replace(used[0], used[0].replace("orElse moby", "orElse null"))
    plan = plans.plan()
    knowledge = Knowledge(plan, Memory(plan))
    by_syntax = knowledge.by_syntax("b" * 40, fake.encode())
    assert by_syntax is not None
    assert by_syntax.overridable is Overridable.YES
    reading = knowledge.read({"b" * 40: fake.encode()})["b" * 40]
    assert (reading.overridable, reading.overridable_by) == (Overridable.PARTLY, "evaluation")
    assert reading.state is State.HALF_FIXED


@pytest.mark.usefixtures("without_nix")
def test_without_nix_the_syntax_decides_and_says_so() -> None:
    plan = plans.plan()
    reading = Knowledge(plan, Memory(plan)).read({"a" * 40: layout("states/fixed").encode()})["a" * 40]
    assert (reading.state, reading.overridable_by, reading.rootlesskit_by) == (State.FIXED, "syntax", "syntax")


def test_what_nix_said_is_kept() -> None:
    plan = plans.plan()
    memory = Memory(plan)
    Knowledge(plan, memory).read({"a" * 40: layout("states/fixed").encode()})
    memory.save()
    said: list[str] = []
    with process.echoing(said.append):
        again = Memory(plan)
        reading = Knowledge(plan, again).read({"a" * 40: layout("states/fixed").encode()})["a" * 40]
    assert (reading.overridable_by, said) == ("evaluation", [])


def test_damaged_memory_is_set_aside_with_a_word(cache: Path) -> None:
    plan = plans.plan()
    memory = Memory(plan)
    Knowledge(plan, memory).by_syntax("a" * 40, layout("29.6").encode())
    memory.save()
    (kept,) = (cache / "readings").rglob("readings.json")
    kept.write_bytes(kept.read_bytes().replace(b'"not fixed"', b'"fixed"'))
    again = Memory(plan)
    assert again.readings == {}
    assert [word for word in again.warnings if "is damaged; set aside" in word]
    assert list((cache / "broken").rglob("readings.json"))
    assert Memory(plan).warnings == ()
