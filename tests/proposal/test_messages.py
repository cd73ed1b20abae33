"""What cannot be done is said whole: what, where, and what to do about it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proposal.test_propose import NOTES, run
from toolkit import specimen
from toolkit.errors import ToolkitError
from toolkit.model import Silence
from toolkit.proposal.checking import check
from toolkit.proposal.claims import CLAIMS
from toolkit.proposal.requests import CheckRequest
from toolkit.proposal.target import find_target


def refused(make: Callable[[], object], message: str, hint: str | None = None) -> None:
    with pytest.raises(ToolkitError) as caught:
        make()
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return shutil.copytree(specimen.path(), tmp_path / "nixpkgs")


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        (
            {"design": "none"},
            "--design: 'none' is not a design for notes-server",
            "it has stay, move",
        ),
        (
            {"design": "stay", "follow": ("src",)},
            "--follow: goes with --design move only",
            "a definition that stays sees no final attributes",
        ),
        (
            {"recipe": "none"},
            "--recipe: 'none' is unknown",
            "known recipes are fetcher, final-attrs, final-package; a path has a slash or ends in .toml",
        ),
    ],
)
def test_a_choice_that_a_package_does_not_have(
    tmp_path: Path, asked: dict[str, object], message: str, hint: str | None
) -> None:
    refused(lambda: run(tmp_path / "out", "notes-server", "specimen", **asked), message, hint)
    assert not (tmp_path / "out").exists()


def test_a_recipe_without_a_step(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('about = "x"\nsteps = []\n')
    refused(lambda: run(tmp_path / "out", "notes-server", recipe=str(path)), f"{path}: has no steps")


def test_a_proposal_without_a_depth_or_with_files_that_do_not_belong_together(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, "notes-server")

    def again(**asked: object) -> Callable[[], object]:
        return lambda: check(CheckRequest(target="", directory=out, **asked), progress=Silence())  # type: ignore[arg-type]

    (mail,) = (out / "series").iterdir()
    shutil.copy(mail, mail.with_name("0000-again.patch"))
    # What stands behind the commits is on request; what is missing is not.
    mail.unlink()
    (out / "series/0000-again.patch").unlink()
    refused(again(), f"{out / 'series'}: 0 commits instead of 1")
    document = json.loads((out / "report.json").read_text())
    (out / "report.json").write_text(json.dumps({**document, "commits": []}))
    refused(again(), f"{out / 'report.json'}: 0 commits instead of 1")
    path = "pkgs/applications/virtualization/docker/default.nix"
    (out / "report.json").write_text(json.dumps({**document, "target": "docker"}))
    refused(again(), f"{out / 'report.json'}: field 'file' is '{NOTES}' instead of '{path}'")


def test_a_mail_that_no_longer_applies(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, "notes-server")
    (mail,) = (out / "series").iterdir()
    mail.write_text(mail.read_text().replace("\n-  ", "\n-  not "))
    fact = f"does not apply: patch failed: {NOTES}:5"
    refused(lambda: check(CheckRequest(target="", directory=out), progress=Silence()), f"{mail}: {fact}")


def test_an_overlay_that_the_diff_was_not_made_for(tmp_path: Path, tree: Path) -> None:
    out = tmp_path / "out"
    run(out, "notes-server", str(tree))
    shutil.rmtree(tree)
    package = out / "overlay/notes-server/package.nix"
    package.write_text(f"{package.read_text()}# more\n")
    fact = "upstream.diff and overlay/ do not belong to the file of report.json"
    refused(lambda: check(CheckRequest(target="", directory=out), progress=Silence()), f"{out}: {fact}")


def test_a_name_that_may_mean_several_files_or_none(tree: Path) -> None:
    names = ("one.nix", "two.nix")
    text = (tree / NOTES).read_text()
    for name in names:
        (tree / NOTES).with_name(name).write_text(text.replace('version = "4.2.0"', "version = throw name"))
    (tree / NOTES).write_text("import ./one.nix\n")
    one, two = (NOTES.with_name(name) for name in names)
    refused(
        lambda: find_target(tree, "notes-server"),
        f"notes-server: several files bind packages: {one}, {two}",
        "name one of them instead",
    )


def test_a_file_that_no_package_comes_from(tree: Path) -> None:
    other = NOTES.with_name("other.nix")
    shutil.copy(tree / NOTES, tree / other)
    fact = f"no attribute path leads to a package that is written here; 'notes-server' is in {NOTES}"
    refused(lambda: find_target(tree, str(other)), f"{other}: {fact}", "name the package itself")


def test_a_package_for_another_system_is_to_be_asked_about_there(tmp_path: Path, tree: Path) -> None:
    text = (tree / NOTES).read_text()
    (tree / NOTES).write_text(text.replace("platforms = lib.platforms.all;", 'platforms = throw "no longer";'))
    systems = "x86_64-linux, aarch64-linux, aarch64-darwin"
    refused(
        lambda: run(tmp_path / "out", "notes-server", str(tree)),
        f"notes-server: does not evaluate, unchanged, on {systems}: no longer",
        "if the package is for another system, name that by --system",
    )


def test_a_placeholder_of_an_author_is_said_with_the_line_that_mends_it(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AUTHOR", "COMMITTER"):
        for what in ("NAME", "EMAIL"):
            monkeypatch.delenv(f"GIT_{name}_{what}", raising=False)
    monkeypatch.delenv("EMAIL", raising=False)
    report = run(tmp_path / "out", "notes-server", str(tree))
    (warning,) = report.warnings
    fact, _, lines = warning.partition("; ")
    assert fact == "series: its author is a placeholder, since git has none"
    assert lines == "git config --global user.name 'YOUR NAME', and user.email, or --author"
    assert run(tmp_path / "own", "notes-server", str(tree), author="A <a@b.example>").warnings == ()
    assert run(tmp_path / "specimen", "notes-server").warnings == ()


def test_a_script_that_looks_for_what_a_lift_changes(tmp_path: Path, tree: Path) -> None:
    board = "pkgs/by-name/st/status-board/package.nix"
    (tree / board).with_name("update.sh").write_text("grep 'rec {' package.nix\n")
    fact = "update.sh looks for 'rec {' in its text, which would no longer be there"
    refused(lambda: run(tmp_path / "out", "status-board", str(tree), design="move"), f"{board}: {fact}")


def test_each_claim_is_a_sentence() -> None:
    assert {claim.name: claim.sentence for claim in CLAIMS} == {
        "parse": "Nix parses the file before and after each commit",
        "format": "nixfmt has nothing to change in the result",
        "applies": "the diff and the series apply to a clean checkout",
        "lint": "the linters of nixpkgs' CI have nothing to say of the result",
        "no-rebuild": "the derivations that the file makes stay the same",
        "overridable": "a replacement of each attribute arrives in the build",
        "follows": "overriding src or version reaches the parts that follow",
        "capture-safe": "no name in the file changes its meaning",
        "passthru": "passthru, tests included, evaluates to the same as before",
        "meta": "meta stays the same, and is written in the same file",
        "overrides": "the override functions take and give the same as before",
        "readers": "all that reads or overrides it stays the same",
        "source-follows": "an override of version changes src, which it did not before",
        "tests-follow": "an override of version changes the tests, which it did not before",
        "overlay": "the overlay gives the same derivation and overrides",
    }
