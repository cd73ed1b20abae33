import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.proposal.nixpkgs import BOARD, NOTES, SETS, Nixpkgs, run, statuses
from toolkit import specimen
from toolkit.errors import RefusalError, ToolkitError, UsageError
from toolkit.lift.plan import Design
from toolkit.model import Report, Silence, Status
from toolkit.nix import limits
from toolkit.proposal import claims, proposing, recipes
from toolkit.proposal.checking import check
from toolkit.proposal.proposing import propose
from toolkit.proposal.recipes import Rewrite
from toolkit.proposal.requests import CheckRequest

PROVEN = ("parse", "applies", "no-rebuild", "readers", "overlay")


def described(text: str, *, name: str) -> str:
    assert name.endswith("package.nix")
    return text.replace("Keeps notes", "Keeps your notes")


def renamed(text: str, *, name: str) -> str:
    return text.replace(
        'pname = "notes-server";', f'pname = "{Path(name).parent.name}-2";'
    )


def emptied(text: str, *, name: str) -> str:
    assert name.endswith("package.nix")
    return re.sub("# of .*\n", "", text)


def touched(text: str, *, name: str) -> str:
    return f"# {Path(name).name}\n{text}"


RECIPE = """
about = "describe whose notes they are"

[[steps]]
name = "describe"
rewrite = "described"
subject = "{package}: describe whose notes they are"
body = "The description says it now."
why = "The description does not say whose notes they are."
"""


@pytest.fixture(autouse=True)
def rewrites(monkeypatch: pytest.MonkeyPatch) -> None:
    for make in (described, renamed, emptied, touched):
        monkeypatch.setitem(recipes.REWRITES, make.__name__, Rewrite(make=make))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "notes.toml"
    path.write_text(RECIPE)
    return path


def passed(report: Report) -> set[str]:
    found = statuses(report)
    for program in ("format", "lint"):
        found.pop(program, None)
    assert set(found.values()) == {Status.PASSED}
    return set(found)


def test_a_recipe_of_the_user_has_a_name(tmp_path: Path) -> None:
    path = Path(os.environ["XDG_CONFIG_HOME"]) / "unlet/recipes/notes.toml"
    path.parent.mkdir(parents=True)
    path.write_text(RECIPE)
    report = run(tmp_path / "out", recipe="notes")
    assert passed(report) == {*PROVEN}
    (commit,) = report.proposal.commits
    assert commit.subject == "notes-server: describe whose notes they are"
    assert b"Keeps your notes" in commit.after
    text = (tmp_path / "out/pull-request.md").read_text()
    assert "The description does not say whose notes they are." in text
    assert "overrid" not in text.split("<details>")[0]


def test_a_recipe_by_its_path_is_for_any_package(tmp_path: Path, recipe: Path) -> None:
    report = run(tmp_path / "out", recipe=str(recipe))
    assert passed(report) == {*PROVEN}
    document = json.loads((tmp_path / "out/report.json").read_text())
    assert document["recipe"] == str(recipe)
    # What the report names is not read again, and the same is proven.
    recipe.unlink()
    again = check(
        CheckRequest(target="", directory=tmp_path / "out"), progress=Silence()
    )
    assert passed(again) == {*PROVEN}
    assert again.proposal.recipe == str(recipe)


def test_a_file_that_a_recipe_does_not_change_is_refused(
    tmp_path: Path, recipe: Path
) -> None:
    with pytest.raises(
        RefusalError, match="the recipe 'described' finds nothing to change"
    ):
        run(tmp_path / "out", "status-board", recipe=str(recipe))
    assert not (tmp_path / "out").exists()


def test_a_commit_that_rebuilds_is_not_proven_to_keep_the_derivation(
    tmp_path: Path, recipe: Path
) -> None:
    second = RECIPE.partition("[[steps]]")[2].replace("describe", "rename")
    recipe.write_text(f"{RECIPE}\n[[steps]]{second}rebuilds = true\n")
    report = run(tmp_path / "out", recipe=str(recipe))
    assert passed(report) == {"parse", "applies"}
    assert [patch.name[:4] for patch in report.proposal.patches] == ["0001", "0002"]
    again = check(
        CheckRequest(target="", directory=tmp_path / "out"), progress=Silence()
    )
    assert [commit.subject for commit in again.proposal.commits] == [
        commit.subject for commit in report.proposal.commits
    ]
    # Of a recipe that is named by a path no step may rebuild anything then.
    found = statuses(again)
    assert (found["applies"], found["no-rebuild"]) == (Status.PASSED, Status.FAILED)


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        (
            ("described", "os.system"),
            (
                "there is no rewrite 'os.system'; the rewrites are fetcher, final-attrs, "
                "final-package"
            ),
        ),
        (("[[steps]]", "steps = []\n[other]"), "object contains unknown field `other`"),
        (("[[steps]]", f"x = {'[' * 100_000}\n[[steps]]"), "is nested too deep"),
        (("[[steps]]", f"{'a.' * 3_000}b = 1\n[[steps]]"), "is nested too deep"),
    ],
)
def test_unknown_name_in_a_recipe_is_an_error(
    tmp_path: Path, recipe: Path, change: tuple[str, str], fact: str
) -> None:
    recipe.write_text(RECIPE.replace(*change))
    with pytest.raises(ToolkitError) as caught:
        run(tmp_path / "out", recipe=str(recipe))
    assert caught.value.message.startswith(f"{recipe}: {fact}")


@pytest.mark.parametrize(
    ("choices", "fact"),
    [
        (
            {"bindings": ("web-ui",)},
            "options of a lift do not apply to a recipe",
        ),
        (
            {"design": Design.STAY},
            "options of a lift do not apply to a recipe",
        ),
        (
            {"follow": frozenset(["src"])},
            "options of a lift do not apply to a recipe",
        ),
        (
            {"called": {"web-ui": "ui"}},
            "options of a lift do not apply to a recipe",
        ),
        ({"recipe": "none"}, "--recipe: there is no recipe 'none'"),
    ],
)
def test_option_that_excludes_a_recipe_is_refused(
    tmp_path: Path, recipe: Path, choices: dict[str, Any], fact: str
) -> None:
    with pytest.raises(UsageError, match=fact) as caught:
        run(tmp_path / "out", **{"recipe": str(recipe), **choices})
    assert ("the recipes are fetcher, final-attrs" in str(caught.value.hint)) is (
        "there is no recipe" in fact
    )


@pytest.mark.parametrize("code", ["${lib.name}", 'sha256 = "', "refs/tags/"])
def test_a_script_that_looks_for_what_a_recipe_changes_is_named_with_the_file(
    nixpkgs: Nixpkgs, recipe: Path, code: str
) -> None:
    nixpkgs.edit("buildInputs", f"# of {code}\n  buildInputs")
    nixpkgs.write(NOTES.with_name("update.sh"), f"sed 's/{code}/x/' package.nix\n")
    recipe.write_text(RECIPE.replace('"described"', '"emptied"'))
    with pytest.raises(
        RefusalError,
        match=rf"^{NOTES}: update.sh searches this file for '{re.escape(code)}'",
    ):
        nixpkgs.propose(recipe=str(recipe))


@pytest.mark.parametrize(
    ("name", "head", "is_generated"),
    [
        (
            "a.nix",
            "# This file has been generated by ./update.py. Do not edit!\n",
            True,
        ),
        ("a.nix", "/*\n  Auto-generated file\n*/\n", True),
        ("generated.nix", "", True),
        ("a.nix", "# Used by the generated client.\n", False),
        ("a.nix", "{ }:\n# This file is generated.\n", False),
    ],
)
def test_a_generated_file_is_refused(name: str, head: str, is_generated: bool) -> None:  # noqa: FBT001 - a case
    (step,) = recipes.named("fetcher").steps
    with pytest.raises(ToolkitError) as caught:
        recipes.rewritten(f"{head}{{ }}", step, name=name)
    assert (
        caught.value.message
        == f"{name}: is a generated file, as its name or first lines show"
    ) is is_generated


def test_a_recipe_is_its_own_for_a_target_that_has_a_proposal(
    nixpkgs: Nixpkgs, recipe: Path
) -> None:
    request = nixpkgs.request("docker", out=nixpkgs.out)
    assert [
        step.name for step in proposing.choose(request, progress=Silence()).steps
    ] == ["lift", "demote"]
    recipe.write_text(RECIPE.replace('"described"', '"touched"'))
    asked = replace(request, recipe=str(recipe))
    assert [
        step.name for step in proposing.choose(asked, progress=Silence()).steps
    ] == ["describe"]
    with pytest.raises(RefusalError, match="so an overlay cannot call it"):
        proposing.overlay(asked, progress=Silence())


def test_files_that_take_long_to_read_have_a_time_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recipes, "_SLOW_SECONDS", 0.0)
    fact = "no time is left for slow files; raise the limit with --timeout"
    with limits.allowing(1e-9, None), pytest.raises(ToolkitError, match=fact):
        list(recipes.trials("final-attrs", specimen.path(), []))


def test_a_recipe_is_tried_on_packages_or_on_all_without_being_written(
    nixpkgs: Nixpkgs, recipe: Path
) -> None:
    found = {
        each.package: each
        for each in recipes.trials(
            str(recipe), specimen.path(), ["notes-server", "none"]
        )
    }
    assert (found["notes-server"].added, found["notes-server"].removed) == (1, 1)
    assert str(found["notes-server"].file) == str(NOTES)
    assert found["none"].refused is not None
    # The name of a file that nothing calls may be that of another package.
    nixpkgs.write(Path("pkgs/tools/docker.nix"), nixpkgs.text(BOARD))
    board, other = recipes.trials("final-attrs", nixpkgs.root, [])
    assert (board.package, board.refused) == ("status-board", None)
    assert board.added == other.added > 0
    assert other.package == "pkgs/tools/docker.nix"


def test_every_shipped_recipe_can_be_read() -> None:
    assert "final-attrs" in recipes.known()
    for name in recipes.known():
        assert recipes.named(name, "hello").steps[0].subject.startswith("hello: ")


def test_final_attrs_lets_an_override_of_the_version_reach_the_source(
    tmp_path: Path,
) -> None:
    with pytest.raises(RefusalError):
        run(tmp_path / "out", recipe="final-attrs")
    report = run(tmp_path / "out", "status-board", recipe="final-attrs")
    # The rewrite brings its own claim.
    assert passed(report) == {*PROVEN, "source-follows"}
    (commit,) = report.proposal.commits
    assert commit.subject == "status-board: use finalAttrs instead of rec"
    assert commit.whole.endswith(
        "A new version\nalso needs another hash of src.\n\nNo rebuilds."
    )
    assert b"stdenv.mkDerivation (finalAttrs: {" in commit.after
    assert b'repo = "status-board";' in commit.after
    again = check(
        CheckRequest(target="", directory=tmp_path / "out"), progress=Silence()
    )
    assert passed(again) == {*PROVEN, "source-follows"}


def test_a_source_that_does_not_follow_fails_the_recipe(nixpkgs: Nixpkgs) -> None:
    nixpkgs.edit('tag = "v${version}";', 'tag = lib.head [ "v3.1" version ];', BOARD)
    (proof,) = nixpkgs.propose("status-board", recipe="final-attrs").failed
    assert (proof.name, proof.reason) == (
        "source-follows",
        "an override of version does not change src",
    )


def test_a_builder_that_takes_no_function_refuses_the_recipe(nixpkgs: Nixpkgs) -> None:
    nixpkgs.edit(
        "let\n", "let\n  plain = given: stdenv.mkDerivation (given // { });\n", BOARD
    )
    nixpkgs.edit("stdenv.mkDerivation rec {", "plain rec {", BOARD)
    with pytest.raises(
        RefusalError,
        match="the builder does not accept a function of the final attributes",
    ):
        nixpkgs.propose("status-board", recipe="final-attrs")


def test_more_than_ten_packages_at_once_are_refused_with_upstreams_word(
    nixpkgs: Nixpkgs,
) -> None:
    asked = [
        nixpkgs.request("status-board", out=nixpkgs.out, recipe="final-attrs")
    ] * 11
    with pytest.raises(
        UsageError,
        match=r"^--recipe: this would change 11 packages, but at most 10 are acceptable at once$",
    ) as caught:
        list(propose(asked, progress=Silence()))
    assert "552408" in (caught.value.hint or "")


@pytest.mark.parametrize("kind", ["own", "other"])
def test_the_tests_of_a_package_become_those_of_an_overridden_one(
    nixpkgs: Nixpkgs, kind: str
) -> None:
    test = (
        '  passthru = {\n    tests.version = stdenv.mkDerivation { name = "t"; '
        "src = notes-server; };\n"
    )
    nixpkgs.edit("  curl,\n}", "  curl,\n  notes-server,\n}")
    nixpkgs.edit("  passthru = {\n", test)
    if kind == "other":
        # The argument of the name is another package.
        given = (
            f"callPackageWith (final // {{ notes-server = final.curl; }}) "
            f"../../{NOTES} {{ }}"
        )
        nixpkgs.edit(
            "  docker = final",
            f"  notes-server = lib.{given};\n\n  docker = final",
            SETS,
        )
    report = nixpkgs.propose(recipe="final-package")
    (commit,) = report.proposal.commits
    assert b"src = finalAttrs.finalPackage;" in commit.after
    assert b"  curl,\n}" in commit.after
    proof = next(proof for proof in report.proofs if proof.name == "tests-follow")
    passes = (Status.PASSED, None)
    assert (proof.covers or "").startswith("notes-server.tests.version on ")
    assert (proof.status, proof.reason) == (
        passes
        if kind == "own"
        else (Status.FAILED, "tests.version has another value after the change")
    )


def test_a_file_whose_tests_are_elsewhere_says_nothing_of_them(
    nixpkgs: Nixpkgs,
) -> None:
    nixpkgs.edit("  passthru = {\n", "  passthru = {\n    inherit tests;\n")
    nixpkgs.edit("let\n", "let\n  tests.version = curl;\n\n")
    found = claims.tests_follow(nixpkgs.chosen())
    assert (found.covers, found.not_run) == (
        "nothing",
        "because the file contains no tests",
    )


def test_the_overlay_of_a_source_that_is_fetched_otherwise_is_that_of_the_change(
    nixpkgs: Nixpkgs,
) -> None:
    digest = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    fetcher = """fetchurl =
    { ... }@given:
    stdenv.mkDerivation {
      name = "font";
      outputHash = given.hash or given.sha256;
      old = given ? sha256;
    };
"""
    nixpkgs.write(NOTES, nixpkgs.text().replace("let\n", f"let\n  {fetcher}\n", 1))
    nixpkgs.edit(
        "buildInputs = [ ", f'buildInputs = [ (fetchurl {{ sha256 = "{digest}"; }}) '
    )
    report = nixpkgs.propose(recipe="fetcher")
    (commit,) = report.proposal.commits
    assert f'fetchurl {{ hash = "{digest}"; }}'.encode() in commit.after
    # The judge says what a different fetcher means; the overlay is that of the changed
    # nixpkgs.
    assert statuses(report)["overlay"] is Status.PASSED
