import re
from pathlib import Path

import pytest

from tests.track.conftest import layout
from toolkit.docker import PathPlace, evaluating, meaning
from toolkit.docker.meaning import place_of
from toolkit.track.readings import EVALUATION, Overridable, Reading, State

COMPONENTS = {"docker-runc", "docker-containerd", "docker-tini", "moby"}


def evaluate(*texts: str) -> list[Reading]:
    contents = [text.encode() for text in texts]
    return evaluating.evaluate(
        [(content, meaning.read(content)) for content in contents]
    )


def decided(text: str) -> Reading:
    (found,) = evaluate(text)
    assert found.overridable_by == EVALUATION, found
    return found


def read(text: str) -> Reading:
    (found,) = evaluating.read([text.encode()])
    return found


def hostile(expression: str) -> str:
    """Return a docker file in which evaluating moby evaluates an expression."""
    text = layout("29.6")
    assert text.count("moby-src =") == 1
    return text.replace(
        "moby-src =", f"moby-src = builtins.seq ({expression}) (", 1
    ).replace("tag = mobyRev;\n      };", "tag = mobyRev;\n      });", 1)


def test_layouts_are_decided() -> None:
    found = evaluate(
        *(layout(name) for name in ("20.10.14", "24.0", "27.5-alejandra", "29.6"))
    )
    assert {each.overridable_by for each in found} == {EVALUATION}
    assert {(each.state, place_of(each)) for each in found} == {
        (State.NOT_FIXED, PathPlace.PREFIX)
    }


def test_lifted_components_are_found_to_work() -> None:
    fixed = decided(layout("states/fixed"))
    assert {each.name for each in fixed.components if each.overridable} == COMPONENTS
    assert (fixed.state, place_of(fixed)) == (State.FIXED, PathPlace.SUFFIX)
    assert all(
        f"override {{ {each.name} = …; }}" in each.methods for each in fixed.components
    )
    half = decided(layout("states/half-lifted"))
    assert {each.name for each in half.components if each.overridable} == {"moby"}
    assert half.overridable is Overridable.PARTLY


def test_new_way_of_building_that_no_override_reaches_is_not_called_unfixed() -> None:
    text = layout("29.6")
    todo = next(line for line in text.splitlines() if "# TODO: move packages" in line)
    built = text.replace("buildGoModule (\n", "(x: buildGoModule x) (\n").replace(
        f"{todo}\n", ""
    )
    assert built.count("(x: buildGoModule x)") >= 1
    found = read(built)
    assert (found.state, found.overridable) == (State.UNKNOWN, Overridable.UNKNOWN)
    assert "a new structure and no TODO" in (found.reason or "")
    # With the TODO upstream itself says that it is not done, and nothing contradicts
    # it.
    assert (
        read(text.replace("buildGoModule (\n", "(x: buildGoModule x) (\n")).overridable
        is Overridable.NO
    )


def test_release_or_version_that_does_not_evaluate_does_not_keep_the_others_from_it() -> (
    None
):
    text, count = re.subn(
        r"docker_25 =\s", "docker_25 = assert false; ", layout("29.6")
    )
    assert count == 1
    bad = layout("29.6").replace("moby-src =", "moby-src = nobody.knows; unused =", 1)
    one, none = evaluate(text, bad)
    assert (one.overridable_by, one.state, set(one.failed)) == (
        EVALUATION,
        State.NOT_FIXED,
        {"docker_25"},
    )
    assert "nobody" in (none.reason or "")
    assert none.overridable_by == "syntax"


EXPRESSIONS = (
    "builtins.readFile /etc/passwd",
    'builtins.readFile "{secret}"',
    'builtins.fetchurl "http://127.0.0.1:9/"',
    'import (builtins.fetchTarball "http://127.0.0.1:9/x.tar.gz")',
    "import <nixpkgs> {{ }}",
    'builtins.readDir "{home}"',
    'builtins.readFile (derivation {{ name = "x"; system = builtins.currentSystem; builder = "/bin/sh"; }})',
)


def test_version_of_a_stranger_reaches_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hidden")
    filled = (
        expression.format(secret=tmp_path / "secret", home=tmp_path)
        for expression in EXPRESSIONS
    )
    for found in evaluate(*map(hostile, filled)):
        assert found.overridable_by != EVALUATION
        assert "Nix could not decide: " in (found.reason or "")
        assert "hidden" not in (found.reason or "")


def test_files_beside_it_stay_in_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "made"))
    text = layout("29.6").replace(
        "moby-src =", "evil = ./../../../evil.txt; more = ./a/b.patch; moby-src =", 1
    )
    decided(text)
    assert list(tmp_path.rglob("*")) == [tmp_path / "made"]


def test_parameter_that_nothing_uses_is_no_override() -> None:
    lifted = layout("states/fixed")
    used = [line for line in lifted.splitlines() if "moby = orElse moby" in line]
    assert len(used) == 1
    fake = lifted.replace(used[0], used[0].replace("orElse moby", "orElse null"))
    assert meaning.read(fake.encode()).overridable is Overridable.YES
    reading = read(fake)
    assert (reading.overridable, reading.overridable_by) == (
        Overridable.PARTLY,
        "evaluation",
    )
    assert reading.state is State.HALF_FIXED


def test_good_news_that_nix_cannot_confirm_is_not_believed() -> None:
    broken = layout("states/fixed").replace(
        "moby-src =", "moby-src = nobody.knows; unused =", 1
    )
    found = read(broken)
    assert (found.state, found.overridable, place_of(found)) == (
        State.UNKNOWN,
        Overridable.UNKNOWN,
        PathPlace.SUFFIX,
    )
    assert "Nix could not decide" in (found.reason or "")
