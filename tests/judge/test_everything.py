"""The whole set: what is said of it together is what plain Nix says of each attribute."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.judge.test_specimen import ALL, BOARD, LIB, NATIVE, NOTES, change, in_copy
from tests.progress import Steps
from toolkit import process, specimen
from toolkit.asking.packages import (
    ENDS,
    MISSING,
    PACKAGE,
    THROWS,
    Answer,
    Question,
    QuestionScope,
    ask,
)
from toolkit.judge import JudgeRequest, judge
from toolkit.judge.differences import Judgement, Kind, Weight
from toolkit.model import Progress, Silence
from toolkit.nix import limits
from toolkit.report.sentences import sentence


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLET_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def spoiled(tmp_path: Path) -> Iterator[Callable[[Mapping[str, str]], Path]]:
    """Return a new copy of the specimen, with more packages in its set, by name."""

    def make(packages: Mapping[str, str]) -> Path:
        root = tmp_path / "spoiled"
        shutil.copytree(specimen.path(), root)
        place = root / ALL
        lines = "".join(f"  {name} = {value};\n" for name, value in packages.items())
        text = place.read_text()
        assert "  containerd = stub" in text
        place.write_text(
            text.replace("  containerd = stub", f"{lines}  containerd = stub", 1)
        )
        return root

    yield make
    shutil.rmtree(tmp_path / "spoiled", ignore_errors=True)


def whole(root: Path, names: list[str]) -> dict[str, Answer]:
    answers = ask(
        QuestionScope(root=root, system=NATIVE, hashed=True),
        [Question(path=(name,)) for name in names],
    )
    return dict(zip(names, answers, strict=True))


def plainly(root: Path, names: list[str]) -> dict[str, str]:
    """Return what a plain nix-instantiate says of attributes."""
    words = [word for name in names for word in ("-A", name)]
    options = (
        "--arg",
        "overlays",
        "[ ]",
        "--argstr",
        "system",
        NATIVE,
        "--option",
        "substituters",
        "",
    )
    config = (
        "{ allowUnfree = true; allowBroken = true; allowInsecurePredicate = _: "
        "true; allowAliases = false; }"
    )
    done = process.run(
        ["nix-instantiate", str(root), "--arg", "config", config, *options, *words]
    )
    return dict(zip(names, done.text.splitlines(), strict=True))


def all_of(
    *steps: Mapping[str, tuple[str, str] | str | None],
    of_all: bool = True,
    told: Progress = Silence(),  # noqa: B008
) -> Judgement:
    request = JudgeRequest(systems=(NATIVE,), everything=(NATIVE,) if of_all else ())
    return judge(change(*steps), request, progress=told)


def test_what_is_said_of_all_is_what_plain_nix_says_of_each() -> None:
    (names,) = ask(
        QuestionScope(root=specimen.path(), system=NATIVE),
        [Question(path=(), parts=("names",))],
    )
    found = whole(specimen.path(), names.parts["names"])
    drvs = {
        name: each.parts["derivation"]["drv"]
        for name, each in found.items()
        if each.kind == PACKAGE
    }
    assert len(drvs) > 30
    assert plainly(specimen.path(), [*drvs]) == drvs
    assert found["docker-edge"].kind == MISSING
    # Of a set that Nix does not descend into nothing is said.
    assert found["containerPackages"].parts["names"]
    assert found["lib"].parts["names"] == []
    assert {*found["docker"].parts} == {
        "arguments",
        "derivation",
        "kinds",
        "meta",
        "passthru",
        "position",
    }


def test_what_ends_an_evaluation_costs_no_other_attribute_and_forges_nothing(
    tmp_path: Path, spoiled: Callable[[Mapping[str, str]], Path]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    bad = {
        "ends": 'abort "no"',
        "worse": "(with { }; nothing)",
        "reads": f'builtins.seq (builtins.readFile "{secret}") final.sqlite',
        "lists": 'builtins.seq (builtins.readDir "/proc") final.sqlite',
        "fetches": 'builtins.seq (builtins.fetchurl "http://127.0.0.1:1/x") final.sqlite',
        "builds": 'import (derivation { name = "x"; system = "x86_64-linux"; builder = "/bin/sh"; })',
    }
    forged = 'builtins.trace "unlet: answer 1 {\\"kind\\": \\"throws\\"}" final.sqlite'
    fails = 'final.stdenv.mkDerivation { name = throw "no"; version = "1"; }'
    half = (
        "final.sqlite // { passthru.ends = with { }; nothing; ends = with { }; "
        "nothing; }"
    )
    root = spoiled(
        {**bad, "throws": 'throw "no"', "forges": forged, "half": half, "fails": fails}
    )
    found = whole(root, [*bad, "throws", "forges", "half", "fails", "runc"])
    assert {name for name, each in found.items() if each.kind == ENDS} == bad.keys()
    assert found["throws"].kind == THROWS
    assert found["fails"].parts["derivation"]["attributes"].keys() == {"attributes"}
    assert found["forges"].kind == found["runc"].kind == PACKAGE
    assert {"passthru"} == found["forges"].parts.keys() - found["half"].parts.keys()


@pytest.mark.clock
@pytest.mark.parametrize(
    ("package", "seconds", "mebibytes", "limit"),
    [
        (
            (
                "builtins.deepSeq (builtins.genList (n: [ n (n + 1) (toString n) ]) "
                "3000000) final.sqlite"
            ),
            None,
            75,
            "memory",
        ),
        (
            (
                "let f = n: if n == 0 then 0 else f (n - 1) + f (n - 1); in builtins.seq "
                "(f 60) final.sqlite"
            ),
            3,
            None,
            "3 s",
        ),
    ],
    ids=["0", "1"],
)
def test_what_needs_more_than_it_may_have_is_limited(
    package: str,
    seconds: float | None,
    mebibytes: int | None,
    limit: str,
    spoiled: Callable[[Mapping[str, str]], Path],
) -> None:
    with limits.allowing(seconds, mebibytes):
        found = whole(spoiled({"hog": package}), ["curl", "hog", "runc"])
    assert [each.kind for each in found.values()] == [PACKAGE, ENDS, PACKAGE]
    assert limit in found["hog"].limits[PACKAGE]


def test_a_change_that_reaches_everything_is_judged_and_kept() -> None:
    edits = {LIB: ("    # lists\n", "    unlet = 1;\n")}
    assert all_of(edits, of_all=False).unknown
    found = all_of(edits)
    assert (found.unknown, found.everything, found.weighing(Weight.REGRESSION)) == (
        (),
        (NATIVE,),
        (),
    )
    assert found.asked > 40
    told = Steps()
    assert replace(all_of(edits, told=told), seconds=0.0) == replace(found, seconds=0.0)
    assert not any(step.startswith("comparing") for step in told.steps)
    broken = all_of({LIB: ("wanted then many else [ ]", "wanted then [ ] else many")})
    assert len({each.attribute for each in broken.differences}) > 1


def test_what_differs_is_named_in_full_or_by_its_hashes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    edits = {
        ALL: (
            "  containerd = stub",
            "  added = final.sqlite;\n  gone-viewer = 1;\n  containerd = stub",
        ),
        BOARD: ("meta = {", 'meta = {\n    changelog = "x";'),
        NOTES: ('sourceRoot = "web"', 'sourceRoot = "wide"'),
    }

    def told() -> set[tuple[str, Kind, Weight, str]]:
        return {
            (each.attribute, each.kind, each.weight, sentence(each))
            for each in all_of(edits).differences
        }

    full = told()
    assert ("status-board", Kind.META, Weight.CHANGE, "meta.changelog is new") in full
    assert (
        "notes-server",
        Kind.DERIVATION,
        Weight.CHANGE,
        "is built differently",
    ) in full
    # Those come first that are no package on one side.
    monkeypatch.setattr("toolkit.judge.everything.MOST_DEEP", 2)
    monkeypatch.setattr("toolkit.judge.made.MOST", 0)
    brief = told()
    assert ("added", Kind.ADDED, Weight.CHANGE, "is new") in brief
    assert ("status-board", Kind.META, Weight.CHANGE, "its meta differ") in brief
    assert (
        "notes-server",
        Kind.DERIVATION,
        Weight.CHANGE,
        "is built differently",
    ) in brief


def test_what_does_not_evaluate_before_as_after_is_counted_and_a_set_that_does_not_is_unknown(
    tmp_path: Path,
) -> None:
    bad = '  bad = abort "no";\n  half = final.sqlite // { ends = with { }; nothing; };\n  containerd = stub'
    table, board = ((specimen.path() / path).read_text() for path in (ALL, BOARD))
    table = table.replace("  containerd = stub", bad, 1)
    theirs = in_copy(
        tmp_path / "tree",
        {
            ALL: (table, table),
            BOARD: (board, board.replace("meta = {", 'meta = {\n    changelog = "x";')),
        },
    )
    request = JudgeRequest(systems=(NATIVE,), everything=(NATIVE,))
    gaps = {
        (gap.what, gap.reason)
        for gap in judge(theirs, request, progress=Silence()).not_covered
    }
    assert ("bad on x86_64-linux", "does not evaluate, both before and after") in gaps
    assert (
        "half on x86_64-linux",
        "Nix cannot show its passthru, both before and after",
    ) in gaps
    broken = judge(
        in_copy(
            tmp_path / "broken/tree", {"default.nix": ("_: { }.a\n", "_: { }.b\n")}
        ),
        request,
        progress=Silence(),
    )
    assert (NATIVE, "Nix cannot evaluate the package set") in {
        (gap.what, gap.reason) for gap in broken.unknown
    }


def test_what_needs_more_than_it_may_have_is_unknown(tmp_path: Path) -> None:
    hog = (
        "  hog = builtins.deepSeq (builtins.genList (n: [ n (toString n) ]) "
        "3000000) final.sqlite;\n  containerd = stub"
    )
    table = (specimen.path() / ALL).read_text().replace("  containerd = stub", hog, 1)
    theirs = in_copy(
        tmp_path / "tree",
        {
            ALL: (table, table),
            "README.md": ("1\n", "2\n"),
            BOARD: ("{ }: 1\n", "_: 2\n"),
        },
    )
    with limits.allowing(None, 75):
        judgement = judge(
            theirs,
            JudgeRequest(systems=(NATIVE,), everything=(NATIVE,)),
            progress=Silence(),
        )
    assert [gap.reason for gap in judgement.unknown if gap.what == NATIVE] == [
        "hog: out of memory; raise the limit with --max-memory"
    ]
    assert not any("hog" in gap.what for gap in judgement.not_covered)
