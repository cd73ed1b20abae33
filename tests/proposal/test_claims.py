from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from toolkit import specimen
from toolkit.lift.final_attrs import final_attrs
from toolkit.lift.rewriting import Lifted
from toolkit.model import Source, SourceRequest, Tier
from toolkit.proposal.asking import Asking
from toolkit.proposal.claims import CLAIMS, LiftCase, follows, source_follows
from toolkit.prove import Stage, Subject
from toolkit.prove.claims import linted
from toolkit.prove.judged import Judging
from toolkit.prove.lifted import Question
from toolkit.sources import changes
from toolkit.sources.trees import NixpkgsTree, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolkit.sources.changes import Change

BOARD = PurePosixPath("pkgs/by-name/st/status-board/package.nix")


def case(before: Path, after: Path, package: str, lifted: Lifted | None = None) -> LiftCase:
    lifted = lifted or Lifted(text="", doors={})
    question = Question(package=package, doors=lifted.doors, follows=lifted.follows)
    stages = tuple(Stage(name=name, content=b"", path=root) for name, root in (("before", before), ("after", after)))
    asking = Asking(trees=(before, after), own=question, systems=("x86_64-linux",))
    judging = Judging(change=change_of(before, after), systems=("x86_64-linux",))
    source = Source(origin="x", content=b"", directory=before)
    return LiftCase(source=source, target=BOARD, stages=stages, lifted=lifted, asking=asking, judging=judging)


def change_of(before: Path, after: Path) -> Change:
    tree = NixpkgsTree(root=before, key=fingerprint(before))
    return changes.of_file(tree, BOARD, (after / BOARD).read_bytes(), source=SourceRequest())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "nixpkgs"
    shutil.copytree(specimen.path(), root)
    return root


def changed(tree: Path, change: Callable[[str], str]) -> Path:
    other = tree.with_name("changed")
    shutil.copytree(tree, other)
    (other / BOARD).write_text(change((tree / BOARD).read_text()))
    return other


def test_a_source_that_follows_the_version_does_so_only_afterwards(tree: Path) -> None:
    after = changed(tree, lambda text: final_attrs(text, name="package.nix"))
    assert source_follows(case(tree, after, "status-board")).failures == ()
    unchanged = source_follows(case(tree, tree, "status-board")).failures
    assert unchanged == ("an override of version does not change src",)
    assert source_follows(case(after, after, "status-board")).failures == ("it did so before",)


def test_a_part_that_stays_the_same_does_not_follow(tree: Path) -> None:
    lifted = Lifted(text="", doors={"theme": ("theme",)}, follows={"theme": ("version",)})
    finding = follows(case(tree, tree, "status-board", lifted))
    assert finding.failures == ("theme: stays the same if version is another",)
    nothing = follows(case(tree, tree, "status-board"))
    assert (nothing.covers, nothing.not_run) == (
        "nothing",
        "because no part takes src or version from the package",
    )
    gone = replace(lifted, doors={"theme": ("passthru", "none")})
    assert follows(case(tree, tree, "status-board", gone)).failures == ("passthru.none: evaluates on no system",)


def linter(directory: Path, name: str, forbidden: str) -> None:
    directory.mkdir(exist_ok=True)
    program = directory / name
    program.write_text(f'#!/bin/sh\nfor file; do :; done\n! grep -n "{forbidden}" "$file"\n')
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("forbidden", "said"),
    [
        ("never written", ()),
        ("finalAttrs", ("keep-sorted: 34:stdenv.mkDerivation (finalAttrs: {",)),
        ("stdenv", ("because keep-sorted find something in the unchanged file",)),
    ],
)
def test_linters_on_path_read_the_result(
    tree: Path, monkeypatch: pytest.MonkeyPatch, forbidden: str, said: tuple[str, ...]
) -> None:
    programs = tree.with_name("bin")
    linter(programs, "keep-sorted", forbidden)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    after = changed(tree, lambda text: final_attrs(text, name="package.nix"))
    judged = case(tree, after, "status-board")
    stages = tuple(replace(stage, path=stage.path / BOARD) for stage in judged.stages)
    finding = linted(replace(judged, stages=stages))
    found = finding.failures or ((finding.not_run,) if finding.not_run else ())
    assert tuple(fact[: len(expected)] for fact, expected in zip(found, said, strict=True)) == said


def test_without_linters_nothing_is_claimed(tree: Path) -> None:
    finding = linted(case(tree, tree, "status-board"))
    assert finding.not_run == "because nixf-diagnose and the like are not on PATH"


def test_only_a_claim_of_recipes_is_about_no_sort_of_change() -> None:
    assert [claim.name for claim in CLAIMS if not claim.applies_to] == ["source-follows"]
    assert [claim.name for claim in CLAIMS if Subject.OVERLAY in claim.applies_to and claim.tier is Tier.TREE] == [
        *("no-rebuild", "overridable", "passthru", "meta", "overrides", "overlay")
    ]
