"""Changes of the specimen whose effects are known: what has to be named, and what has to be the same."""

import os
import shutil
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest
from msgspec import Struct, field

from tests.judge.edits import Edit, Step, edited, file_edits
from toolkit import process, specimen
from toolkit.asking import packages
from toolkit.asking.packages import Question, QuestionScope
from toolkit.cache import VARIABLE
from toolkit.judge import (
    JudgeRequest,
    audience,
    extent,
    ground,
    judge,
    made,
    readers,
    record,
    sides,
)
from toolkit.judge.differences import (
    Difference,
    Expectation,
    Judgement,
    Kind,
    Weight,
    exit_code,
)
from toolkit.judge.extent import Extent
from toolkit.model import Silence, SourceRequest
from toolkit.nix import limits, program
from toolkit.process import Command, Completed
from toolkit.report import judgement as judgements
from toolkit.report.comment import to_comment
from toolkit.report.sentences import sentence
from toolkit.sources.changes import Change, ChangeStep
from toolkit.sources.trees import NixpkgsTree

Edits: TypeAlias = Mapping[str, tuple[str, str] | str | None]

HERE = Path(__file__).parent
NATIVE, CROSS = "x86_64-linux", "cross"
DOCKER = "pkgs/applications/virtualization/docker/default.nix"
NOTES = "pkgs/by-name/no/notes-server/package.nix"
BOARD = "pkgs/by-name/st/status-board/package.nix"
RUNNER = "pkgs/by-name/ho/hosted-runner/package.nix"
ALIASES = "pkgs/top-level/aliases.nix"
ALL = "pkgs/top-level/all-packages.nix"
LIB = "lib/values.nix"
FETCH = "pkgs/by-name/no/notes-fetched/package.nix"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(sealed: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sealed.is_dir()
    monkeypatch.setenv(VARIABLE, str(shared))


def change(*steps: Edits) -> Change:
    """Return a change of the specimen: of a file one text for another, a whole text, or None if it goes."""
    root = specimen.path()
    texts: dict[str, str | None] = {}
    made: list[ChangeStep] = []
    for number, edits in enumerate(steps):
        for path, how in edits.items():
            if isinstance(how, tuple):
                old, new = how
                before = texts.get(path) or source(path)
                assert old in before
                texts[path] = before.replace(old, new, 1)
            else:
                texts[path] = how
        made.append(
            ChangeStep(subject=f"commit {number + 1}", edits=file_edits(root, texts))
        )
    base = NixpkgsTree(root=root, key="specimen")
    return Change(
        subject="a change",
        origin="the specimen",
        source=SourceRequest(),
        base=base,
        steps=tuple(made),
    )


def source(path: str) -> str:
    """Return a file of the specimen or one of packages/, "" if there is none."""
    places = (root / path for root in (specimen.path(), HERE / "packages"))
    return next((place.read_text() for place in places if place.is_file()), "")


def judged(*steps: Edits, systems: tuple[str, ...] = (NATIVE,)) -> Judgement:
    return judge(change(*steps), JudgeRequest(systems=systems), progress=Silence())


def in_copy(root: Path, texts: Mapping[str, tuple[str, str]]) -> Change:
    """Return a change of a copy of the specimen, in which files have other texts, before and after."""
    shutil.copytree(specimen.path(), root)
    for path, (before, _) in texts.items():
        (root / path).write_text(before)
    edits = file_edits(
        root,
        {path: after for path, (before, after) in texts.items() if before != after},
    )
    base = NixpkgsTree(root=root, key=root.parent.name)
    step = ChangeStep(subject="x", edits=edits)
    return Change(
        subject="x", origin="a tree", source=SourceRequest(), base=base, steps=(step,)
    )


def serious(judgement: Judgement) -> set[str]:
    return {
        f"{each.weight} {each.kind} {each.attribute}"
        for each in judgement.differences
        if each.weight is not Weight.NOTE
    }


def second(
    *steps: Edits, systems: tuple[str, ...] = (NATIVE,), every: bool = False
) -> Judgement:
    """Return what the second step does to the first one; what both do is not asked."""
    made = change(*steps)
    before, after = made.steps
    with ground.opened(made.base, progress=Silence()) as place:
        both = sides.Sides(
            base=made.base,
            ground=place,
            before=dict(before.files),
            after=dict(after.files),
            nixos=False,
            every_reference=every,
            progress=Silence(),
            times=packages.Times(),
            allowed=limits.Allowance(packages.seconds(nixos=False)),
        )
        return Extent(both, systems).judged()


def case_of(number: int, file: str = "package.nix") -> str:
    return f"pkgs/by-name/ca/case-{number}/{file}"


def of_cases(*cases: tuple[str, str]) -> tuple[Judgement, list[list[Difference]]]:
    """Return what is said of packages that a change edits, each of them a case, and the differences of each."""
    befores, afters = (
        {case_of(number): texts[side] for number, texts in enumerate(cases)}
        for side in (0, 1)
    )
    judgement = second(befores, afters)
    found: list[list[Difference]] = [[] for _ in cases]
    for each in judgement.differences:
        found[int(each.attribute.removeprefix("case-"))].append(each)
    return judgement, found


def last(*steps: Edits, systems: tuple[str, ...] = (NATIVE,)) -> set[str]:
    """Return what the second step does to the first one."""
    return serious(second(*steps, systems=systems))


class Package(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A package as it is before and after a change, and what is found of it."""

    name: str
    file: str = NOTES
    base: list[Edit] = field(default_factory=list[Edit])
    edits: list[Edit]
    found: list[str] = field(default_factory=list[str])

    @property
    def texts(self) -> tuple[str, str]:
        """The package before and after."""
        before = edited(source(self.file), self.base)
        return before, edited(before, self.edits)


class Case(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of the specimen, or of the specimen as `first` leaves it, and what is found."""

    name: str
    systems: tuple[str, ...] = (NATIVE,)
    first: Step = Step()
    then: Step
    found: list[str] = field(default_factory=list[str])
    unknown: list[str] = field(default_factory=list[str])
    equal: list[str] = field(default_factory=list[str])

    @property
    def steps(self) -> tuple[Edits, Edits]:
        """The files of both steps."""
        first = self.first.texts(source)
        return first, self.then.texts(lambda path: first.get(path) or source(path))


def shown(found: Iterable[Difference], form: str) -> list[str]:
    """Return what differs in the form of the tables, without the commands that are proposed."""
    texts = (
        form.format(each, what=sentence(each).partition(": nix-build")[0])
        for each in found
    )
    return sorted({*texts})


PACKAGES = msgspec.toml.decode(
    (HERE / "packages.toml").read_bytes(), type=dict[str, list[Package]]
)
CHANGES = {
    each.name: each
    for each in msgspec.toml.decode(
        (HERE / "changes.toml").read_bytes(), type=dict[str, list[Case]]
    )["changes"]
}


@pytest.mark.parametrize("table", PACKAGES)
def test_what_is_found_of_packages_is_named(table: str) -> None:
    cases = PACKAGES[table]
    judgement, found = of_cases(*(each.texts for each in cases))
    said = {
        each.name: shown(found[number], "{0.weight} {0.kind}: {what}")
        for number, each in enumerate(cases)
    }
    assert said == {each.name: each.found for each in cases}
    assert judgement.unknown == ()
    gaps = {gap.reason for gap in judgement.not_covered if "passthru" in gap.parts}
    ends = {"its passthru.updateScript did not evaluate before either"}
    assert gaps == (ends if table == "passthru" else set())
    assert exit_code(judgement, None) == any(
        each.startswith("regression") for names in said.values() for each in names
    )


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_found_of_a_change_is_named(name: str) -> None:
    case = CHANGES[name]
    first, then = case.steps
    judgement = (
        second(first, then, systems=case.systems)
        if first
        else judged(then, systems=case.systems)
    )
    place = " on {0.system}" if len(case.systems) > 1 else ""
    assert (
        shown(
            judgement.differences,
            f"{{0.weight}} {{0.kind}} {{0.attribute}}{place}: {{what}}",
        )
        == case.found
    )
    assert [f"{gap.what}: {gap.reason}" for gap in judgement.unknown] == case.unknown
    assert sorted(judgement.equal) == case.equal
    differs = any(not each.startswith("note") for each in case.found)
    assert exit_code(judgement, Expectation.SAME) == (
        1 if differs else 3 if case.unknown else 0
    )


def test_a_regression_is_named() -> None:
    edits: Edits = {
        ALIASES: (
            (
                "  docker-edge = lib.warn \"'docker-edge' is called 'docker'\" "
                "final.docker;\n"
            ),
            "",
        ),
        ALL: source(ALL).replace("lib.recurseIntoAttrs {", "{"),
        DOCKER: ("-DMINIMAL=ON", "-DMINIMAL=OFF"),
    }
    judgement = judged(edits)
    assert serious(judgement) >= {
        "regression alias docker-edge",
        "regression passthru containerPackages",
        "change derivation docker_29",
    }
    assert exit_code(judgement, Expectation.SAME) == 1


OWN = source(NOTES)


def test_what_is_refused_by_default_now_is_a_regression_unless_its_own_file_says_so() -> (
    None
):
    checked = """broken = (import ./flags.nix).bad;
    unsupported = lib.platforms.all != notes-meta.platforms;
    inherit (notes-meta) platforms;"""
    text = OWN.replace("    platforms = lib.platforms.all;", f"    {checked}")
    text = text.replace(
        "let\n", "let\n  notes-meta = {\n    platforms = lib.platforms.all;\n  };\n", 1
    )
    text = text.replace(
        "[ curl ]",
        'if notes-meta.platforms != lib.platforms.all then throw "not here" else [ curl ]',
    )
    flags = case_of(1, "flags.nix")
    then: Edits = {
        case_of(0): text.replace("broken = (import ./flags.nix).bad", "broken = true"),
        flags: ("false", "true"),
        case_of(2): text.replace(
            "platforms = lib.platforms.all", 'platforms = [ "aarch64-linux" ]'
        ),
    }
    first: Edits = {
        case_of(n, file): how
        for n in range(3)
        for file, how in (("package.nix", text), ("flags.nix", BAD))
    }
    found = [
        each for each in second(first, then).differences if each.kind is Kind.EVALUATION
    ]
    assert sorted(
        (each.attribute, each.weight.value, sentence(each).split(":")[-1])
        for each in found
    ) == [
        ("case-0", "change", " it is now broken"),
        ("case-1", "regression", " it is now broken"),
        ("case-2", "change", " it is now unsupported on this platform"),
    ]


BAD = "{ bad = false; }\n"


FETCHED = source("fetched.nix")


def test_bytes_that_are_no_text_are_read() -> None:
    before = FETCHED.replace("  src =", '  shown = "caf\udce9";\n  src =')
    assert last({FETCH: before}, {FETCH: before.replace("\udce9", "\udce8")}) == {
        "change derivation notes-fetched"
    }


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Return the attributes that each evaluation was asked about, with `reader ` before those that read others.

    If it has another hosted-runner than the specimen, `after` is one of them.
    """
    found: list[set[str]] = []
    first = packages.ask

    def watched(
        scope: QuestionScope,
        questions: Sequence[Question],
        **more: Any,  # noqa: ANN401
    ) -> list[packages.Answer]:
        names = {
            ("reader " if each.parts == packages.FEW else "") + ".".join(each.path)
            for each in questions
        }
        is_after = (scope.root / RUNNER).read_bytes() != (
            specimen.path() / RUNNER
        ).read_bytes()
        found.append(names | ({"after"} if is_after else set()))
        return first(scope, questions, **more)

    monkeypatch.setattr(sides, "ask", watched)
    return found


@pytest.mark.parametrize(
    ("said", "readers"),
    [
        ("# notes-server\n1", 0),
        ("''\n  runs notes-server.out\n''", 0),
        ("builtins.attrNames { notes-server = 1; }", 0),
        ("toString (final.notes-server == 1)", 2),
        ('"${final.notes-server.name}"', 2),
    ],
)
def test_a_comment_a_text_or_a_definition_reads_nothing(
    said: str, readers: int, asked: list[set[str]]
) -> None:
    thing = f"  thing = final.docker-client.overrideAttrs {{ said = {said}; }};"
    first: Edits = {
        ALL: ("  docker = final.docker_29;", f"  docker = final.docker_29;\n{thing}")
    }
    judged(first, {NOTES: ("echo notes", "echo others")})
    assert sum("reader thing" in each for each in asked) == readers


@pytest.mark.parametrize("jobs", [1, 2])
def test_readers_are_asked_beside_the_package_if_a_processor_is_idle(
    jobs: int, asked: list[set[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def so_many(*, each: int) -> int:
        assert each
        return jobs

    monkeypatch.setattr(limits, "jobs", so_many)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    judged({RUNNER: ('  version = "', '  version = "1')})
    own, reading = (
        ["after" in each for each in asked if name in each]
        for name in ("hosted-runner", "reader runner-fleet")
    )
    # What differs is asked again, for the reasons.
    assert own == [False, True, False, True]
    assert reading == ([True, False] if jobs > 1 else [False, True])


def test_a_part_of_a_package_is_asked_with_it_on_the_other_systems(
    asked: list[set[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def two(*, each: int) -> int:
        assert each
        return 2

    monkeypatch.setattr(limits, "jobs", two)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    tool = "tool = docker;"
    second(
        {RUNNER: ("[ docker ];", f"[ docker ]; {tool}")},
        {RUNNER: (tool, "tool = docker // { };")},
        systems=(NATIVE, "aarch64-linux"),
    )
    assert [
        "hosted-runner.tool" in each for each in asked if "hosted-runner" in each
    ] == [True] * 4
    assert sum("hosted-runner.tool" in each for each in asked) == 4


def test_who_reads_a_value_of_the_library_is_asked() -> None:
    licenses = "lib/licenses.nix"
    library = source("lib/default.nix")
    at = library.index("  licenses = {"), library.index("in\nlib\n")
    first: Edits = {
        "lib/default.nix": f"{library[: at[0]]}  licenses = import "
        f"./licenses.nix;\n{library[at[1] :]}",
        licenses: "{\n  asl20 = {\n    free = true;\n  };\n  unfree.free = false;\n}\n",
    }
    found = last(first, {licenses: ("free = true", "free = false")})
    assert {"change passthru lib.licenses.asl20", "change meta docker"} <= found


def test_a_file_that_makes_values_is_known_if_no_function_is_among_them() -> None:
    more = {
        "": False,
        "make = x: x.name;": True,
        f'long = [ "{"a" * 500}" ];': False,
        "many = { inherit (lib) mkAfter; };": True,
        "ends = { inherit (lib) nobodyHasThis; };": True,
    }
    files = {f"pkgs/tools/misc/lists-{n}.nix": each for n, each in enumerate(more)}
    calls = "".join(
        f"  lists-{n} = import ../../{file} {{ inherit (final) lib; }};\n"
        for n, file in enumerate(files)
    )
    texts = {
        file: f'{{ lib }}: let one = "one"; in {{ names = [ one ]; {each} }}\n'
        for file, each in files.items()
    }
    first: Edits = {
        ALL: ("  docker = final.docker_29;", f"  docker = final.docker_29;\n{calls}"),
        **texts,
    }
    unknown = {
        gap.what
        for gap in second(first, dict.fromkeys(files, ('"one"', '"on" + "e"'))).unknown
    }
    assert {
        file for file, each in files.items() if more[each]
    } == unknown & files.keys()
    assert last(first, dict.fromkeys(files, ('"one"', '"two"'))) == {
        f"change passthru lists-{n}.names" for n in range(len(files))
    }


def test_a_file_is_known_if_a_package_of_another_file_of_the_change_needs_it() -> None:
    helper = "pkgs/tools/misc/helper/text.nix"
    text = OWN.replace("  curl,\n", "  curl,\n  helpers,\n", 1)
    first: Edits = {
        ALL: (
            "  docker = final.docker_29;",
            f"  docker = final.docker_29;\n  helpers = import ../../{helper};",
        ),
        NOTES: text.replace(
            "passthru = {", 'passthru = {\n    said = helpers.say "a";', 1
        ),
        helper: "{ say = word: word; }\n",
    }
    for told, said in (("word", []), ('"b"', ["said differs"])):
        both: Edits = {
            NOTES: ('version = "4.2.0"', 'version = "4.2" + ".0"'),
            helper: f"{{ say = word: {told}; }} // {{ }}\n",
        }
        step = second(first, both)
        assert [sentence(each) for each in step.differences] == said
        assert step.unknown == ()


def with_test(test: str) -> str:
    """Return a package that has a NixOS test."""
    text = OWN.replace("  curl,\n", "  curl,\n  nixosTests,\n", 1)
    return text.replace(
        "  passthru = {", f"  passthru = {{\n    tests.one = nixosTests.{test};", 1
    )


def test_a_test_that_is_not_evaluated_has_what_its_file_names() -> None:
    names = (
        "docker.machine",
        "docker.passthru.machine",
        "docker.passthru.override { }",
        "docker-rootless",
    )
    judgement, _ = of_cases(
        *((with_test(name), f"{with_test(name)}# A comment.\n") for name in names)
    )
    assert (judgement.unknown, judgement.differences) == ((), ())


def test_a_nixos_test_is_evaluated_if_that_is_asked_for() -> None:
    edits: Edits = {"nixos/tests/docker.nix": ('"docker info"', '"docker version"')}
    assert {gap.reason for gap in judged(edits).unknown} == {
        "a NixOS test, which Nix does not evaluate"
    }
    judgement = judge(
        change(edits), JudgeRequest(systems=(NATIVE,), nixos=True), progress=Silence()
    )
    assert (judgement.unknown, serious(judgement)) == (
        (),
        {"change derivation nixosTests.docker"},
    )
    # One that reads what has changed, too.
    text = OWN
    reader: Edits = {
        "nixos/tests/docker.nix": ("pkgs.docker-client", "pkgs.notes-server.out")
    }
    regression: Edits = {NOTES: text.replace("echo notes", "echo others")}
    judgement = judge(
        change(reader, regression),
        JudgeRequest(systems=(NATIVE,), nixos=True),
        progress=Silence(),
    )
    changed = {
        (each.weight.value, each.attribute) for each in judgement.steps[1].differences
    }
    assert {("change", "notes-server"), ("change", "nixosTests.docker")} <= changed
    gaps = {gap.what: gap.reason for gap in second(reader, regression).not_covered}
    assert gaps["nixos/tests/docker.nix"].endswith(
        "were not evaluated; --nixos evaluates the tests"
    )


def test_a_base_that_does_not_evaluate_is_said_and_the_rest_is_judged() -> None:
    broken: Edits = {BOARD: source(BOARD).replace("{", "{ nobodyHasThis,", 1)}
    board = str(broken[BOARD])
    judgement = second(
        broken,
        {
            BOARD: board.replace("pname", "name", 1),
            NOTES: ("    platforms = lib.platforms.all;\n", ""),
        },
    )
    step = judgement
    assert {
        (each.kind, each.attribute)
        for each in step.differences
        if each.weight is Weight.REGRESSION
    } == {(Kind.META, "notes-server")}
    assert any(
        "status-board" in gap.what and "nobodyHasThis" in gap.reason
        for gap in step.unknown
    )


def test_what_a_derivation_that_throws_before_as_after_is_made_with_is_compared() -> (
    None
):
    throwing = OWN.replace(
        "buildInputs = [ curl ];",
        'buildInputs = throw "no curl here";\n\n  patches = [ ];',
    )
    edits = (
        ("    platforms = lib.platforms.all;\n", "", {"regression meta"}),
        ("mkdir -p $out/share", "mkdir -p $out/lib", {"change derivation"}),
        (
            "inherit src version;\n\n  buildInputs",
            "inherit version src;\n\n  buildInputs",
            set[str](),
        ),
        ('version = "4.2.0"', 'version = "4.2.1"', {"change derivation"}),
        ("\n  patches = [ ];", "", {"change derivation", "change override"}),
    )
    assert all(old in throwing for old, *_ in edits)
    judgement, found = of_cases(
        *((throwing, throwing.replace(old, new)) for old, new, _ in edits)
    )
    assert [
        {
            f"{each.weight} {each.kind}"
            for each in these
            if each.weight is not Weight.NOTE
        }
        for these in found
    ] == [named for *_, named in edits]
    assert judgement.reached == {}
    gaps = {(gap.attribute, gap.parts, gap.reason) for gap in judgement.not_covered}
    reason = (
        "its derivation throws both before and after, so only its inputs were compared"
    )
    assert gaps >= {
        (f"case-{number}", ("derivation",), reason) for number in range(len(edits))
    }


def test_what_evaluates_only_after_another_attribute_is_asked_alone_on_both_sides(
    tmp_path: Path,
) -> None:
    # What a file gives is shared by all that import it; the last of it needs too many
    # calls, unless others are there.
    deep = (
        "let all = builtins.genList (n: if n == 0 then 0 else 1 + builtins.elemAt "
        "all (n - 1)) 12001; in all\n"
    )
    number = "builtins.elemAt (import ../../../../deep.nix)"
    steps = "[ 2000 4000 6000 8000 10000 12000 ]"
    warm = f'builtins.foldl\' (text: n: builtins.seq ({number} n) text) "4.2.0" {steps}'
    late = f"${{toString ({number} 12000)}}"
    notes, board = (source(path) for path in (NOTES, BOARD))
    board = board.replace('version = "3.1"', f'version = "3.1{late}"')
    texts = {
        "deep.nix": (deep, deep),
        NOTES: (notes.replace('version = "4.2.0"', f"version = {warm}"), notes),
        BOARD: (board, board.replace("let\n", "let\n  unused = 1;\n", 1)),
    }
    theirs = in_copy(tmp_path / "tree", texts)
    judgement = judge(theirs, JudgeRequest(systems=(NATIVE,)), progress=Silence())
    assert serious(judgement) == set()
    assert "notes-server" in judgement.reached[NATIVE]
    assert "status-board" not in judgement.reached[NATIVE]


def test_of_a_change_that_was_judged_nothing_is_asked_or_searched_for_again() -> None:
    edits = {NOTES: ('version = "4.2.0"', 'version = "4.2.9"')}
    lines: list[str] = []
    first = judged(edits)
    with process.echoing(lines.append):
        again = judged(edits)
    assert msgspec.structs.replace(again, seconds=first.seconds) == first
    # Both sides of the file in one process.
    assert [
        (" --parse " in line, line.count("0.nix"), line.count("1.nix"))
        for line in lines
    ] == [(True, 1, 1)]


def test_a_file_that_is_not_nix_any_more_is_a_regression_of_its_package() -> None:
    judgement = judged(
        {NOTES: ("buildInputs = [ curl ];", "buildInputs = [ nobodyHasThis ];")}
    )
    (found,) = judgement.differences
    assert (found.weight, found.kind, found.attribute) == (
        Weight.REGRESSION,
        Kind.EVALUATION,
        "notes-server",
    )
    assert sentence(found) == "its file is not valid Nix any more"
    assert "undefined variable 'nobodyHasThis'" in str(found.after)


def test_files_that_were_no_nix_before_keep_none_that_is_not_any_more_from_being_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(program, "MOST_BROKEN", 1)
    judgement = second({BOARD: "{"}, {BOARD: source(BOARD), NOTES: "{"})
    assert "its file is not valid Nix any more" in {
        sentence(each) for each in judgement.differences
    }


def test_nix_is_asked_why_the_first_that_no_longer_evaluate_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record, "_MOST_REASONS", 1)
    name = 'pname = throw "gone"; '
    judgement = judged(
        {NOTES: ("pname = ", f"{name}old = "), BOARD: ("pname = ", f"{name}old = ")}
    )
    broken = [
        each
        for each in judgement.differences
        if sentence(each) == "no longer evaluates"
    ]
    assert {each.attribute for each in broken} >= {"notes-server", "status-board"}
    assert ["gone" in str(each.after) for each in broken].count(True) == 1


def test_a_comment_shows_in_what_has_its_directory_for_a_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extent, "FEW_READERS", 1)
    text = source(DOCKER).replace("-DMINIMAL=ON", "-DSOURCE=${./.}")
    judgement = second({DOCKER: text}, {DOCKER: f"{text}# The end.\n"})
    assert serious(judgement) == {"change derivation docker"}


def test_differences_are_in_the_order_of_the_systems() -> None:
    found = judged(
        {NOTES: ("echo notes", "echo in order")}, systems=(CROSS, NATIVE)
    ).differences
    systems = [
        each.system
        for each in found
        if (each.attribute, each.kind) == ("notes-server", Kind.DERIVATION)
    ]
    assert systems == [CROSS, NATIVE]


def test_who_reads_what_is_gone_is_asked_before_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audience, "_MOST_READERS", 1)
    monkeypatch.setattr(audience, "FEW_READERS", 1)
    things = (
        "  thingPackages = { gone = final.log-viewer; kept = final.log-viewer; "
        "version = 1; };\n"
    )
    first: Edits = {
        ALL: ("  docker = final", f"{things}  docker = final"),
        **{
            f"pkgs/by-name/re/{name}/package.nix": f"{{ log-viewer, thingPackages }}: "
            f"log-viewer // {{ a = {it}; }}\n"
            for name, it in (
                ("read-a", "thingPackages.version or 1"),
                ("read-b", "thingPackages.kept.out"),
                ("read-c", "thingPackages.gone.out"),
            )
        },
    }
    judgement = second(
        first,
        {
            ALL: (
                things,
                things.replace("gone =", "other =").replace(
                    "version = 1", "version = 2"
                ),
            )
        },
    )
    assert {
        (each.kind, each.attribute)
        for each in judgement.differences
        if each.weight is Weight.REGRESSION
    } >= {
        (Kind.REMOVED, "thingPackages.gone"),
        (Kind.EVALUATION, "read-c"),
    }
    # Each package has a version.
    assert any(gap.what == "thingPackages.version" for gap in judgement.not_covered)


@pytest.mark.parametrize("every", [False, True])
def test_each_reference_is_compared_if_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, *, every: bool
) -> None:
    monkeypatch.setattr(audience, "_MOST_READERS", 1)
    monkeypatch.setattr(readers, "_MOST_PATHS", 2)
    names = {f"read-{letter}" for letter in "abcd"}
    text = (
        "{ log-viewer, notes-server }: log-viewer // { a = "
        "notes-server.meta.mainProgram; }\n"
    )
    first: Edits = {f"pkgs/by-name/re/{name}/package.nix": text for name in names}
    judgement = second(
        first,
        {NOTES: ('mainProgram = "notes-server"', 'mainProgram = "notes"')},
        every=every,
    )
    assert ({each.attribute for each in judgement.differences} >= names) is every
    # Those that only name it are not even looked at.
    named: Edits = {
        path: str(how).replace("notes-server.meta.mainProgram", "toString notes-server")
        for path, how in first.items()
    }
    judgement = second(named, {NOTES: ("echo notes", "echo others")}, every=every)
    counted = [
        gap.what for gap in judgement.not_covered if gap.reason.startswith("too many")
    ]
    assert counted == ([] if every else ["2 more files"])
    for limit, what in (("_MOST_FILES", "file"), ("_MOST_NAMES", "name")):
        monkeypatch.setattr(readers, limit, 0)
        judgement = second(named, {NOTES: ("echo notes", "echo others")}, every=every)
        assert (
            any(f" more {what}" in gap.what for gap in judgement.not_covered)
            is not every
        )


def test_packages_beyond_those_that_are_asked_on_another_platform_stay_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    musl = '-DMINIMAL=ON${if stdenv.hostPlatform.isMusl or false then "" else ""}'
    steps: list[Edits] = [
        {ALL: ("  docker = final", "  pkgsMusl = final;\n  docker = final")},
        {DOCKER: ("-DMINIMAL=ON", musl)},
    ]
    assert second(*steps).unknown == ()
    monkeypatch.setattr(made, "_MOST_ELSEWHERE", 1)
    assert [gap.reason for gap in second(*steps).unknown] == [
        "the effect of isMusl was not compared"
    ]


def test_each_commit_of_a_range_is_judged_by_itself() -> None:
    judgement = judged(
        {NOTES: ("let\n", "# A comment.\nlet\n")},
        {NOTES: ("echo notes", "echo others")},
    )
    first, second = judgement.steps
    assert first.unknown == second.unknown == ()
    assert [each for each in first.differences if each.weight is not Weight.NOTE] == []
    assert {
        each.kind for each in second.differences if each.weight is not Weight.NOTE
    } == {Kind.DERIVATION}
    assert "change derivation notes-server" in serious(judgement)


@pytest.mark.clock
def test_what_reaches_its_time_on_one_system_is_not_waited_for_on_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The last one, which takes the longest, is asked beside it.
    monkeypatch.setattr(os, "cpu_count", partial(int, 2))
    loop = (
        "builtins.genericClosure { startSet = [ { key = 0; } ]; operator = x: [ { "
        "key = x.key + 1; } ]; }"
    )
    edits: Edits = {
        NOTES: ('version = "4.2.0"', f"version = toString (builtins.length ({loop}))"),
        BOARD: ('version = "', 'version = "1'),
    }
    with limits.allowing(3, None):
        judgement = judged(edits, systems=(NATIVE, "aarch64-linux", CROSS))
    reasons = {
        gap.system: gap.reason
        for gap in judgement.unknown
        if gap.attribute == "notes-server"
    }
    assert reasons.keys() == {NATIVE, "aarch64-linux", CROSS}
    limit = "still running after 3 s; raise the limit with --timeout"
    assert all(
        reasons[system].endswith(f"compared: {limit}") for system in (NATIVE, CROSS)
    )
    assert reasons["aarch64-linux"].endswith(
        f"compared: it reached the limit on {NATIVE}: {limit}"
    )
    assert "change derivation status-board" in serious(judgement)


def test_many_questions_together_have_the_memory_of_one_evaluation() -> None:
    question = Question(path=("notes-server",))
    one, many = (
        QuestionScope(root=specimen.path(), system=NATIVE)
        .evaluation(dict.fromkeys(range(count), question))
        .command.env
        for count in (1, 24)
    )
    assert (
        one["GC_MAXIMUM_HEAP_SIZE"]
        == many["GC_MAXIMUM_HEAP_SIZE"]
        == str(limits.MEMORY_MIB << 20)
    )


def test_what_has_no_answer_in_the_time_of_all_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "TOGETHER_SECONDS", 0.0)
    theirs = change({NOTES: ("let\n", "let\n  neverAskedBefore = 41;\n")})
    judgement = judge(
        theirs, JudgeRequest(systems=(NATIVE,), bounded=True), progress=Silence()
    )
    assert (judgement.differences, judgement.reached) == ((), {})
    assert any(
        each.attribute == "notes-server" and each.limit == limits.no_time()
        for each in judgement.unknown
    )
    judgement = judge(theirs, JudgeRequest(systems=(NATIVE,)), progress=Silence())
    assert (judgement.unknown, "notes-server" in judgement.reached[NATIVE]) == (
        (),
        True,
    )


@pytest.mark.clock
def test_a_limit_of_static_leaves_the_other_systems_alone_and_a_reference_at_one_stands_apart(
    tmp_path: Path,
) -> None:
    long = "builtins.genList (n: [ n (n + 1) (toString n) ]) 3000000"
    table = """  pkgsStatic = final // {
    notes-server = final.notes-server.override { stdenv = final.stdenv // { isStatic = true; }; };
  };
  slow-reader = final.log-viewer // { drvPath = "READ"; };
  docker = final"""
    read = f"${{final.notes-server.version}}${{toString (builtins.deepSeq ({long}) 1)}}"
    everything, text = (source(path) for path in (ALL, NOTES))
    everything = everything.replace("  docker = final", table.replace("READ", read), 1)
    slow = (
        "buildInputs = if stdenv.isStatic or false then builtins.deepSeq "
        f"({long}) [ ] else [ curl ];"
    )
    texts = {
        ALL: (everything, everything),
        NOTES: (text, text.replace("buildInputs = [ curl ];", slow)),
    }
    theirs = in_copy(tmp_path / "tree", texts)
    with limits.allowing(None, 75):
        judgement = judge(
            theirs, JudgeRequest(systems=(NATIVE, "static")), progress=Silence()
        )
    assert (judgement.unknown, judgement.weighing(Weight.REGRESSION)) == ((), ())
    assert "notes-server" in judgement.reached[NATIVE]
    met = {
        (each.attribute, each.system, each.reference) for each in judgement.unanswered
    }
    assert met >= {("notes-server", "static", False), ("slow-reader", NATIVE, True)}
    assert [exit_code(judgement, each) for each in (None, *Expectation)] == [0, 3, 0]
    said = [
        line.text
        for line in judgements.lines(judgement)
        if line.text.startswith("unanswered")
    ]
    limit = "out of memory; raise the limit with --max-memory"
    assert f"unanswered: 1 attribute on static (notes-server): {limit}" in said


@pytest.mark.clock
def test_parts_of_an_attribute_have_the_time_of_one_evaluation_together() -> None:
    # Each takes some seconds, and less than there are.
    slow = (
        "(let f = n: if n == 0 then 1 else f (n - 1) + f (n - 1); in toString (f 24))"
    )
    edits: Edits = {
        NOTES: ('version = "4.2.0"', f"version = {slow}"),
        BOARD: ('version = "', 'version = "1'),
    }
    with limits.allowing(4, None):
        judgement = judged(edits, systems=(NATIVE,))
    (reason,) = (
        gap.reason for gap in judgement.unknown if gap.attribute == "notes-server"
    )
    assert reason.endswith("still running after 4 s; raise the limit with --timeout")
    assert "change derivation status-board" in serious(judgement)


def test_only_a_question_begins_the_time_of_an_attribute() -> None:
    marks: list[str] = []

    class Marks(limits.Allowance):
        def execute(
            self, command: Command, things: Sequence[Hashable], *, mark: str
        ) -> Completed:
            marks.append(mark)
            return super().execute(command, things, mark=mark)

    (answer,) = packages.ask(
        QuestionScope(root=specimen.path(), system=NATIVE),
        [Question(path=("notes-server",))],
        allowed=Marks(60),
    )
    assert answer.kind == packages.PACKAGE
    (mark,) = marks
    assert mark.endswith(": question")


def test_attributes_that_end_nix_have_one_time_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packages, "_ENDING_SECONDS", 0.001)
    edits: Edits = {
        NOTES: ('version = "4.2.0"', "version = { }.gone"),
        BOARD: ('version = "', 'version = "1'),
    }
    judgement = judged(edits, systems=(NATIVE,))
    reasons = {
        gap.attribute: gap.reason for gap in judgement.unknown if gap.system == NATIVE
    }
    assert (
        reasons["notes-server"]
        == "it cannot be compared: the time limit was reached before this was evaluated"
    )


def test_change_that_names_more_than_is_asked_about_is_bounded(
    asked: list[set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "MOST", 20)
    names = "".join(f"  a{number} = {number};\n" for number in range(400))
    judgement = judged({DOCKER: f"{{ }}: {{\n{names}}}\n"}, systems=(NATIVE,))
    assert 0 < sum(map(len, asked)) < 200
    assert "the change reaches too many packages" in {
        gap.reason for gap in judgement.unknown
    }


def test_of_a_fetch_that_tells_most_is_shown_first() -> None:
    other = FETCHED.replace("1.tar", "2.tar").replace(
        "    outputHash =", "    deepClone = true;\n    outputHash ="
    )
    judgement = second({FETCH: FETCHED}, {FETCH: other})
    (found,) = (
        each for each in judgement.differences if each.kind is Kind.FIXED_OUTPUT
    )
    assert sentence(found).startswith(
        "src is fetched differently (urls, deepClone) and its hash is as before"
    )
    assert [
        [*value] for value in (found.before, found.after) if isinstance(value, dict)
    ] == [["urls", "deepClone"]] * 2
    shown = "\n".join(line.text for line in judgements.lines(judgement))
    assert (
        ': urls: ["https://example.org/1.tar.gz"]; deepClone: nothing → urls: ["https://'
        in shown
    )


def test_packages_of_a_maintainer_may_be_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extent, "MOST", 0)
    (gap,) = second(*CHANGES["a maintainer"].steps).unknown
    assert gap.reason == "too many"


def test_a_comment_counts_what_was_not_asked_about_and_has_no_empty_lines_in_a_row() -> (
    None
):
    for files, said in (
        ({}, "was not compared."),
        ({"README.md": ""}, "; 1 thing was not compared."),
    ):
        judgement = judged({NOTES: ("passthru = {", "passthru = { # One."), **files})
        written = to_comment(judgement, command="unlet check")
        verdict, blank, looked_at, disclosed = written.decode().splitlines()
        assert verdict.startswith("**same")
        assert (blank, looked_at.endswith(said)) == ("", True)
        assert disclosed.endswith("`unlet check`")


def test_a_script_that_updates_packages_is_not_asked_about_and_another_that_nothing_needs_is_unknown() -> (
    None
):
    for name, unknown in (("update.sh", False), ("other.sh", True)):
        judgement = judged({f"pkgs/tools/{name}": "true\n"})
        assert bool(judgement.unknown) is unknown
        assert (
            any(
                gap.reason == "it updates packages, but belongs to none"
                for gap in judgement.not_covered
            )
            is not unknown
        )


WRAPPED = """{ stdenv, plugins }:
stdenv.mkDerivation { name = "wrapped"; version = "1"; inherit plugins; meta.priority = 4; }
"""


def test_a_file_beside_a_package_is_unknown_if_only_a_function_that_is_not_called_needs_it() -> (
    None
):
    made = "import ./wrapper.nix { inherit stdenv; plugins ="
    uses = {
        f"wrapped = {made} [ ]; }};": "",
        f"withPlugins = add: {made} add {{ }}; }};": "withPlugins(x) ",
        "withPlugins = plugins: import ./wrapper.nix { inherit stdenv plugins; "
        "};": "withPlugins[x] ",
        f"withPlugins = add: {made} map (x: x.name) (add {{ }}); "
        f"}};": "withPlugins(x) ",
        "plugged = plugins: import ./wrapper.nix { inherit stdenv plugins; };": None,
        "withList = plugins: map (import ./wrapper.nix) plugins;": None,
    }
    wrappers = [case_of(number, "wrapper.nix") for number in range(len(uses))]
    first: dict[str, tuple[str, str] | str | None] = dict.fromkeys(wrappers, WRAPPED)
    first |= {
        case_of(n): OWN.replace("updateScript =", f"{use}\n    updateScript =")
        for n, use in enumerate(uses)
    }
    differently = second(first, dict.fromkeys(wrappers, WRAPPED.replace('"1"', '"2"')))
    assert [gap.what for gap in differently.unknown] == wrappers[4:]
    assert {each.attribute[:6] for each in differently.differences} == {
        f"case-{number}" for number in range(4)
    }
    judgement = second(
        first,
        dict.fromkeys(wrappers, WRAPPED.replace("priority = 4", "priority = -10")),
    )
    assert {each.attribute[:6]: sentence(each) for each in judgement.differences} == {
        f"case-{n}": f"{called}meta.priority differs"
        for n, called in enumerate(uses.values())
        if called is not None
    }


def test_what_a_function_makes_is_compared_with_one_package_and_with_another_again() -> (
    None
):
    function = """made = old: add: stdenv.mkDerivation {
      name = "made";
      inputs = old ++ add { };
      passthru.withPlugins = made (old ++ add { });
    }"""
    text = f"passthru = let {function}; in {{ withPlugins = made [ ];"
    first: Edits = {NOTES: ("passthru = {", text)}

    def said(old: str, new: str) -> list[str]:
        own = OWN
        differently = own.replace("passthru = {", text.replace(old, new))
        return [
            sentence(each) for each in second(first, {NOTES: differently}).differences
        ]

    assert said("made (old ++ add { })", "made ([ ] ++ old ++ add { })") == []
    assert said("made (old ++ add { })", "made old") == [
        "withPlugins(x) twice is built differently"
    ]
    assert said("inputs = old ++ add { }", "inputs = old") == [
        "withPlugins(x) is built differently"
    ]


def test_what_the_set_has_under_another_name_is_asked_about_on_each_system() -> None:
    judgement = judged(
        {DOCKER: ("-DMINIMAL=ON", "-DMINIMAL=OFF")}, systems=(NATIVE, CROSS)
    )
    assert {"docker", "docker_29"} <= {*judgement.reached[CROSS]}


def test_what_calls_a_function_that_all_sets_have_is_not_made_in_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(made, "MOST", 3)
    calls = "".join(
        f"  called-{n} = callPackage ({{ stdenv }}: stdenv) {{ }};\n" for n in range(8)
    )
    first = (
        f"  docker = final.docker_29;\n{calls}  thing = {{\n    callPackage = x: "
        f"x;\n  }};"
    )
    judgement = second(
        {ALL: ("  docker = final.docker_29;", first)},
        {ALL: ("callPackage = x: x;", "callPackage = y: y;")},
    )
    assert judgement.unknown == ()


def test_a_set_that_has_a_package_for_its_meta_is_compared() -> None:
    assert {"place", "shown"} <= {
        *judged(CHANGES["a set that stands for a text"].steps[0]).reached[NATIVE]
    }
