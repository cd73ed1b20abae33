"""A second target with own rewrites: code, texts, and a table in targets.toml.

No command has a line for it.
"""

import json
import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.cli import fork
from tests.cli.conftest import ROOT, Unlet
from tests.clones import commit_all, git

FILES = Path(__file__).parent / "second"
TARGET = "pkgs/by-name/le/ledger/package.nix"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of unlet that ships the second target."""
    top = tmp_path_factory.mktemp("shipped")
    for name in ("toolkit", "patches", "overlays", "docs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, top / name, ignore=ignored)
    with (top / "patches/targets.toml").open("a") as table:
        table.write((FILES / "targets.toml").read_text())
    shutil.copy(FILES / "ledger.toml", top / "patches")
    return top


@pytest.fixture(scope="module")
def copies(shipped: Path) -> Generator[fork.Source]:
    variables = {"PYTHONPATH": f"{shipped}:{ROOT}", "LC_ALL": "C.UTF-8"}
    source = fork.Source({**variables, "PATH": os.environ["PATH"]})
    yield source
    source.close()


@pytest.fixture
def second(unlet: Unlet, copies: fork.Source, jane: str, sealed: Path) -> Unlet:
    """The command of that copy, for a contributor."""
    assert jane
    shutil.copyfile(sealed / ".gitconfig", Path(unlet.env["HOME"]) / ".gitconfig")
    return replace(unlet, forks=copies)


@pytest.fixture
def ledger_tree(tree: Path) -> Path:
    """A nixpkgs that has the target."""
    (tree / TARGET).parent.mkdir(parents=True)
    shutil.copy(FILES / "package.nix", tree / TARGET)
    return tree


def test_help_names_both_targets_and_their_options(second: Unlet) -> None:
    text = second("propose", "--help-all").stdout
    assert "TARGET is docker (the default), ledger, a package's attribute path" in text
    assert "For docker or ledger only:" in text
    assert "--rootlesskit [suffix|drop]" in text
    assert "--tests [all|offline]" in text
    assert "With ledger, you can override its statements." in " ".join(
        second("overlay", "--help").stdout.split()
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ledger --rootlesskit drop", "ledger and --rootlesskit exclude each other"),
        ("--tests all", "docker and --tests exclude each other"),
        (
            "ledger --only demote",
            "--only: ledger has no step 'demote'; use lift, check",
        ),
        ("ledger --binding statements", "--binding requires a TARGET other than"),
        ("ledger notes-server", "several TARGETs and ledger exclude each other"),
        (
            "notes-server --tests all",
            "a TARGET other than docker or ledger and --tests",
        ),
    ],
)
def test_option_of_another_target_is_refused(
    second: Unlet, line: str, message: str
) -> None:
    done = second("propose", *line.split(), "--nixpkgs", "specimen")
    assert done.returncode == 2
    assert message in done.stderr


def test_its_proposal_is_made_and_proven_and_proven_again(
    second: Unlet, ledger_tree: Path
) -> None:
    done = second("propose", "ledger", "--tests", "offline", "--nixpkgs", ledger_tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed   tested" in done.stdout
    contribute = "unlet pr ledger --repo DIR --design move --tests offline"
    assert f"to contribute      {contribute}" in done.stdout
    mails = sorted((second.cwd / "proposal/series").iterdir())
    assert ["ledger: let" in mails[0].read_text(), len(mails)] == [True, 2]
    assert "need no network" in (second.cwd / "proposal/pull-request.md").read_text()
    again = second("check", "proposal", "--nixpkgs", ledger_tree)
    assert again.returncode == 0, again.stderr
    assert "passed   tested" in again.stdout


def test_a_pull_request_makes_its_first_step_and_names_the_other(
    second: Unlet, ledger_tree: Path
) -> None:
    clone = commit_all(ledger_tree)
    done = second("pr", "ledger", "--repo", clone, "--base", "HEAD")
    assert done.returncode == 0, done.stdout + done.stderr
    assert git(clone, "log", "--format=%s", "-1", "ledger-statements") == (
        "ledger: let overrideAttrs replace statements"
    )
    assert "--only check creates a branch of its own" in done.stdout


def test_its_overlay_makes_the_part_overridable(
    second: Unlet, ledger_tree: Path
) -> None:
    done = second("overlay", "ledger", "--nixpkgs", ledger_tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "overridable" in done.stdout


def test_track_reads_its_file(second: Unlet, ledger_tree: Path) -> None:
    clone = commit_all(ledger_tree)
    done = second("track", "ledger", "--git-dir", clone, "--ref", "HEAD", "--json")
    (ref,) = json.loads(done.stdout)["refs"]
    assert (ref["path"], ref["state"]) == (TARGET, "not fixed")
