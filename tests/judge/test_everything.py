"""The whole set: parts as derivations, which together say what one evaluation says."""

import _thread
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.judge.test_specimen import ALL, BOARD, LIB, NATIVE, NOTES, change
from tests.progress import Steps
from toolkit import process, specimen
from toolkit.errors import ToolkitError
from toolkit.judge import JudgeRequest, everything, judge
from toolkit.judge.differences import Judgement, Kind, Weight
from toolkit.judge.everything import Engine, evaluate
from toolkit.judge.packages import ENDS, THROWS, Packages, differing
from toolkit.model import Silence
from toolkit.nix import evaluator
from toolkit.sources.trees import NixpkgsTree

PARTS = Engine(max_memory=75)
"""So little memory that each part has 25 attributes."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "cache"
    monkeypatch.setenv("UNLET_CACHE_DIR", str(place))
    return place


class Stopped(Steps):
    def step(self, what: str) -> None:
        super().step(what)
        if "part 2 of 3" in what:
            # It comes from the thread that reads what Nix prints.
            _thread.interrupt_main()


def parts(told: Steps) -> list[str]:
    return [step.partition(": ")[2] for step in told.steps if ": part " in step]


def tree(root: Path) -> NixpkgsTree:
    return NixpkgsTree(root=root, key=root.name)


@pytest.fixture
def spoiled(tmp_path: Path) -> Iterator[Callable[[Mapping[str, str]], NixpkgsTree]]:
    """Return a new copy of the specimen, with more packages in its set, by name."""

    def make(packages: Mapping[str, str]) -> NixpkgsTree:
        root = tmp_path / "spoiled"
        shutil.copytree(specimen.path(), root)
        # Nix's store has no part of it.
        (root / "new").write_bytes(os.urandom(8))
        place = root / ALL
        lines = "".join(f"  {name} = {value};\n" for name, value in packages.items())
        text = place.read_text()
        assert "  containerd = stub" in text
        place.write_text(text.replace("  containerd = stub", f"{lines}  containerd = stub", 1))
        return tree(root)

    yield make
    shutil.rmtree(tmp_path / "spoiled", ignore_errors=True)


def whole(place: NixpkgsTree, engine: Engine = Engine(), progress: Steps | None = None) -> Packages:  # noqa: B008 - frozen
    return evaluate(place, NATIVE, engine, what="here", progress=progress or Steps())


def plainly(root: Path, names: list[str]) -> dict[str, str]:
    """Return what a plain nix-instantiate says of attributes."""
    words = [word for name in names for word in ("-A", name)]
    options = ("--arg", "overlays", "[ ]", "--argstr", "system", NATIVE, "--option", "substituters", "")
    config = "{ allowUnfree = true; allowBroken = true; allowInsecurePredicate = _: true; allowAliases = false; }"
    done = process.run(["nix-instantiate", str(root), "--arg", "config", config, *options, *words])
    return dict(zip(names, done.text.splitlines(), strict=True))


def test_the_parts_joined_equal_the_whole_and_what_plain_nix_says(
    spoiled: Callable[[Mapping[str, str]], NixpkgsTree],
) -> None:
    place, told = spoiled({}), Steps()
    one = whole(place)
    joined = evaluate(
        place, NATIVE, PARTS, what="here", progress=told, paths=[*dict.fromkeys(p[:1] for p in one.answers)]
    )
    assert parts(told) == ["part 1 of 3", "part 2 of 3", "part 3 of 3"]
    assert joined == one
    assert len(one.derivations) > 40
    assert plainly(place.root, [*one.derivations]) == one.derivations


@pytest.mark.parametrize("words", ["--builders local?root={} {} - 2; --max-jobs 0", "--store local?root={}"])
def test_parts_are_evaluated_in_another_store(
    tmp_path: Path, words: str, spoiled: Callable[[Mapping[str, str]], NixpkgsTree]
) -> None:
    (here,) = [
        json.loads(process.run(["nix-instantiate", "--eval", "--json", "--expr", "builtins.currentSystem"]).text)
    ]
    second = tmp_path / "second"
    builders, _, rest = words.format(second, here).partition("; ")
    option, _, value = builders.partition(" ")
    place = spoiled({})
    paths = [("docker",), ("status-board",)]
    engine = Engine(max_memory=300, options=(option, value, *rest.split()))
    there = evaluate(place, NATIVE, engine, what="there", progress=Steps(), paths=paths)
    assert [path.name[33:] for path in (second / "nix/store").glob("*-evaluation")] == ["evaluation"]
    here_ = evaluate(place, NATIVE, Engine(max_memory=300), what="here", progress=Steps(), paths=paths)
    assert there == here_
    assert there.derivations.keys() == {"docker", "status-board"}
    for path in second.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)


def test_what_is_done_when_one_interrupts_is_not_done_again(
    spoiled: Callable[[Mapping[str, str]], NixpkgsTree],
) -> None:
    place = spoiled({"once": "final.sqlite"})
    with pytest.raises(KeyboardInterrupt):
        whole(place, PARTS, Stopped())
    told = Steps()
    found = whole(place, PARTS, told)
    assert "once" in found.derivations
    assert len(parts(told)) < 3


def test_it_is_kept_for_the_same_tree_alone(cache: Path, spoiled: Callable[[Mapping[str, str]], NixpkgsTree]) -> None:
    first = whole(tree(specimen.path()))
    told = Steps()
    assert whole(tree(specimen.path()), progress=told) == first
    assert told.steps == ["here: all packages were evaluated in an earlier run"]
    assert "more" in whole(spoiled({"more": "final.sqlite"})).derivations
    for document in (cache / everything.KIND).glob("*/packages.json"):
        document.write_bytes(document.read_bytes()[:-9])
    told = Steps()
    assert whole(tree(specimen.path()), progress=told) == first
    assert told.steps != ["here: all packages were evaluated in an earlier run"]


def test_what_ends_an_evaluation_costs_no_other_attribute(spoiled: Callable[[Mapping[str, str]], NixpkgsTree]) -> None:
    place = spoiled({"ends": 'abort "no"', "throws": 'throw "no"', "worse": "(with { }; nothing)"})
    found = whole(place)
    assert {name: found.answers[name,] for name in ("ends", "throws", "worse")} == {
        "ends": ENDS,
        "throws": THROWS,
        "worse": ENDS,
    }
    rest = {path: answer for path, answer in found.answers.items() if path[0] not in {"ends", "throws", "worse"}}
    assert rest == whole(tree(specimen.path())).answers


def test_what_needs_more_than_it_may_have_is_partial_and_not_kept(
    cache: Path, spoiled: Callable[[Mapping[str, str]], NixpkgsTree]
) -> None:
    hog = "builtins.deepSeq (builtins.genList (n: [ n (n + 1) (toString n) ]) 3000000) final.sqlite"
    found = whole(spoiled({"hog": hog}), PARTS)
    assert found.partial == ("hog: out of memory",)
    assert found.derivations.keys() == whole(tree(specimen.path()), PARTS).derivations.keys()
    assert len([*(cache / everything.KIND).glob("*")]) == 1


def test_what_does_not_end_is_partial(spoiled: Callable[[Mapping[str, str]], NixpkgsTree]) -> None:
    loop = "let twice = n: if n == 0 then 0 else twice (n - 1) + twice (n - 1); in builtins.seq (twice 60) final.sqlite"
    found = whole(spoiled({"loops": loop}), Engine(timeout=3))
    assert found.partial == ("loops: it takes longer than a part may, or more memory than there is",)
    assert "sqlite" in found.derivations


def test_a_stranger_reaches_nothing_and_forges_nothing(
    tmp_path: Path, spoiled: Callable[[Mapping[str, str]], NixpkgsTree]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    forged = (
        "".join(f'builtins.trace "{text}[[\\"runc\\"],\\"throws\\"]" (' for text in ("@", "trace: @"))
        + "final.sqlite))"
    )
    found = whole(
        spoiled(
            {
                "reads": f'builtins.seq (builtins.readFile "{secret}") final.sqlite',
                "lists": 'builtins.seq (builtins.readDir "/proc") final.sqlite',
                "fetches": 'builtins.seq (builtins.fetchurl "http://127.0.0.1:1/x") final.sqlite',
                "knows": 'if builtins.getEnv "out" == "" then final.sqlite else throw "it knows"',
                "builds": 'import (derivation { name = "x"; system = "x86_64-linux"; builder = "/bin/sh"; })',
                "forges": forged,
            }
        )
    )
    assert {name for name in ("reads", "lists", "fetches", "builds") if found.answers[name,] == ENDS} == {
        "reads",
        "lists",
        "fetches",
        "builds",
    }
    assert {"knows", "forges", "runc", "tini"} <= found.derivations.keys()


def test_set_that_does_not_evaluate_is_one_line(spoiled: Callable[[Mapping[str, str]], NixpkgsTree]) -> None:
    place = spoiled({})
    (place.root / "default.nix").write_text('abort "never"\n')
    with pytest.raises(ToolkitError, match=r"^here: the package set has no names: .*never"):
        whole(place)


def all_of(*steps: Mapping[str, tuple[str, str] | str | None], engine: Engine | None = Engine()) -> Judgement:  # noqa: B008
    request = JudgeRequest(systems=(NATIVE,), engine=engine)
    return judge(change(*steps), request, progress=Silence())


def test_a_change_that_reaches_everything_is_judged() -> None:
    edits = {LIB: ("    # lists\n", "    unlet = 1;\n")}
    assert all_of(edits, engine=None).unknown
    found = all_of(edits)
    assert (found.unknown, found.everything, found.of(Weight.REGRESSION)) == ((), (NATIVE,), ())
    assert found.asked > 40
    broken = all_of({LIB: ("wanted then many else [ ]", "wanted then [ ] else many")})
    assert len({each.attribute for each in broken.differences}) > 1


def test_every_attribute_that_differs_is_named_with_what_differs() -> None:
    found = all_of({BOARD: ('version = "3.1"', 'version = "3.2"')})
    assert {(each.attribute, each.kind) for each in found.differences if each.weight is Weight.CHANGE} >= {
        ("status-board", Kind.DERIVATION)
    }
    assert found.everything == (NATIVE,)
    assert all_of({NOTES: ("let\n", "# Which one it is.\nlet\n")}).of(Weight.CHANGE) == ()


def test_more_than_can_be_looked_at_is_named_by_its_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.judge.extent.MOST_DEEP", 0)
    edits = {ALL: ("  containerd = stub", "  added = final.sqlite;\n  containerd = stub"), BOARD: _meta()}
    found = all_of(edits)
    named = {(each.attribute, each.kind, each.weight) for each in found.differences}
    assert ("added", Kind.ADDED, Weight.CHANGE) in named
    assert ("status-board", Kind.META, Weight.CHANGE) in named


def _meta() -> tuple[str, str]:
    return ("meta = {", 'meta = {\n    changelog = "x";')


def test_the_same_answers_differ_in_nothing() -> None:
    one = Packages(answers={("a",): {"derivation": "1", "meta": "2"}, ("b",): THROWS})
    assert differing(one, one) == []
    other = Packages(answers={("a",): {"derivation": "1", "meta": "3"}, ("b",): THROWS, ("c",): THROWS})
    assert differing(one, other) == [("c",), ("a",)]


def test_a_program_of_the_store_is_taken_as_it_is() -> None:
    content = evaluator.content(evaluator.tools().shell)
    assert content[:4] == b"\x7fELF"
