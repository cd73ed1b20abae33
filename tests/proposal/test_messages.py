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
    assert (caught.value.message, caught.value.hint) == (
        f"{path}: contains no steps",
        None,
    )


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
    assert fact == "series: the author is a placeholder, because git knows no name"
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
    fact = "update.sh searches this file for 'rec {', which the change would remove"
    assert (caught.value.message, caught.value.hint) == (f"{BOARD}: {fact}", None)


def test_each_claim_is_a_sentence() -> None:
    assert {claim.name: claim.sentence for claim in CLAIMS} == {
        "parse": "Nix can parse the file before and after each commit",
        "format": "nixfmt would not change the result",
        "applies": "the diff and the commits apply to a clean checkout",
        "lint": "the linters of nixpkgs' CI accept the result",
        "no-rebuild": "the derivations from the changed file stay the same",
        "overridable": "a replacement of each part arrives in the build",
        "follows": "an override of src or version reaches the parts that use them",
        "capture-safe": "every name in the file keeps its meaning",
        "passthru": "passthru and its tests keep their values",
        "meta": "meta stays the same, in the same file",
        "overrides": "override takes and returns the same as before",
        "readers": "packages that use or override this one stay the same",
        "source-follows": "an override of version now changes src",
        "tests-follow": "an override of src now changes the tests",
        "overlay": "the overlay gives the same derivation and the same overrides",
    }
