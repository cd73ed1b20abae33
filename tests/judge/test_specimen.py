"""Changes of the specimen whose effects are known: what has to be named, and what has to be the same."""

import os
import shutil
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import pytest

from toolkit import specimen
from toolkit.cache import VARIABLE
from toolkit.git.reading import TreeFile
from toolkit.judge import JudgeRequest, asking, audience, extent, ground, judge, made, readers, record, sides
from toolkit.judge.asking import Question
from toolkit.judge.differences import Expectation, Judgement, Kind, Weight, exit_code
from toolkit.judge.extent import Extent
from toolkit.model import Silence, SourceRequest
from toolkit.nix import limits
from toolkit.process import Command, Completed
from toolkit.report import judgement as judgements
from toolkit.sources.changes import Change, ChangeStep, FileEdit
from toolkit.sources.trees import NixpkgsTree

Edits: TypeAlias = Mapping[str, tuple[str, str] | str | None]

NATIVE, CROSS = "x86_64-linux", "cross"
DOCKER = "pkgs/applications/virtualization/docker/default.nix"
NOTES = "pkgs/by-name/no/notes-server/package.nix"
BOARD = "pkgs/by-name/st/status-board/package.nix"
RUNNER = "pkgs/by-name/ho/hosted-runner/package.nix"
ALIASES = "pkgs/top-level/aliases.nix"
ALL = "pkgs/top-level/all-packages.nix"
LIB = "lib/values.nix"


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
    contents: dict[str, bytes | None] = {}
    made: list[ChangeStep] = []
    for number, edits in enumerate(steps):
        for path, how in edits.items():
            place = root / path
            text = contents.get(path) or (place.read_bytes() if place.is_file() else b"")
            if isinstance(how, tuple):
                old, new = how
                assert old.encode() in text
                contents[path] = text.replace(old.encode(), new.encode(), 1)
            else:
                contents[path] = how.encode(errors="surrogateescape") if how is not None else None
        files = tuple(
            FileEdit(path=PurePosixPath(path), before=_file(root, path), after=_as_file(content))
            for path, content in contents.items()
        )
        made.append(ChangeStep(subject=f"commit {number + 1}", edits=files))
    base = NixpkgsTree(root=root, key="specimen")
    return Change(subject="a change", origin="the specimen", source=SourceRequest(), base=base, steps=tuple(made))


def _file(root: Path, path: str) -> TreeFile | None:
    return _as_file((root / path).read_bytes()) if os.path.lexists(root / path) else None


def _as_file(content: bytes | None) -> TreeFile | None:
    return TreeFile(content=content) if content is not None else None


def judged(*steps: Edits, systems: tuple[str, ...] = (NATIVE,)) -> Judgement:
    return judge(change(*steps), JudgeRequest(systems=systems), progress=Silence())


def in_copy(root: Path, texts: Mapping[str, tuple[str, str]]) -> Change:
    """Return a change of a copy of the specimen, in which files have other texts, before and after."""
    shutil.copytree(specimen.path(), root)
    for path, (before, _) in texts.items():
        (root / path).write_text(before)
    edits = tuple(
        FileEdit(path=PurePosixPath(path), before=_as_file(before.encode()), after=_as_file(after.encode()))
        for path, (before, after) in texts.items()
        if before != after
    )
    base = NixpkgsTree(root=root, key=root.parent.name)
    step = ChangeStep(subject="x", edits=edits)
    return Change(subject="x", origin="a tree", source=SourceRequest(), base=base, steps=(step,))


def serious(judgement: Judgement) -> set[str]:
    return {
        f"{each.weight} {each.kind} {each.attribute}"
        for each in judgement.differences
        if each.weight is not Weight.NOTE
    }


def test_what_an_override_that_takes_no_function_would_replace_is_not_asked() -> None:
    custom = "notes-custom = final.notes-server // { override = { a ? 1 }: final.stdenv.mkDerivation { name = a; }; };"
    edits: Edits = {ALL: ("viewer = final.log-viewer;", f"viewer = final.log-viewer;\n  {custom}")}
    judgement = second(edits, {NOTES: ("updateScript =", "extra = 1;\n    updateScript =")})
    assert {(each.attribute, each.what) for each in judgement.differences} == {
        (name, "extra is new") for name in ("notes-server", "containerPackages.notes-custom")
    }


def test_a_change_that_shows_when_cross_compiling_alone_is_named_there() -> None:
    edits: Edits = {
        NOTES: ("echo notes", 'echo ${if stdenv.hostPlatform == stdenv.buildPlatform then "notes" else "x"}')
    }
    judgement = judged(edits, systems=(NATIVE, CROSS))
    assert {(each.system, each.kind) for each in judgement.differences} == {(CROSS, Kind.DERIVATION)}


GENERIC = "pkgs/by-name/no/notes-server/generic.nix"
SECOND = "pkgs/by-name/no/notes-second/package.nix"
PYTHON = """{ stdenv, pkgs }:
let
  build =
    attributes:
    stdenv.mkDerivation attributes
    // {
      overridePythonAttrs = change: build (attributes // change attributes);
    };
in
build {
  pname = "notes-python";
  version = "1";
  passthru = {
    tree = toString ../../../..;
    run = { fast, slow ? false }: fast;
  };
  meta.platforms = [ "x86_64-linux" ];
}
"""
SCRIPT = "pkgs/by-name/no/notes-python/package.nix"


def second(*steps: Edits, systems: tuple[str, ...] = (NATIVE,), every: bool = False) -> Judgement:
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
            times=asking.Times(),
            allowed=limits.Allowance(asking.seconds(nixos=False)),
        )
        return Extent(both, systems).judged()


def case_of(number: int, file: str = "package.nix") -> str:
    return f"pkgs/by-name/ca/case-{number}/{file}"


def of_cases(*cases: tuple[str, str | None]) -> tuple[Judgement, list[set[str]]]:
    """Return what is said of packages that a change edits, each of them a case, and the serious differences of each."""
    befores, afters = ({case_of(number): texts[side] for number, texts in enumerate(cases)} for side in (0, 1))
    judgement = second(befores, afters)
    found: list[set[str]] = [set() for _ in cases]
    for each in judgement.differences:
        if each.weight is not Weight.NOTE:
            found[int(each.attribute.removeprefix("case-"))].add(f"{each.weight} {each.kind}")
    return judgement, found


def last(*steps: Edits, systems: tuple[str, ...] = (NATIVE,)) -> set[str]:
    """Return what the second step does to the first one."""
    return serious(second(*steps, systems=systems))


OWN = (specimen.path() / NOTES).read_text()
HEAD = 'stdenv.mkDerivation {\n  pname = "notes-server"'


def own(old: str, new: str, *, ends: str = "") -> str:
    """Return the text of a package with one text for another; with `ends`, its last bracket is followed by that."""
    assert old in OWN
    text = OWN.replace(old, new, 1)
    return f"{text.rstrip()}{ends}\n" if ends else text


REFACTORINGS = (
    own("\n\n", "\n"),
    own("let\n", "let\n  unused = 1;\n"),
    own("inherit src version;\n\n    source", "src = src;\n    version = version;\n    source"),
    own("  fetchFromGitHub,\n  curl,\n", "  curl,\n  fetchFromGitHub,\n"),
    own(HEAD, HEAD.replace("mkDerivation {", "mkDerivation (finalAttrs: {"), ends=")"),
    own("updateScript =", "extra = 1;\n    updateScript ="),
    "import ./generic.nix\n",
)


def test_a_refactoring_is_the_same() -> None:
    generic: Edits = {case_of(len(REFACTORINGS) - 1, "generic.nix"): OWN}
    first: Edits = {case_of(number): OWN for number in range(len(REFACTORINGS))}
    judgement = second(first, {**{case_of(number): text for number, text in enumerate(REFACTORINGS)}, **generic})
    assert (serious(judgement), judgement.unknown) == (set(), ())
    comments: Edits = {
        NOTES: ("let\n", "# Which one it is.\nlet\n"),
        LIB: ("let\n", "# All of it.\nlet\n"),
        ALL: ("stubs\n//", "# And these.\nstubs\n//"),
        "README.md": "# Read me\n",
    }
    for edits in (comments, {ALL: ("viewer = final.log-viewer;", "viewer = (x: x) final.log-viewer;")}):
        judgement = judged(edits)
        assert (serious(judgement), judgement.unknown) == (set(), ())
        assert exit_code(judgement, Expectation.SAME) == 0
        assert {*judgement.equal} == ({NOTES, LIB, ALL} if edits is comments else set())


OVERRULED = """(x: x // {
  overrideAttrs = change: (x.overrideAttrs change).overrideAttrs (_: { inherit (x) installPhase; });
}) ("""
REGRESSIONS: Sequence[tuple[str | None, str]] = (
    (own("    platforms = lib.platforms.all;\n", ""), "regression meta"),
    (own('"Keeps notes and shows them in a browser"', 'throw "no description"'), "regression meta"),
    (own('    updateScript = [ "update-notes-server" ];\n', ""), "regression passthru"),
    (own("echo notes", "echo other notes"), "change derivation"),
    (own("  curl,\n}:", "  pkgs,\n}:\nlet inherit (pkgs) curl; in"), "regression arguments"),
    (own("  curl,\n}:", "  curl,\n  pkgs,\n}:\nlet inherit (pkgs) curl; in"), "regression override"),
    (own(HEAD, f"(x: x // {{ overrideAttrs = _: x; }}) ({HEAD}", ends=")"), "regression override"),
    (own(HEAD, f"{OVERRULED}{HEAD}", ends=")"), "regression override"),
    (own("buildInputs = [ curl ];", 'buildInputs = throw "no inputs";'), "regression evaluation"),
    (own("buildInputs = [ curl ];", "buildInputs = with { }; [ curls ];"), "regression evaluation"),
    (own('version = "4.2.0";', "version = version;"), "regression evaluation"),
    (own('"Keeps notes and shows them in a browser"', "builtins.readFile web-ui"), "regression evaluation"),
    (
        own(f"{HEAD};", "stdenv.mkDerivation (builtins.fromJSON ''{\"pname\": \"notes-server\"}'' // {", ends=")"),
        "regression position",
    ),
    (None, "regression removed"),
)


def test_a_regression_is_named() -> None:
    judgement, found = of_cases(*((OWN, text) for text, _ in REGRESSIONS))
    assert [each for each, (_, named) in zip(found, REGRESSIONS, strict=True) if named not in each] == []
    assert exit_code(judgement, None) == 1
    edits: Edits = {
        ALIASES: ("  docker-edge = lib.warn \"'docker-edge' is called 'docker'\" final.docker;\n", ""),
        ALL: (specimen.path() / ALL).read_text().replace("lib.recurseIntoAttrs {", "{"),
        DOCKER: ("-DMINIMAL=ON", "-DMINIMAL=OFF"),
    }
    judgement = judged(edits)
    assert serious(judgement) >= {
        "regression alias docker-edge",
        "regression passthru containerPackages",
        "change derivation docker_29",
    }
    assert exit_code(judgement, Expectation.SAME) == 1


def test_what_is_refused_by_default_now_is_a_regression_unless_its_own_file_says_so() -> None:
    checked = """broken = (import ./flags.nix).bad;
    unsupported = lib.platforms.all != notes-meta.platforms;
    inherit (notes-meta) platforms;"""
    text = OWN.replace("    platforms = lib.platforms.all;", f"    {checked}")
    text = text.replace("let\n", "let\n  notes-meta = {\n    platforms = lib.platforms.all;\n  };\n", 1)
    text = text.replace("[ curl ]", 'if notes-meta.platforms != lib.platforms.all then throw "not here" else [ curl ]')
    flags = case_of(1, "flags.nix")
    then: Edits = {
        case_of(0): text.replace("broken = (import ./flags.nix).bad", "broken = true"),
        flags: ("false", "true"),
        case_of(2): text.replace("platforms = lib.platforms.all", 'platforms = [ "aarch64-linux" ]'),
    }
    first: Edits = {
        case_of(n, file): how for n in range(3) for file, how in (("package.nix", text), ("flags.nix", BAD))
    }
    found = [each for each in second(first, then).differences if each.kind is Kind.EVALUATION]
    assert sorted((each.attribute, each.weight.value, each.what.split(":")[-1]) for each in found) == [
        ("case-0", "change", " it is broken"),
        ("case-1", "regression", " it is broken"),
        ("case-2", "change", " it is unsupported on this platform"),
    ]


BAD = "{ bad = false; }\n"


FETCHED = """{ stdenv }:
stdenv.mkDerivation {
  pname = "notes-fetched";
  version = "1";
  src = stdenv.mkDerivation {
    name = "source";
    url = "https://example.org/1.tar.gz";
    outputHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    outputHashMode = "flat";
  };
}
"""
VENDORED = """{ stdenv }:
stdenv.mkDerivation rec {
  pname = "notes-fetched";
  version = "1";
  src = builtins.toFile "source" version;
  goModules = stdenv.mkDerivation {
    name = "notes-fetched-${version}-go-modules";
    inherit src;
    outputHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    outputHashMode = "recursive";
  };
}
"""
FETCH = "pkgs/by-name/no/notes-fetched/package.nix"


def test_digits_of_fractions_and_bytes_that_are_no_text_are_read() -> None:
    for one, other in (("builtins.toJSON 1.00000001", "builtins.toJSON 1.00000002"), ('"caf\udce9"', '"caf\udce8"')):
        shown = f'  shown = if stdenv.hostPlatform.isDarwin then {one} else "";\n'
        before = FETCHED.replace("  src = stdenv", f"{shown}  src = stdenv")
        # A file that Nix reads as before is asked about natively alone.
        steps: list[Edits] = [{FETCH: before}, {FETCH: before.replace(one, other)}]
        assert last(*steps, systems=(NATIVE, "aarch64-darwin")) == {"change derivation notes-fetched"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """Return the attributes that each evaluation was asked about, with `reader ` before those that read others.

    If it has another hosted-runner than the specimen, `after` is one of them.
    """
    found: list[set[str]] = []
    first = asking.ask

    def watched(root: Path, system: str, questions: Sequence[Question], **more: Any) -> list[asking.Answer]:  # noqa: ANN401
        names = {("reader " if each.parts == asking.FEW else "") + ".".join(each.path) for each in questions}
        is_after = (root / RUNNER).read_bytes() != (specimen.path() / RUNNER).read_bytes()
        found.append(names | ({"after"} if is_after else set()))
        return first(root, system, questions, **more)

    monkeypatch.setattr(sides, "ask", watched)
    return found


@pytest.mark.parametrize(
    ("said", "readers"),
    [("# notes-server\n1", 0), ("''\n  runs notes-server.out\n''", 0), ('"${final.notes-server.name}"', 2)],
)
def test_a_comment_or_a_text_reads_nothing(said: str, readers: int, asked: list[set[str]]) -> None:
    thing = f"  thing = final.docker-client.overrideAttrs {{ said = {said}; }};"
    first: Edits = {ALL: ("  docker = final.docker_29;", f"  docker = final.docker_29;\n{thing}")}
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
        ["after" in each for each in asked if name in each] for name in ("hosted-runner", "reader runner-fleet")
    )
    assert own == [False, True]
    assert reading == ([True, False] if jobs > 1 else [False, True])


def test_who_reads_a_value_of_the_library_is_asked() -> None:
    licenses = "lib/licenses.nix"
    library = (specimen.path() / "lib/default.nix").read_text()
    at = library.index("  licenses = {"), library.index("in\nlib\n")
    first: Edits = {
        "lib/default.nix": f"{library[: at[0]]}  licenses = import ./licenses.nix;\n{library[at[1] :]}",
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
    calls = "".join(f"  lists-{n} = import ../../{file} {{ inherit (final) lib; }};\n" for n, file in enumerate(files))
    texts = {file: f'{{ lib }}: let one = "one"; in {{ names = [ one ]; {each} }}\n' for file, each in files.items()}
    first: Edits = {ALL: ("  docker = final.docker_29;", f"  docker = final.docker_29;\n{calls}"), **texts}
    unknown = {gap.what for gap in second(first, dict.fromkeys(files, ('"one"', '"on" + "e"'))).unknown}
    assert {file for file, each in files.items() if more[each]} == unknown & files.keys()
    assert last(first, dict.fromkeys(files, ('"one"', '"two"'))) == {
        f"change passthru lists-{n}.names" for n in range(len(files))
    }


def test_a_file_is_known_if_a_package_of_another_file_of_the_change_needs_it() -> None:
    helper = "pkgs/tools/misc/helper/text.nix"
    text = (specimen.path() / NOTES).read_text().replace("  curl,\n", "  curl,\n  helpers,\n", 1)
    first: Edits = {
        ALL: ("  docker = final.docker_29;", f"  docker = final.docker_29;\n  helpers = import ../../{helper};"),
        NOTES: text.replace("passthru = {", 'passthru = {\n    said = helpers.say "a";', 1),
        helper: "{ say = word: word; }\n",
    }
    for told, said in (("word", []), ('"b"', ["said differs"])):
        both: Edits = {
            NOTES: ('version = "4.2.0"', 'version = "4.2" + ".0"'),
            helper: f"{{ say = word: {told}; }} // {{ }}\n",
        }
        step = second(first, both)
        assert [each.what for each in step.differences] == said
        assert step.unknown == ()


def with_test(test: str) -> str:
    """Return a package that has a NixOS test."""
    text = OWN.replace("  curl,\n", "  curl,\n  nixosTests,\n", 1)
    return text.replace("  passthru = {", f"  passthru = {{\n    tests.one = nixosTests.{test};", 1)


def test_a_test_that_is_not_evaluated_has_what_its_file_names() -> None:
    names = ("docker.machine", "docker.passthru.machine", "docker.passthru.override { }", "docker-rootless")
    judgement, _ = of_cases(*((with_test(name), f"{with_test(name)}# A comment.\n") for name in names))
    assert (judgement.unknown, judgement.differences) == ((), ())


def test_a_value_that_ends_nix_before_too_leaves_the_others_to_be_compared() -> None:
    text = with_test("dockers")
    judgement = second({NOTES: text}, {NOTES: text.replace('    updateScript = [ "update-notes-server" ];\n', "")})
    assert judgement.unknown == ()
    assert {(each.kind, each.what) for each in judgement.differences if each.weight is Weight.REGRESSION} == {
        (Kind.PASSTHRU, "updateScript is gone")
    }


def test_a_nixos_test_is_evaluated_if_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    edits: Edits = {"nixos/tests/docker.nix": ('"docker info"', '"docker version"')}
    assert {gap.reason for gap in judged(edits).unknown} == {"a NixOS test, which is not evaluated"}
    judgement = judge(change(edits), JudgeRequest(systems=(NATIVE,), nixos=True), progress=Silence())
    assert (judgement.unknown, serious(judgement)) == ((), {"change derivation nixosTests.docker"})
    # One that reads what has changed, too.
    text = (specimen.path() / NOTES).read_text()
    reader: Edits = {"nixos/tests/docker.nix": ("pkgs.docker-client", "pkgs.notes-server.out")}
    regression: Edits = {NOTES: text.replace("echo notes", "echo others")}
    judgement = judge(change(reader, regression), JudgeRequest(systems=(NATIVE,), nixos=True), progress=Silence())
    changed = {(each.weight.value, each.attribute) for each in judgement.steps[1].differences}
    assert {("change", "notes-server"), ("change", "nixosTests.docker")} <= changed
    gaps = {gap.what: gap.reason for gap in second(reader, regression).not_covered}
    assert gaps["nixos/tests/docker.nix"].endswith("are not evaluated: --nixos, for the tests")
    monkeypatch.setattr(audience, "_MOST_TESTS", 0)
    judgement = judge(change({**edits, **regression}), JudgeRequest(systems=(NATIVE,), nixos=True), progress=Silence())
    assert [(gap.what, gap.reason) for gap in judgement.unknown] == [("1 more NixOS test", "too many")]
    assert serious(judgement) == {"change derivation notes-server"}


def test_a_base_that_does_not_evaluate_is_said_and_the_rest_is_judged() -> None:
    broken: Edits = {BOARD: (specimen.path() / BOARD).read_text().replace("{", "{ nobodyHasThis,", 1)}
    board = str(broken[BOARD])
    judgement = second(
        broken,
        {BOARD: board.replace("pname", "name", 1), NOTES: ("    platforms = lib.platforms.all;\n", "")},
    )
    step = judgement
    assert {(each.kind, each.attribute) for each in step.differences if each.weight is Weight.REGRESSION} == {
        (Kind.META, "notes-server")
    }
    assert any("status-board" in gap.what and "nobodyHasThis" in gap.reason for gap in step.unknown)


def test_what_a_derivation_that_throws_before_as_after_is_made_with_is_compared() -> None:
    throwing = OWN.replace("buildInputs = [ curl ];", 'buildInputs = throw "no curl here";\n\n  patches = [ ];')
    edits = (
        ("    platforms = lib.platforms.all;\n", "", {"regression meta"}),
        ("mkdir -p $out/share", "mkdir -p $out/lib", {"change derivation"}),
        ("inherit src version;\n\n  buildInputs", "inherit version src;\n\n  buildInputs", set[str]()),
        ('version = "4.2.0"', 'version = "4.2.1"', {"change derivation"}),
        ("\n  patches = [ ];", "", {"change derivation", "change override"}),
    )
    assert all(old in throwing for old, *_ in edits)
    judgement, found = of_cases(*((throwing, throwing.replace(old, new)) for old, new, _ in edits))
    assert found == [named for *_, named in edits]
    assert judgement.reached == {}
    gaps = {(gap.attribute, gap.parts, gap.reason) for gap in judgement.not_covered}
    reason = "its derivation throws, before as after: what it is made with was compared"
    assert gaps >= {(f"case-{number}", ("derivation",), reason) for number in range(len(edits))}


def test_what_evaluates_only_after_another_attribute_is_asked_alone_on_both_sides(tmp_path: Path) -> None:
    # What a file gives is shared by all that import it; the last of it needs too many calls, unless others are there.
    deep = "let all = builtins.genList (n: if n == 0 then 0 else 1 + builtins.elemAt all (n - 1)) 12001; in all\n"
    number = "builtins.elemAt (import ../../../../deep.nix)"
    steps = "[ 2000 4000 6000 8000 10000 12000 ]"
    warm = f'builtins.foldl\' (text: n: builtins.seq ({number} n) text) "4.2.0" {steps}'
    late = f"${{toString ({number} 12000)}}"
    notes, board = ((specimen.path() / path).read_text() for path in (NOTES, BOARD))
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


def test_a_file_that_is_not_nix_any_more_is_a_regression_of_its_package() -> None:
    judgement = judged({NOTES: ("buildInputs = [ curl ];", "buildInputs = [ nobodyHasThis ];")})
    (found,) = judgement.differences
    assert (found.weight, found.kind, found.attribute) == (Weight.REGRESSION, Kind.EVALUATION, "notes-server")
    assert found.what == "its file is not Nix any more"
    assert "undefined variable 'nobodyHasThis'" in str(found.after)


def test_nix_is_asked_why_the_first_that_no_longer_evaluate_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "_MOST_REASONS", 1)
    name = 'pname = throw "gone"; '
    judgement = judged({NOTES: ("pname = ", f"{name}old = "), BOARD: ("pname = ", f"{name}old = ")})
    broken = [each for each in judgement.differences if each.what == "no longer evaluates"]
    assert {each.attribute for each in broken} >= {"notes-server", "status-board"}
    assert ["gone" in str(each.after) for each in broken].count(True) == 1


def test_a_nixpkgs_that_knows_no_arm_for_darwin_is_asked_about_the_other_one() -> None:
    stdenv = "pkgs/stdenv/default.nix"
    text = (specimen.path() / stdenv).read_text()
    old = text.replace("  stdenv = {", '  stdenv = if build.system == "aarch64-darwin" then throw "unknown" else {')
    own = (specimen.path() / NOTES).read_text()
    changed = own.replace("echo notes", 'echo ${if stdenv.hostPlatform.isDarwin then "others" else "notes"}')
    judgement = second({stdenv: old}, {NOTES: changed}, systems=(NATIVE, "aarch64-darwin"))
    assert {each.system for each in judgement.differences if each.kind is Kind.DERIVATION} == {"x86_64-darwin"}


def test_a_comment_shows_in_what_has_its_directory_for_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extent, "FEW_READERS", 1)
    text = (specimen.path() / DOCKER).read_text().replace("-DMINIMAL=ON", "-DSOURCE=${./.}")
    judgement = second({DOCKER: text}, {DOCKER: f"{text}# The end.\n"})
    assert serious(judgement) == {"change derivation docker"}


def test_a_change_of_the_library_is_unknown() -> None:
    judgement = judged({LIB: ("let\n", "let\n  unlet = 1;\n")})
    assert [gap.what for gap in judgement.unknown] == [LIB]
    assert exit_code(judgement, Expectation.SAME) == 3


DIRECTORY = """  partsPackages = lib.recurseIntoAttrs (
    builtins.listToAttrs (
      map (file: {
        name = builtins.replaceStrings [ ".nix" ] [ "" ] file;
        value = callPackage (../. + "/tools/parts/${file}") { };
      }) (builtins.attrNames (builtins.readDir (../. + "/tools/parts")))
    )
  );

"""


def test_differences_are_in_the_order_of_the_systems() -> None:
    found = judged({NOTES: ("echo notes", "echo in order")}, systems=(CROSS, NATIVE)).differences
    systems = [each.system for each in found if (each.attribute, each.kind) == ("notes-server", Kind.DERIVATION)]
    assert systems == [CROSS, NATIVE]


def test_a_file_that_nothing_reads_is_unknown() -> None:
    judgement = judged({"pkgs/misc/nowhere/thing.nix": "1\n"})
    assert [(gap.what, gap.reason) for gap in judgement.unknown] == [
        ("pkgs/misc/nowhere/thing.nix", "no attribute was found that is made from it")
    ]


def test_who_reads_what_is_gone_is_asked_before_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "_MOST_READERS", 1)
    monkeypatch.setattr(audience, "FEW_READERS", 1)
    things = "  thingPackages = { gone = final.log-viewer; kept = final.log-viewer; version = 1; };\n"
    first: Edits = {
        ALL: ("  docker = final", f"{things}  docker = final"),
        **{
            f"pkgs/by-name/re/{name}/package.nix": f"{{ log-viewer, thingPackages }}: log-viewer // {{ a = {it}; }}\n"
            for name, it in (
                ("read-a", "thingPackages.version or 1"),
                ("read-b", "thingPackages.kept.out"),
                ("read-c", "thingPackages.gone.out"),
            )
        },
    }
    judgement = second(
        first, {ALL: (things, things.replace("gone =", "other =").replace("version = 1", "version = 2"))}
    )
    assert {(each.kind, each.attribute) for each in judgement.differences if each.weight is Weight.REGRESSION} >= {
        (Kind.REMOVED, "thingPackages.gone"),
        (Kind.EVALUATION, "read-c"),
    }
    # Each package has a version.
    assert any(gap.what == "thingPackages.version" for gap in judgement.not_covered)


@pytest.mark.parametrize("every", [False, True])
def test_each_reference_is_compared_if_that_is_asked_for(monkeypatch: pytest.MonkeyPatch, *, every: bool) -> None:
    monkeypatch.setattr(audience, "_MOST_READERS", 1)
    monkeypatch.setattr(readers, "_MOST_PATHS", 2)
    names = {f"read-{letter}" for letter in "abcd"}
    text = "{ log-viewer, notes-server }: log-viewer // { a = notes-server.meta.mainProgram; }\n"
    first: Edits = {f"pkgs/by-name/re/{name}/package.nix": text for name in names}
    judgement = second(first, {NOTES: ('mainProgram = "notes-server"', 'mainProgram = "notes"')}, every=every)
    assert ({each.attribute for each in judgement.differences} >= names) is every
    # Those that only name it are not even looked at.
    named: Edits = {
        path: str(how).replace("notes-server.meta.mainProgram", "toString notes-server") for path, how in first.items()
    }
    judgement = second(named, {NOTES: ("echo notes", "echo others")}, every=every)
    counted = [gap.what for gap in judgement.not_covered if gap.reason.startswith("too many")]
    assert counted == ([] if every else ["2 more files"])
    for limit, what in (("_MOST_FILES", "file"), ("_MOST_NAMES", "name")):
        monkeypatch.setattr(readers, limit, 0)
        judgement = second(named, {NOTES: ("echo notes", "echo others")}, every=every)
        assert any(f" more {what}" in gap.what for gap in judgement.not_covered) is not every


def test_packages_beyond_those_that_are_asked_on_another_platform_stay_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    musl = '-DMINIMAL=ON${if stdenv.hostPlatform.isMusl or false then "" else ""}'
    steps: list[Edits] = [
        {ALL: ("  docker = final", "  pkgsMusl = final;\n  docker = final")},
        {DOCKER: ("-DMINIMAL=ON", musl)},
    ]
    assert second(*steps).unknown == ()
    monkeypatch.setattr(made, "_MOST_ELSEWHERE", 1)
    assert [gap.reason for gap in second(*steps).unknown] == ["what it does by isMusl was not compared"]


def test_each_commit_of_a_range_is_judged_by_itself() -> None:
    judgement = judged({NOTES: ("let\n", "# A comment.\nlet\n")}, {NOTES: ("echo notes", "echo others")})
    first, second = judgement.steps
    assert first.unknown == second.unknown == ()
    assert [each for each in first.differences if each.weight is not Weight.NOTE] == []
    assert {each.kind for each in second.differences if each.weight is not Weight.NOTE} == {Kind.DERIVATION}
    assert "change derivation notes-server" in serious(judgement)


def test_what_reaches_its_time_on_one_system_is_not_waited_for_on_the_others() -> None:
    loop = "builtins.genericClosure { startSet = [ { key = 0; } ]; operator = x: [ { key = x.key + 1; } ]; }"
    edits: Edits = {
        NOTES: ('version = "4.2.0"', f"version = toString (builtins.length ({loop}))"),
        BOARD: ('version = "', 'version = "1'),
    }
    with limits.allowing(5, None):
        judgement = judged(edits, systems=(NATIVE, "aarch64-linux", CROSS))
    reasons = {gap.system: gap.reason for gap in judgement.unknown if gap.attribute == "notes-server"}
    assert reasons.keys() == {NATIVE, "aarch64-linux", CROSS}
    assert reasons[NATIVE].endswith("compared: still running after 5 s; --timeout raises the limit")
    elsewhere = f"compared: it reached the limit on {NATIVE}: still running after 5 s; --timeout raises the limit"
    assert all(reason.endswith(elsewhere) for system, reason in reasons.items() if system != NATIVE)
    assert "change derivation status-board" in serious(judgement)


def test_many_questions_together_have_the_memory_of_one_evaluation() -> None:
    question = Question(path=("notes-server",))
    one, many = (
        asking.command(specimen.path(), NATIVE, dict.fromkeys(range(count), question), nixos=False).env
        for count in (1, 24)
    )
    assert one["GC_MAXIMUM_HEAP_SIZE"] == many["GC_MAXIMUM_HEAP_SIZE"] == str(limits.MEMORY_MIB << 20)


def test_what_has_no_answer_in_the_time_of_all_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOGETHER_SECONDS", 0.0)
    theirs = change({NOTES: ("let\n", "let\n  neverAskedBefore = 41;\n")})
    judgement = judge(theirs, JudgeRequest(systems=(NATIVE,), bounded=True), progress=Silence())
    assert (judgement.differences, judgement.reached) == ((), {})
    assert any(each.attribute == "notes-server" and each.limit == limits.no_time() for each in judgement.unknown)
    judgement = judge(theirs, JudgeRequest(systems=(NATIVE,)), progress=Silence())
    assert (judgement.unknown, "notes-server" in judgement.reached[NATIVE]) == ((), True)


def test_a_limit_of_static_leaves_the_other_systems_alone_and_a_reference_at_one_stands_apart(tmp_path: Path) -> None:
    long = "builtins.genList (n: [ n (n + 1) (toString n) ]) 3000000"
    table = """  pkgsStatic = final // {
    notes-server = final.notes-server.override { stdenv = final.stdenv // { isStatic = true; }; };
  };
  slow-reader = final.log-viewer // { drvPath = "READ"; };
  docker = final"""
    read = f"${{final.notes-server.version}}${{toString (builtins.deepSeq ({long}) 1)}}"
    everything, text = ((specimen.path() / path).read_text() for path in (ALL, NOTES))
    everything = everything.replace("  docker = final", table.replace("READ", read), 1)
    slow = f"buildInputs = if stdenv.isStatic or false then builtins.deepSeq ({long}) [ ] else [ curl ];"
    texts = {ALL: (everything, everything), NOTES: (text, text.replace("buildInputs = [ curl ];", slow))}
    theirs = in_copy(tmp_path / "tree", texts)
    with limits.allowing(None, 150):
        judgement = judge(theirs, JudgeRequest(systems=(NATIVE, "static")), progress=Silence())
    assert (judgement.unknown, judgement.of(Weight.REGRESSION)) == ((), ())
    assert "notes-server" in judgement.reached[NATIVE]
    met = {(each.attribute, each.system, each.reference) for each in judgement.unanswered}
    assert met >= {("notes-server", "static", False), ("slow-reader", NATIVE, True)}
    assert [exit_code(judgement, each) for each in (None, *Expectation)] == [0, 3, 0]
    said = [line.text for line in judgements.lines(judgement) if line.text.startswith("not answered")]
    limit = "out of memory; --max-memory raises the limit"
    assert f"not answered: 1 attribute on static (notes-server): {limit}" in said


def test_parts_of_an_attribute_have_the_time_of_one_evaluation_together() -> None:
    # Each takes some seconds, and less than there are.
    slow = "(let f = n: if n == 0 then 1 else f (n - 1) + f (n - 1); in toString (f 24))"
    edits: Edits = {NOTES: ('version = "4.2.0"', f"version = {slow}"), BOARD: ('version = "', 'version = "1')}
    with limits.allowing(4, None):
        judgement = judged(edits, systems=(NATIVE,))
    (reason,) = (gap.reason for gap in judgement.unknown if gap.attribute == "notes-server")
    assert reason.endswith("still running after 4 s; --timeout raises the limit")
    assert "change derivation status-board" in serious(judgement)


def test_only_a_question_begins_the_time_of_an_attribute() -> None:
    marks: list[str] = []

    class Marks(limits.Allowance):
        def execute(self, command: Command, things: Sequence[Hashable], *, mark: str) -> Completed:
            marks.append(mark)
            return super().execute(command, things, mark=mark)

    (answer,) = asking.ask(specimen.path(), NATIVE, [Question(path=("notes-server",))], allowed=Marks(60))
    assert answer.kind == asking.PACKAGE
    (mark,) = marks
    assert mark.endswith(": question")


def test_attributes_that_end_nix_have_one_time_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_ENDING_SECONDS", 0.001)
    edits: Edits = {
        NOTES: ('version = "4.2.0"', "version = { }.gone"),
        BOARD: ('version = "', 'version = "1'),
    }
    judgement = judged(edits, systems=(NATIVE,))
    reasons = {gap.attribute: gap.reason for gap in judgement.unknown if gap.system == NATIVE}
    assert reasons["notes-server"] == "it cannot be compared: it is not reached in the time that all have"


def test_change_that_names_more_than_is_asked_about_is_bounded(
    asked: list[set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made, "MOST", 20)
    names = "".join(f"  a{number} = {number};\n" for number in range(400))
    judgement = judged({DOCKER: f"{{ }}: {{\n{names}}}\n"}, systems=(NATIVE,))
    assert 0 < sum(map(len, asked)) < 200
    assert "the change reaches too many" in {gap.reason for gap in judgement.unknown}


TEXT = FETCHED.replace("  src = stdenv", "  postInstall = let source = stdenv").replace(
    '    outputHashMode = "flat";\n  };\n', "    outputHashMode = \"flat\";\n  }; in ''\n    cp ${source} $out\n  '';\n"
)


def test_of_a_fetch_that_tells_most_is_shown_first() -> None:
    other = FETCHED.replace("1.tar", "2.tar").replace("    outputHash =", "    deepClone = true;\n    outputHash =")
    judgement = second({FETCH: FETCHED}, {FETCH: other})
    (found,) = (each for each in judgement.differences if each.kind is Kind.FIXED_OUTPUT)
    assert found.what.startswith("src is fetched differently (urls, deepClone) and its hash is as before")
    assert [[*value] for value in (found.before, found.after) if isinstance(value, dict)] == [["urls", "deepClone"]] * 2
    shown = "\n".join(line.text for line in judgements.lines(judgement))
    assert ': urls: ["https://example.org/1.tar.gz"]; deepClone: nothing → urls: ["https://' in shown


def test_a_fixed_output_that_a_text_names_is_compared() -> None:
    assert last({FETCH: TEXT}, {FETCH: TEXT.replace("1.tar", "2.tar")}) == {"change fixed-output notes-fetched"}
    judgement = second({FETCH: TEXT}, {FETCH: TEXT.replace("1.tar", "2.tar").replace("cp ${", "ln ${")})
    (found,) = (each for each in judgement.differences if each.kind is Kind.FIXED_OUTPUT)
    assert (found.weight, found.what.rpartition(": ")[2]) == (Weight.CHANGE, "its postInstall names source")


def test_a_fixed_output_in_passthru_is_compared_and_one_that_ends_nix_is_left_out() -> None:
    shown = FETCHED.replace("  src = stdenv", "  passthru.ends = with { }; nothing;\n  passthru.source = stdenv")
    judgement = second({FETCH: shown}, {FETCH: shown.replace("1.tar", "2.tar")})
    assert {(each.kind, each.what[:29]) for each in judgement.differences} == {
        (Kind.FIXED_OUTPUT, "source is fetched differently")
    }
    assert judgement.unknown == ()


def test_what_an_argument_fetches_is_compared() -> None:
    chosen = FETCHED.replace("{ stdenv }:", "{ stdenv, withPages ? false }:").replace(
        "  src = stdenv", "  pages = if !withPages then null else stdenv"
    )
    judgement = second({FETCH: chosen}, {FETCH: chosen.replace("1.tar", "2.tar")})
    assert [(each.weight, each.what) for each in judgement.differences] == [
        (
            Weight.CHANGE,
            "override with withPages = true: a fixed output is made by a different derivation, and has the same hash",
        )
    ]
    # A flag that ends Nix with one version and not with the other is still compared with the rest.
    ends = chosen.replace("if !withPages", "if withPages then with { }; nothing else if !withPages")
    assert "regression evaluation notes-fetched" in last({FETCH: chosen}, {FETCH: ends})


MAINTAINERS = "maintainers/maintainer-list.nix"
PERSONS = '{\n  ada = {\n    email = "ada@example.org";\n  };\n  bob = { };\n}\n'


def test_a_maintainer_is_asked_about_and_the_packages_that_name_them(monkeypatch: pytest.MonkeyPatch) -> None:
    library = (specimen.path() / "lib/default.nix").read_text().rstrip()
    maintained = (
        (specimen.path() / NOTES)
        .read_text()
        .replace("meta = {", "meta = {\n    maintainers = [ lib.maintainers.ada ];")
    )
    first: Edits = {
        MAINTAINERS: PERSONS,
        "lib/default.nix": f"{library} // {{ maintainers = import ../{MAINTAINERS}; }}\n",
        NOTES: maintained,
    }
    judgement = second(first, {MAINTAINERS: PERSONS.replace("ada@", "a@")})
    assert {(each.kind, each.attribute) for each in judgement.differences} == {
        (Kind.PASSTHRU, "lib.maintainers.ada"),
        (Kind.META, "notes-server"),
    }
    assert judgement.unknown == ()
    assert last(first, {MAINTAINERS: PERSONS.replace("  bob", "  carl = { };\n  bob")}) == {
        "change added lib.maintainers.carl"
    }
    monkeypatch.setattr(extent, "MOST", 0)
    (gap,) = second(first, {MAINTAINERS: PERSONS.replace("ada@", "a@")}).unknown
    assert gap.reason == "too many"


def test_a_team_is_asked_about_and_is_the_same_in_another_order() -> None:
    library = (specimen.path() / "lib/default.nix").read_text().rstrip()
    teams = '{\n  one = {\n    members = [ { name = "ada"; } { name = "bob"; } ];\n    scope = "all";\n  };\n}\n'
    list_of_teams = "maintainers/team-list.nix"
    text = (specimen.path() / NOTES).read_text()
    first: Edits = {
        list_of_teams: teams,
        "lib/default.nix": f"{library} // {{ teams = import ../{list_of_teams}; }}\n",
        NOTES: text.replace("meta = {", "meta = {\n    teams = [ lib.teams.one ];"),
    }
    lines = teams.splitlines(keepends=True)
    reordered = second(first, {list_of_teams: "".join([*lines[:2], lines[3], lines[2], *lines[4:]])})
    assert (reordered.differences, reordered.unknown) == ((), ())
    assert last(first, {list_of_teams: ('"bob"', '"carl"')}) == {
        "change meta notes-server",
        "change passthru lib.teams.one.members",
    }


def test_a_comment_counts_what_was_not_asked_about_and_has_no_empty_lines_in_a_row() -> None:
    for files, said in (({}, "was not compared."), ({"README.md": ""}, "; 1 thing was not compared.")):
        judgement = judged({NOTES: ("passthru = {", "passthru = { # One."), **files})
        written = judgements.to_comment(judgement, command="unlet check")
        verdict, blank, looked_at, disclosed = written.decode().splitlines()
        assert verdict.startswith("**same")
        assert (blank, looked_at.endswith(said)) == ("", True)
        assert disclosed.endswith("`unlet check`")


def test_a_script_that_updates_packages_is_not_asked_about_and_another_that_nothing_needs_is_unknown() -> None:
    for name, unknown in (("update.sh", False), ("other.sh", True)):
        judgement = judged({f"pkgs/tools/{name}": "true\n"})
        assert bool(judgement.unknown) is unknown
        assert any(gap.reason == "it updates packages, and is in none" for gap in judgement.not_covered) is not unknown


WRAPPED = """{ stdenv, plugins }:
stdenv.mkDerivation { name = "wrapped"; version = "1"; inherit plugins; meta.priority = 4; }
"""


def test_a_file_beside_a_package_is_unknown_if_only_a_function_that_is_not_called_needs_it() -> None:
    made = "import ./wrapper.nix { inherit stdenv; plugins ="
    uses = {
        f"wrapped = {made} [ ]; }};": "",
        f"withPlugins = add: {made} add {{ }}; }};": "withPlugins(x) ",
        "withPlugins = plugins: import ./wrapper.nix { inherit stdenv plugins; };": "withPlugins[x] ",
        f"withPlugins = add: {made} map (x: x.name) (add {{ }}); }};": "withPlugins(x) ",
        "plugged = plugins: import ./wrapper.nix { inherit stdenv plugins; };": None,
        "withList = plugins: map (import ./wrapper.nix) plugins;": None,
    }
    wrappers = [case_of(number, "wrapper.nix") for number in range(len(uses))]
    first: dict[str, tuple[str, str] | str | None] = dict.fromkeys(wrappers, WRAPPED)
    first |= {case_of(n): OWN.replace("updateScript =", f"{use}\n    updateScript =") for n, use in enumerate(uses)}
    differently = second(first, dict.fromkeys(wrappers, WRAPPED.replace('"1"', '"2"')))
    assert [gap.what for gap in differently.unknown] == wrappers[4:]
    assert {each.attribute[:6] for each in differently.differences} == {f"case-{number}" for number in range(4)}
    judgement = second(first, dict.fromkeys(wrappers, WRAPPED.replace("priority = 4", "priority = -10")))
    assert {each.attribute[:6]: each.what for each in judgement.differences} == {
        f"case-{n}": f"{called}meta.priority differs" for n, called in enumerate(uses.values()) if called is not None
    }


def test_what_a_function_makes_is_compared_with_one_package_and_with_another_again() -> None:
    function = """made = old: add: stdenv.mkDerivation {
      name = "made";
      inputs = old ++ add { };
      passthru.withPlugins = made (old ++ add { });
    }"""
    text = f"passthru = let {function}; in {{ withPlugins = made [ ];"
    first: Edits = {NOTES: ("passthru = {", text)}

    def said(old: str, new: str) -> list[str]:
        own = (specimen.path() / NOTES).read_text()
        differently = own.replace("passthru = {", text.replace(old, new))
        return [each.what for each in second(first, {NOTES: differently}).differences]

    assert said("made (old ++ add { })", "made ([ ] ++ old ++ add { })") == []
    assert said("made (old ++ add { })", "made old") == ["withPlugins(x) twice is built differently"]
    assert said("inputs = old ++ add { }", "inputs = old") == ["withPlugins(x) is built differently"]


def test_a_file_that_a_package_needs_on_another_system_alone_is_known() -> None:
    darwin = NOTES.replace("package.nix", "darwin.nix")
    first: Edits = {
        NOTES: (
            "buildInputs =",
            'fix = if stdenv.hostPlatform.isDarwin then import ./darwin.nix else "";\n  buildInputs =',
        ),
        darwin: '"fix"\n',
    }
    for systems, unknown in (((NATIVE,), [darwin]), ((NATIVE, "aarch64-darwin"), [])):
        judgement = second(first, {darwin: '"f" + "ix"\n'}, systems=systems)
        assert [gap.what for gap in judgement.unknown] == unknown
        assert judgement.differences == ()


MUSL = 'echo notes${if stdenv.hostPlatform.isMusl or false then "x" else ""}'


def test_a_platform_that_is_not_judged_is_unknown() -> None:
    assert [gap.reason for gap in judged({NOTES: ("echo notes", MUSL)}).unknown] == [
        "what it does by isMusl was not compared"
    ]


@pytest.mark.parametrize("is_musl", ["true", "false"])
def test_what_the_set_has_for_another_platform_is_asked_about(is_musl: str) -> None:
    musl = f"""  pkgsMusl.notes-server = final.notes-server.override {{
    stdenv = final.stdenv // {{ hostPlatform = final.stdenv.hostPlatform // {{ isMusl = {is_musl}; }}; }};
  }};
"""
    judgement = second({ALL: ("  docker = final", f"{musl}  docker = final")}, {NOTES: ("echo notes", MUSL)})
    assert judgement.unknown == ()
    differ = {each.attribute for each in judgement.differences if each.weight is not Weight.NOTE}
    assert differ == ({"pkgsMusl.notes-server"} if is_musl == "true" else set())


LUA = """{ final, version }:
{
  one = final.callPackage ({ stdenv }: stdenv.mkDerivation {
    pname = "one";
    version = "1";
    flags = if version < 52 then "old" else "new";
  }) { };
}
"""


def test_what_the_set_has_under_another_name_is_asked_about_on_each_system() -> None:
    judgement = judged({DOCKER: ("-DMINIMAL=ON", "-DMINIMAL=OFF")}, systems=(NATIVE, CROSS))
    assert {"docker", "docker_29"} <= {*judgement.reached[CROSS]}


def test_what_calls_a_function_that_all_sets_have_is_not_made_in_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "MOST", 3)
    calls = "".join(f"  called-{n} = callPackage ({{ stdenv }}: stdenv) {{ }};\n" for n in range(8))
    first = f"  docker = final.docker_29;\n{calls}  thing = {{\n    callPackage = x: x;\n  }};"
    judgement = second(
        {ALL: ("  docker = final.docker_29;", first)},
        {ALL: ("callPackage = x: x;", "callPackage = y: y;")},
    )
    assert judgement.unknown == ()


ZEROS, NULLS = (f'"sha256{mark}"' for mark in (f"-{'A' * 43}=", f":{'0' * 64}"))
NAMED = FETCHED.replace('name = "source"', 'name = "1.tar.gz"')
STALE = NAMED.replace("1.tar", "2.tar").replace('version = "1"', 'version = "2"')
TAGGED = FETCHED.replace("    url =", '    rev = "1";\n    url =')
SHOWN = f'{FETCHED.rstrip()} // {{ version = "a"; }}\n'
ICON = TEXT.replace('"source"', '"notes-fetched-icon.png"').replace(
    "  postInstall", f'  src = stdenv.mkDerivation {{ name = "x"; outputHash = {ZEROS}; }};\n  postInstall', 1
)
OTHER_ICON = ICON.replace(ZEROS, NULLS, 1).replace("1.tar", "2.tar")


def fetching(command: str) -> str:
    """Return a package whose source a command of its own fetches."""
    text = FETCHED.replace('url = "https://example.org/1.tar.gz";', f'system = "x"; builder = "/bin/sh"; {command}')
    return text.replace("src = stdenv.mkDerivation", "src = builtins.derivation")


def beside(source: str) -> str:
    """Return a package whose source has more than what fetches it."""
    return FETCHED.replace("  };\n}", f"  }} // {source};\n}}")


STAYS = "regression fixed-output"
FETCHES: Mapping[str, tuple[str, str, set[str]]] = {
    "something else under the old hash": (FETCHED, FETCHED.replace("1.tar", "2.tar"), {STAYS}),
    "one that throws": (
        FETCHED,
        FETCHED.replace('url = "https://example.org/1.tar.gz"', 'url = throw "no"'),
        {"regression evaluation"},
    ),
    "another tool": (FETCHED, FETCHED.replace("url =", "curl = stdenv;\n    url ="), set()),
    "another command": (fetching('args = [ "a" ];'), fetching('args = [ "b" ];'), {STAYS}),
    "another variable of a command": (
        fetching('__structuredAttrs = true; env.PLACE = "a";'),
        fetching('__structuredAttrs = true; env.PLACE = "b";'),
        {STAYS},
    ),
    "another version for a command": (fetching('version = "1.0";'), fetching('version = "2.0";'), {STAYS}),
    "another proxy": (fetching('curlOpts = "-L";'), fetching('curlOpts = "--proxy https://example.org";'), {STAYS}),
    "options as a list": (fetching('curlOptsList = [ "-L" ];'), fetching('curlOpts = "-L";'), set()),
    "another revision": (TAGGED, TAGGED.replace('rev = "1"', 'rev = "2"'), {STAYS}),
    "a tag of that name": (TAGGED, TAGGED.replace('rev = "1"', 'tag = "1"'), set()),
    "no revision": (TAGGED, FETCHED, set()),
    "a new version with the old hash": (NAMED, STALE, {STAYS, "change derivation"}),
    "a new version": (NAMED, STALE.replace("sha256-A", "sha256-B"), {"change derivation"}),
    # What a version depends on may be what the one before depends on.
    "a new version with the old dependencies": (
        VENDORED,
        VENDORED.replace('version = "1"', 'version = "2"'),
        {"change derivation", "change fixed-output"},
    ),
    "a shown version": (SHOWN, SHOWN.replace('"a"', '"b"'), {"change passthru"}),
    "a source without its revision": (beside('{ rev = "1"; }'), beside("{ }"), {"regression passthru"}),
    "a revision that is a list": (beside('{ rev = "1"; }'), beside("{ rev = [ 1 ]; }"), {"change passthru"}),
    "a revision that is a tag": (
        beside('{ rev = "1"; tag = null; }'),
        beside('{ rev = "refs/tags/1"; tag = "1"; }'),
        set(),
    ),
    "a tag that was none": (beside("{ tag = null; }"), beside("{ }"), set()),
    "a hash of another name": (beside('{ sha256 = "1"; }'), beside('{ hash = "1"; }'), set()),
}
NAMED_BY_TEXTS: Mapping[str, tuple[str, str, set[str]]] = {
    "what a text names": (TEXT, TEXT.replace("1.tar", "2.tar"), {"change fixed-output"}),
    "what a text names beside another of a name like it": (ICON, OTHER_ICON, {"change fixed-output"}),
    "what a text names, which is named": (
        ICON.replace("-icon.png", "-1"),
        OTHER_ICON.replace("-icon.png", "-1"),
        set(),
    ),
}


def test_a_fetch_is_compared_with_the_one_before() -> None:
    _, found = of_cases(*((before, after) for before, after, _ in FETCHES.values()))
    assert dict(zip(FETCHES, found, strict=True)) == {name: named for name, (*_, named) in FETCHES.items()}


@pytest.mark.parametrize("case", NAMED_BY_TEXTS.values(), ids=range(len(NAMED_BY_TEXTS)))
def test_a_fetch_that_a_text_names_is_compared_with_the_one_before(case: tuple[str, str, set[str]]) -> None:
    before, after, found = case
    assert last({FETCH: before}, {FETCH: after}) == {f"{each} notes-fetched" for each in found}


SOURCE = f'stdenv.mkDerivation {{ name = "source"; outputHash = {ZEROS}; }}'
TABLE = (specimen.path() / ALL).read_text()
LAYER = "(x: x.overrideAttrs (_: { extra = 1; }) // { inherit (x) overridePythonAttrs; }) (build {"
SHARED = f"{{ extra ? null }}:\n{OWN}"
PICTURE, LOGO = FETCH.replace("package.nix", "icon.svg"), NOTES.replace("package.nix", "logo.png")
LOGIN = "pkgs/by-name/re/registry-login/package.nix"
SOURCES, PART = "pkgs/tools/parts/sources.json", "pkgs/tools/parts/one.nix"
JSON = f"""  partsPackages = lib.recurseIntoAttrs (
    lib.mapAttrs (name: version: final.stdenv.mkDerivation {{ inherit name version; }})
      (builtins.fromJSON (builtins.readFile ../../{SOURCES}))
  );
"""
TWO = '{"one": "1", "two": "1"}\n'
READING = "pkgs/by-name/no/notes-reading/package.nix"
PASSED = FETCHED.replace("  src = stdenv", "  passthru.source = stdenv")
PLACES = "  place = { outPath = ./.; kept = 1; };\n  shown = final.log-viewer // { meta = final.log-viewer; };\n"
LUAS = "pkgs/top-level/lua-packages.nix"
FIRST, MOVED = (f"pkgs/notes-{name}/default.nix" for name in ("first", "second"))
PATCHED = FETCHED.replace("  src = stdenv", '  patch = ./one.patch;\n  elsewhere = throw "not here";\n  src = stdenv')


def among(text: str) -> Edits:
    """Return an edit that puts attributes into the table of all packages."""
    return {ALL: ("  docker = final.docker_29;", f"  docker = final.docker_29;\n{text}")}


def reading(reads: str) -> Edits:
    override = f"{reads}notes-server.overrideAttrs (old: {{ name = old.pname; more = old.extra; }})"
    return {**among(f"  thing = {override};"), NOTES: ("  buildInputs", '  extra = "x";\n  buildInputs')}


def patched(place: str) -> Edits:
    called = f"docker = final.docker_29;\n  fetched = callPackage ../../{place.removesuffix('/default.nix')} {{ }};"
    patch = place.replace("default.nix", "one.patch")
    return {place: PATCHED, patch: "1\n", ALL: TABLE.replace("docker = final.docker_29;", called)}


def luas(*versions: tuple[str, str]) -> Edits:
    """Return versions of a package set, each with what its packages see of it."""
    made = "  lua{}Packages = import ./lua-packages.nix {{ inherit final; version = {}; }};\n"
    known = versions or (("", "53"), *((version, version) for version in ("51", "52", "53")))
    return {LUAS: LUA, **among("".join(made.format(*each) for each in known))}


SECOND_STEPS: Mapping[str, tuple[Edits, Edits, set[str]]] = {
    "a builder's own function that drops something": (
        {SCRIPT: PYTHON},
        {SCRIPT: PYTHON.replace("build {\n  pname", f"{LAYER}\n  pname").rstrip() + ")\n"},
        {f"{each} notes-python" for each in ("change derivation", "change override", "regression override")},
    ),
    "an argument of a function in passthru": (
        {SCRIPT: PYTHON},
        {SCRIPT: PYTHON.replace("{ fast, slow ? false }", "{ fast }")},
        {"regression passthru notes-python"},
    ),
    "the tree's own path, and a comment": ({SCRIPT: PYTHON}, {SCRIPT: f"# A comment.\n{PYTHON}"}, set()),
    "the tree's own path": ({SCRIPT: PYTHON}, {SCRIPT: PYTHON.replace("build {", "build rec {")}, set()),
    "a package of a shared file": (
        {
            GENERIC: SHARED,
            NOTES: 'import ./generic.nix { extra = "1"; }\n',
            SECOND: "import ../notes-server/generic.nix { }\n",
        },
        {GENERIC: SHARED.replace("{ extra ? null }", "{ extra }")},
        {"regression evaluation notes-second"},
    ),
    **{
        f"a reader by {reads}": (
            reading(reads),
            {NOTES: ('  extra = "x";\n', "")},
            {"change derivation notes-server", "change override notes-server", "regression evaluation thing"},
        )
        for reads in ("final.", "(final.pkgs or final).", "with final; ")
    },
    "what a source has for another package": (
        {
            NOTES: ("updateScript =", f'source = {SOURCE} // {{ rev = "1"; }};\n    updateScript ='),
            SECOND: '{ stdenv, notes-server }:\nstdenv.mkDerivation { name = "second"; src = notes-server.source; }\n',
        },
        {NOTES: (' // { rev = "1"; }', "")},
        {"regression passthru notes-second"},
    ),
    "a binary file": (
        {LOGO: "\0\1", NOTES: ('sourceRoot = "web";', "logo = ./logo.png;")},
        {LOGO: "\0\2"},
        {"change derivation notes-server"},
    ),
    "a picture": (
        {FETCH: FETCHED.replace("  src = stdenv", "  icon = ./icon.svg;\n  src = stdenv"), PICTURE: "<a/>"},
        {PICTURE: "<b/>"},
        {"change derivation notes-fetched"},
    ),
    "a test that there is none of": (
        {NOTES: with_test("docker")},
        {NOTES: with_test("dockers")},
        {"regression evaluation notes-server"},
    ),
    "a value that another package reads": (
        {
            LOGIN: (specimen.path() / LOGIN)
            .read_text()
            .replace("{", "{ notes-server, ", 1)
            .replace("pname =", "description = notes-server.meta.mainProgram;\n  pname =", 1)
        },
        {NOTES: ('mainProgram = "notes-server"', 'mainProgram = "notes"')},
        {"change meta notes-server", "change derivation registry-login"},
    ),
    "a version in JSON": (
        {ALL: ("  containerPackages =", f"{JSON}  containerPackages ="), SOURCES: TWO},
        {SOURCES: TWO.replace('"two": "1"', '"two": "2"')},
        {"change derivation partsPackages.two"},
    ),
    "JSON in another order": (
        {ALL: ("  containerPackages =", f"{JSON}  containerPackages ="), SOURCES: TWO},
        {SOURCES: '{\n  "two": "1",\n  "one": "1"\n}\n'},
        set(),
    ),
    "a package of a directory that is read": (
        {ALL: ("  containerPackages =", f"{DIRECTORY}  containerPackages ="), PART: FETCHED},
        {PART: FETCHED.replace('version = "1"', 'version = "2"')},
        {"change derivation partsPackages.one"},
    ),
    "a package of a table that another package shows": (
        {
            "pkgs/radio/one.nix": FETCHED,
            "pkgs/top-level/radio-packages.nix": "{ final }:\n{\n  one = final.callPackage ../radio/one.nix { };\n}\n",
            "pkgs/radio/default.nix": """{ stdenv, pkgs }: stdenv.mkDerivation {
  name = "radio";
  passthru.pkgs = import ../top-level/radio-packages.nix { final = pkgs; };
}
""",
            **among("  radio = callPackage ../radio { pkgs = final; };"),
            # Jobs that name all are not in the set.
            "pkgs/top-level/release-radio.nix": "import ./radio-packages.nix\n",
        },
        {"pkgs/radio/one.nix": FETCHED.replace('version = "1"', 'version = "2"')},
        {"change derivation radio.pkgs.one"},
    ),
    "a fixed output that differs by another": (
        {
            FETCH: PASSED,
            READING: TEXT.replace("notes-fetched", "notes-reading")
            .replace(TEXT[TEXT.index("let source") : TEXT.index("''")], "")
            .replace("{ stdenv }", "{ stdenv, notes-fetched }")
            .replace("${source}", "${notes-fetched.source}"),
        },
        {FETCH: PASSED.replace("1.tar", "2.tar")},
        {"regression fixed-output notes-fetched"},
    ),
    "a set that stands for a text": (
        among(PLACES),
        {ALL: ("kept = 1", "kept = 2")},
        {"change passthru place", "change passthru place.kept"},
    ),
    "an old version of a package set": (
        luas(),
        {LUAS: LUA.replace('"old"', '"older"')},
        {"change derivation lua51Packages.one"},
    ),
    "the new versions of a package set": (
        luas(),
        {LUAS: LUA.replace('"new"', '"newer"')},
        {f"change derivation lua{version}Packages.one" for version in ("", 52, 53)},
    ),
    "a file that moves where the package throws": (
        patched(FIRST),
        {**patched(MOVED), FIRST: None, FIRST.replace("default.nix", "one.patch"): None},
        set(),
    ),
}


@pytest.mark.parametrize("name", SECOND_STEPS)
def test_a_change_of_a_changed_tree_is_judged(name: str) -> None:
    first, then, found = SECOND_STEPS[name]
    judgement = second(first, then)
    assert serious(judgement) == found
    assert judgement.unknown == ()


def test_a_package_that_is_new_in_passthru_is_a_note() -> None:
    original = (specimen.path() / NOTES).read_text()
    # A name in a set of the let, which the package has from then on.
    text = original.replace('sourceRoot = "web"', 'sourceRoot = "we" + "b"')
    text = text.replace("updateScript =", "sourceRoot = web-ui;\n    updateScript =")
    judgement = judged({NOTES: text})
    assert [each.what for each in judgement.differences if each.kind is Kind.PASSTHRU] == ["sourceRoot is new"]
    assert serious(judgement) == set()


def test_a_set_that_has_a_package_for_its_meta_is_compared() -> None:
    assert {"place", "shown"} <= {*judged(among(PLACES)).reached[NATIVE]}


@pytest.mark.parametrize("key", ["riscv64-linux", '"riscv64-linux"'])
def test_a_system_that_is_not_judged_is_unknown(key: str) -> None:
    chosen = f"""echo notes${{ {{ {key} = "x"; }}.${{stdenv.hostPlatform.system}} or "" }}"""
    judgement = second({NOTES: ("echo notes", chosen)}, {NOTES: ('"x"', '"y"')})
    assert [gap.reason for gap in judgement.unknown] == ["what it does by riscv64-linux was not compared"]
