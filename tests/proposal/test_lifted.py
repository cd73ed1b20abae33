"""What is asked of Nix about a lift, and which answer is worse than which."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.proposal.nixpkgs import Nixpkgs
from toolkit import process, specimen
from toolkit.cache import VARIABLE
from toolkit.nix import limits
from toolkit.nix.questions import MARK
from toolkit.proposal.lifted import (
    IN_PART,
    LIFTED,
    NO_FUNCTION,
    UNFOLLOWED,
    UNREACHED,
    Asking,
    ChangedMethod,
    Derivations,
    Effect,
    LiftQuestion,
    LiftVerdict,
    Method,
    ask,
    command,
    joint_verdict,
    recall,
    verdict,
    why_not,
)

WORKS = Method(there=True, named=True, effect=Effect.WORKS)
ABSENT = Method(there=False)
SYSTEM = "x86_64-linux"


def answer(
    *methods: ChangedMethod, before: str | None = "/a.drv", after: str | None = "/a.drv"
) -> Derivations:
    return Derivations(
        before=before,
        after=after,
        methods={f"method {number}": method for number, method in enumerate(methods)},
    )


def method(
    after: Method = WORKS, before: Method = ABSENT, **follows: bool
) -> ChangedMethod:
    return ChangedMethod(before=before, after=after, follows=follows)


GOOD = method()
FAULTS = [
    (answer(GOOD, after="/b.drv"), "failed", "the derivation differs"),
    (answer(GOOD, after=None), "failed", "the derivation differs"),
    (answer(GOOD, method(ABSENT)), "failed", "the attribute is not there"),
    (answer(method(ABSENT)), "failed", "no part is in passthru"),
    (
        answer(GOOD, method(before=Method(there=False, named=True))),
        "refused",
        "a different attribute of the package has the name",
    ),
    (
        answer(GOOD, method(Method(there=True, effect=Effect.PARTLY))),
        "refused",
        IN_PART,
    ),
    (
        answer(GOOD, method(Method(there=True, effect=Effect.PARTLY, shown=True))),
        "refused",
        IN_PART,
    ),
    (
        answer(GOOD, method(Method(there=True, effect=Effect.INEFFECTIVE))),
        "refused",
        UNREACHED,
    ),
    (
        answer(GOOD, method(Method(there=True, effect=Effect.UNKNOWN))),
        "refused",
        UNREACHED,
    ),
    (answer(GOOD, method(src=True, version=False)), "refused", UNFOLLOWED),
]


@pytest.mark.parametrize(("found", "outcome", "why"), FAULTS)
def test_each_fault_has_its_verdict(found: Derivations, outcome: str, why: str) -> None:
    assert verdict(found) == LiftVerdict(outcome=outcome, why=why)
    said = joint_verdict([answer(GOOD), found])
    assert said == (
        LIFTED
        if why in {UNREACHED, "no part is in passthru"}
        else LiftVerdict(outcome=outcome, why=why)
    )
    assert joint_verdict([found, answer(GOOD)]) == said
    assert joint_verdict([found]) == LiftVerdict(outcome=outcome, why=why)


def test_what_is_right_is_lifted_and_what_did_not_evaluate_before_is_not_judged() -> (
    None
):
    assert verdict(answer(GOOD, method(before=WORKS, src=True))) == LIFTED
    shown = Method(there=True, effect=Effect.INEFFECTIVE, shown=True)
    assert verdict(answer(method(shown))) == LIFTED
    unknown = Method(there=True, effect=Effect.UNKNOWN, shown=True)
    assert joint_verdict([answer(GOOD), answer(method(unknown))]) == LIFTED
    assert verdict(answer(GOOD, before=None)) is None
    assert joint_verdict([Derivations(methods={}), Derivations(methods={})]) is None
    assert joint_verdict([answer(before=None), answer(GOOD)]) == LIFTED


def test_an_error_is_a_failure_that_names_files_as_the_tree_does() -> None:
    broken = Derivations(
        methods={}, error="no such thing, at /x/y/pkgs/by-name/a.nix:1:2"
    )
    why = "once changed, it does not evaluate: no such thing, at pkgs/by-name/a.nix:1:2"
    assert verdict(broken) == LiftVerdict(outcome="failed", why=why)
    late = Derivations(methods={}, error="still running after 60 s", limited=True)
    why = "the changed package was not judged: still running after 60 s"
    assert verdict(late) == LiftVerdict(outcome="failed", why=why)
    function = Derivations(methods={}, error="expected a set but found a function")
    assert verdict(function) == LiftVerdict(outcome="refused", why=NO_FUNCTION)
    assert NO_FUNCTION == "the builder takes no function of the final attributes"


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
        ("text", "it is no derivation"),
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


def test_further_systems_are_asked_about_the_change_alone(nixpkgs: Nixpkgs) -> None:
    """The tree before it counts where a package evaluates first.

    One that only later systems have is compared there.
    """
    nixpkgs.edit('version = "4.2.0"', 'version = "4.2.1"')
    question = LiftQuestion(package="notes-server", methods={"src": ("src",)})
    systems = ("x86_64-linux", "aarch64-linux", "aarch64-darwin")
    asking = Asking(
        trees=(specimen.path(), nixpkgs.root), own=question, systems=systems
    )
    answers = asking.answers()
    assert [answers[each].before != answers[each].after for each in systems] == [
        True,
        True,
        False,
    ]
    assert (
        answers[systems[2]].after == ask(*asking.trees, systems[2], [question])[0].after
    )
    effects = [answers[each].methods["src"].before.effect for each in systems]
    assert effects == [answers[systems[0]].methods["src"].after.effect] * 2 + [
        Effect.UNASKED
    ]
    assert [
        json.dumps({"compared": False})[1:-1] in each for each in asking.commands
    ] == [False, False, True]
    nowhere = dict.fromkeys(systems[:2], Derivations(methods={}))
    later = replace(asking, known=nowhere).answer(systems[2])
    assert later.before != later.after
    assert later.methods["src"].before.effect is effects[0]
