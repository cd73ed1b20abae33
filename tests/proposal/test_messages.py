"""What cannot be done is said whole: what, where, and what to do about it."""

from pathlib import Path

import pytest

from tests.proposal.nixpkgs import BOARD, Nixpkgs, run
from toolkit.errors import ToolkitError
from toolkit.model import Silence, SourceRequest
from toolkit.proposal import proposing
from toolkit.proposal.claims import CLAIMS
from toolkit.proposal.requests import Request

SPECIMEN = SourceRequest(nixpkgs="specimen")


def test_a_recipe_without_a_step(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('about = "x"\nsteps = []\n')
    with pytest.raises(ToolkitError) as caught:
        run(tmp_path / "out", recipe=str(path))
    assert (caught.value.message, caught.value.hint) == (f"{path}: has no steps", None)


def test_a_placeholder_of_an_author_is_said_with_the_line_that_mends_it(
    tmp_path: Path, nixpkgs: Nixpkgs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AUTHOR", "COMMITTER"):
        for what in ("NAME", "EMAIL"):
            monkeypatch.delenv(f"GIT_{name}_{what}", raising=False)
    monkeypatch.delenv("EMAIL", raising=False)
    report = nixpkgs.propose()
    (warning,) = report.warnings
    fact, _, lines = warning.partition("; ")
    assert fact == "series: its author is a placeholder, since git has none"
    assert lines == "git config --global user.name 'YOUR NAME', and user.email"
    sent_to_nobody = Request(target="notes-server", source=SPECIMEN)
    assert [
        *proposing.nameless(
            proposing.mailed(proposing.choose(sent_to_nobody, progress=Silence()))
        )
    ] == []


def test_a_script_that_looks_for_what_a_lift_changes(nixpkgs: Nixpkgs) -> None:
    nixpkgs.write(BOARD.with_name("update.sh"), "grep 'rec {' package.nix\n")
    with pytest.raises(ToolkitError) as caught:
        nixpkgs.propose("status-board", design="move")
    fact = "update.sh looks for 'rec {' in its text, which would no longer be there"
    assert (caught.value.message, caught.value.hint) == (f"{BOARD}: {fact}", None)


def test_each_claim_is_a_sentence() -> None:
    assert {claim.name: claim.sentence for claim in CLAIMS} == {
        "parse": "Nix parses the file before and after each commit",
        "format": "nixfmt would not change the result",
        "applies": "the diff and the series apply to a clean checkout",
        "lint": "the linters of nixpkgs' CI accept the result",
        "no-rebuild": "the derivations that the file makes stay the same",
        "overridable": "a replacement of each attribute arrives in the build",
        "follows": "overriding src or version reaches the parts that follow",
        "capture-safe": "no name in the file changes its meaning",
        "passthru": "passthru and its tests have the same values as before",
        "meta": "meta stays the same, in the same file",
        "overrides": "overrides take and return the same as before",
        "readers": "packages that read or override it stay the same",
        "source-follows": "an override of version changes src, which it did not before",
        "tests-follow": "an override of src changes the tests, which it did not before",
        "overlay": "the overlay gives the same derivation and overrides",
    }
