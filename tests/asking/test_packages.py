"""How many questions are asked together."""

import json
import re
import shutil
from pathlib import Path

import pytest

from toolkit import process, specimen
from toolkit.asking.packages import Question, QuestionScope, Times, ask, called, why_not
from toolkit.nix import limits
from toolkit.nix.limits import Allowance

NATIVE = "x86_64-linux"


def copied(tmp_path: Path) -> tuple[Path, Path]:
    """Return a copy of the specimen, and the file of a package in it."""
    root = tmp_path / "tree"
    shutil.copytree(specimen.path(), root)
    return root, root / "pkgs/by-name/no/notes-server/package.nix"


def test_what_was_answered_before_nix_ended_is_not_asked_again(tmp_path: Path) -> None:
    root, package = copied(tmp_path)
    package.write_text("{ lib }: lib.nobodyHasThis.either")
    names = ("docker", "notes-server", "status-board")
    lines: list[str] = []
    with process.echoing(lines.append):
        answers = ask(
            QuestionScope(root=root, system=NATIVE),
            [Question(path=(name,), parts=("derivation",)) for name in names],
        )
    assert [answer.kind for answer in answers] == ["derivation", "ends", "derivation"]
    assert answers[1].ends["derivation"].startswith("attribute 'nobodyHasThis' missing")
    asked = [re.search(r"--argstr questions '(.*?)' --", line) for line in lines]
    assert [
        [each["path"][0] for each in json.loads(found[1])]
        for found in asked
        if found is not None
    ] == [
        ["docker", "notes-server", "status-board"],
        ["status-board"],
        ["notes-server"],
    ]


def test_what_ends_the_derivation_ends_what_reads_it(tmp_path: Path) -> None:
    root, package = copied(tmp_path)
    text = package.read_text()
    package.write_text(
        text.replace(
            "  buildInputs", "  bad = lib.nobodyHasThis.either;\n  buildInputs", 1
        )
    )
    lines: list[str] = []
    with process.echoing(lines.append):
        (answer,) = ask(
            QuestionScope(root=root, system=NATIVE), [Question(path=("notes-server",))]
        )
    assert answer.parts.keys() == {"arguments", "meta", "passthru", "position"}
    assert answer.ends.keys() >= {"derivation", "fixed-output", "override"}
    assert len(lines) == 2


def test_parts_that_are_left_when_the_time_for_errors_is_up_did_not_end_nix(
    tmp_path: Path,
) -> None:
    root, package = copied(tmp_path)
    text = package.read_text()
    package.write_text(
        text.replace("passthru = {", "passthru = { bad = lib.nobodyHasThis.either;", 1)
    )
    question = Question(path=("notes-server",), parts=("derivation", "passthru"))
    times = Times()
    (answer,) = ask(QuestionScope(root=root, system=NATIVE), [question], times=times)
    assert answer.ends.keys() == {"passthru.bad"}
    times.ending.spend(times.ending.left)
    (late,) = ask(QuestionScope(root=root, system=NATIVE), [question], times=times)
    assert late.ends["passthru"] == answer.ends["passthru.bad"]
    assert late.limits == {"derivation": limits.no_time()}


def test_nothing_is_asked_when_the_time_is_over() -> None:
    question = Question(path=("notes-server",), parts=("derivation",))
    times = Times()
    times.begin(60)
    lines: list[str] = []
    with process.echoing(lines.append), times.sharing(0):
        (answer,) = ask(
            QuestionScope(root=specimen.path(), system=NATIVE), [question], times=times
        )
    assert (answer.limits, lines) == ({"derivation": limits.no_time()}, [])
    (answer,) = ask(
        QuestionScope(root=specimen.path(), system=NATIVE), [question], times=times
    )
    assert answer.kind == "derivation"


@pytest.mark.parametrize(
    ("body", "called", "ended"),
    [
        (
            'stdenv.mkDerivation { name = "w"; given = given { }; }',
            {"withPlugins(x)"},
            set[str](),
        ),
        (
            'stdenv.mkDerivation { name = "w"; given = map (x: x.file) (given { }); }',
            {"withPlugins()"},
            set[str](),
        ),
        (
            'stdenv.mkDerivation { name = "w"; inherit given; }',
            {"withPlugins[x]"},
            set[str](),
        ),
        (
            'stdenv.mkDerivation { name = "w"; given = map (x: x.file) given; }',
            {"withPlugins[]"},
            set[str](),
        ),
        ("stdenv.nobodyHasThis given", set[str](), {"functions.withPlugins[]"}),
    ],
)
def test_a_function_is_called_with_what_it_takes(
    body: str, called: set[str], ended: set[str], tmp_path: Path
) -> None:
    root, package = copied(tmp_path)
    package.write_text(
        package.read_text().replace(
            "passthru = {", f"passthru = {{ withPlugins = given: {body};", 1
        )
    )
    (answer,) = ask(
        QuestionScope(root=root, system=NATIVE),
        [Question(path=("notes-server",), parts=("functions",))],
    )
    assert answer.parts["functions"].keys() == called
    assert answer.ends.keys() == ended


def test_a_long_text_may_have_any_letter_anywhere(tmp_path: Path) -> None:
    root, package = copied(tmp_path)
    text = package.read_text()
    package.write_text(
        text.replace(
            "passthru = {", f'passthru = {{ long = "{"x" * 59}{"é" * 300}";', 1
        )
    )
    assert package.read_text() != text
    (answer,) = ask(
        QuestionScope(root=root, system=NATIVE), [Question(path=("notes-server",))]
    )
    assert answer.ends == {}
    assert "passthru" in answer.parts


def test_an_answer_that_is_too_long_for_one_is_none(tmp_path: Path) -> None:
    root, package = copied(tmp_path)
    # More than 4,096 characters for each name.
    each = f'n: {{ name = "n${{toString n}}{"x" * 4096}"; value = n; }}'
    long = f"builtins.listToAttrs (builtins.genList ({each}) 1100)"
    text = package.read_text()
    package.write_text(text.replace("passthru = {", f"passthru = {long} // {{", 1))
    assert package.read_text() != text
    (answer,) = ask(
        QuestionScope(root=root, system=NATIVE), [Question(path=("notes-server",))]
    )
    assert answer.ends["passthru"] == "what can be seen of it is too long"
    assert "derivation" in answer.parts


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("follows.overrideAttrs.cudaX=", "overrideAttrs with another cudaX"),
        ("follows.override.tests", "tests of an overridden package"),
        ("override.withX=", "override with withX"),
        ("functions.withPlugins", "withPlugins"),
        ("passthru.web", "passthru.web"),
        ("kinds", "attributes"),
    ],
)
def test_a_part_has_a_name_in_a_sentence(part: str, name: str) -> None:
    assert called(part) == name


def test_what_evaluates_has_no_other_reason() -> None:
    assert (
        why_not(
            QuestionScope(root=specimen.path(), system=NATIVE),
            ("notes-server",),
            Allowance(60),
        )
        == "it evaluates"
    )
