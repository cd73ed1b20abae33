"""The questions about override methods, and the answer of one that ends Nix."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.proposal.nixpkgs import Nixpkgs
from toolkit import process, specimen
from toolkit.asking.questions import MARK
from toolkit.asking.trials import (
    Derivations,
    Effect,
    LiftQuestion,
    ask,
    command,
    recall,
    why_not,
)
from toolkit.cache import VARIABLE
from toolkit.nix import limits

SYSTEM = "x86_64-linux"


def test_the_question_is_in_the_command_and_its_limits_grow_with_it(
    tmp_path: Path,
) -> None:
    methods = {"ui": ("passthru", "ui")}
    questions = [
        LiftQuestion(
            package="a.b",
            methods=methods,
            shown=(("passthru", "x"),),
            follows={"ui": ("src",)},
        ),
        LiftQuestion(package="c", downloads=(("d",),)),
    ]
    asked = command(Path("/before"), Path("/after"), SYSTEM, questions)
    words = list(asked.argv)
    given = {
        words[at + 1]: words[at + 2]
        for at, word in enumerate(words)
        if word == "--argstr"
    }
    assert json.loads(given.pop("questions")) == [
        {
            "number": 0,
            "package": ["a", "b"],
            "methods": {"ui": ["passthru", "ui"]},
            "shown": [["passthru", "x"]],
            "follows": {"ui": ["src"]},
            "downloads": [],
            "hidden": False,
            "taken": {},
            "compared": True,
        },
        {
            "number": 1,
            "package": ["c"],
            "methods": {},
            "shown": [],
            "follows": {},
            "downloads": [["d"]],
            "hidden": False,
            "taken": {},
            "compared": True,
        },
    ]
    assert given == {
        "sign": MARK,
        "before": "/before",
        "after": "/after",
        "system": SYSTEM,
    }
    assert words[-1] == "--show-trace"
    assert "--readonly-mode" not in words
    assert (
        "--readonly-mode"
        in command(Path("/before"), Path("/after"), SYSTEM, questions[1:]).argv
    )
    one = command(Path("/before"), Path("/after"), SYSTEM, questions[:1]).timeout
    assert one is not None
    assert asked.timeout == min(2 * one, limits.seconds(180.0))
    with limits.sealed(seconds=50.0):
        # Of several that have a time together each has all of the memory.
        beside = command(Path("/before"), Path("/after"), SYSTEM, questions)
    assert beside.env["GC_MAXIMUM_HEAP_SIZE"] == str(limits.memory() << 20)
    more = command(
        tmp_path, tmp_path, SYSTEM, questions, tmp_path / "x" / "..", loud=True
    ).argv
    assert more[more.index("overlay") + 1] == str(tmp_path)
    assert more[more.index("loud") + 1] == "yes"


@pytest.fixture
def tree(nixpkgs: Nixpkgs) -> Path:
    nixpkgs.add(
        "  gone = throw ''it is gone'';\n  endless = let x = x; in x;\n  text = ''no "
        "package'';\n"
    )
    return nixpkgs.root


@pytest.mark.parametrize(
    ("package", "why"),
    [
        ("gone", "it is gone"),
        ("text", "it is not a derivation"),
        ("endless", "infinite recursion encountered"),
    ],
)
def test_why_a_package_does_not_evaluate_is_one_line(
    tree: Path, package: str, why: str
) -> None:
    reason = why_not(tree, SYSTEM, package)
    assert reason == why if package == "text" else why in reason


def test_one_that_ends_nix_has_its_own_answer_and_the_others_theirs(tree: Path) -> None:
    spoiled = Nixpkgs(root=tree).copy("after")
    head = 'stdenv.mkDerivation {\n  pname = "notes-server"'
    spoiled.edit(head, head.replace("mkDerivation", "mkDerivation (x: x)"))
    after = spoiled.root
    names = ["status-board", "endless", "notes-server", "gone", "log-viewer"]
    answers = dict(
        zip(
            names,
            ask(tree, after, SYSTEM, [LiftQuestion(package=name) for name in names]),
            strict=True,
        )
    )
    assert answers["status-board"].before == answers["status-board"].after
    assert answers["log-viewer"].before is not None
    # What the unchanged package does as well says nothing of the change.
    assert answers["endless"] == Derivations(methods={})
    assert answers["gone"].before is None
    assert answers["gone"].error is None
    notes = answers["notes-server"]
    assert (notes.before is None, notes.after) == (notes.error is not None, None)


@pytest.mark.clock
def test_one_that_takes_nix_too_long_is_asked_nothing_more_and_keeps_no_other_from_an_answer(
    nixpkgs: Nixpkgs,
) -> None:
    slow = (
        "(let f = n: if n == 0 then 1 else f (n - 1) + f (n - 1); in toString (f 60))"
    )
    nixpkgs.edit('version = "4.2.0"', f"version = {slow}")
    questions = [
        LiftQuestion(package=name)
        for name in ("status-board", "notes-server", "docker")
    ]
    lines: list[str] = []
    with process.echoing(lines.append):
        board, notes, docker = ask(
            specimen.path(),
            nixpkgs.root,
            SYSTEM,
            questions,
            allowed=limits.Allowance(3),
        )
    for other in (board, docker):
        assert other.before is not None
        assert other.before == other.after
    assert (notes.limited, notes.error) == (True, "still running after 3 s")
    # All, and all but the one.
    assert sum("lifted.nix" in line for line in lines) == 2


def test_what_is_known_is_not_asked_again_but_anything_else_is(
    nixpkgs: Nixpkgs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    trees, question = (
        (nixpkgs.root, nixpkgs.root),
        LiftQuestion(package="notes-server", methods={"version": ("src",)}),
    )
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    text = 'final: prev: { notes-server = prev.notes-server.overrideAttrs { version = "NUMBER"; }; }\n'

    def asked(
        question: LiftQuestion, number: int | None = None, system: str = SYSTEM
    ) -> tuple[Derivations, bool]:
        (overlay / "default.nix").write_text(text.replace("NUMBER", str(number)))
        lines: list[str] = []
        with process.echoing(lines.append):
            (answer,) = recall(
                *trees, system, [question], overlay if number is not None else None
            )
        return answer, any("lifted.nix" in line for line in lines)

    known, is_new = asked(question)
    assert is_new
    assert known.methods["version"].after.effect is Effect.PARTLY
    assert asked(question) == (known, False)
    assert asked(replace(question, methods={}))[1]
    assert asked(question, system="aarch64-linux")[1]
    # Of an overlay, the content counts.
    first, second = asked(question, 1)[0], asked(question, 2)[0]
    assert (first.before, second.before) == (known.before, known.before)
    assert len({known.after, first.after, second.after}) == 3
    assert asked(question, 1) == (first, False)
    # And so it does of a table.
    row = replace(
        question, methods={"row": ("table", "row")}, table=tmp_path / "table.nix"
    )
    for version, is_new in (("5", True), ("5", False), ("6", True)):
        (tmp_path / "table.nix").write_text(
            f'_: old: {{ row = old.overrideAttrs {{ version = "{version}"; }}; }}\n'
        )
        assert asked(row)[1] is is_new


def test_what_ends_nix_is_asked_again(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    spoiled = Nixpkgs(root=tree).copy("after")
    spoiled.edit('version = "4.2.0"', "version = let x = x; in x")
    for _ in range(2):
        lines: list[str] = []
        with process.echoing(lines.append):
            questions = [
                LiftQuestion(package=name) for name in ("notes-server", "image-scan")
            ]
            found, other = recall(tree, spoiled.root, SYSTEM, questions)
        assert found.error is not None
        assert other.before == other.after is not None
        assert any("lifted.nix" in line for line in lines)
