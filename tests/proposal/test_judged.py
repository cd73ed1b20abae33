"""Faults of a lift that the judge shows and no derivation does, each in a package."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proposal.test_claims import case
from toolkit import specimen
from toolkit.proposal.choosing import LiftCase
from toolkit.proposal.claims import CLAIMS
from toolkit.proposal.prove import Finding

BOARD = "pkgs/by-name/st/status-board/package.nix"
READER = "pkgs/by-name/bo/board-reader/package.nix"
PYTHON = """{ stdenv }:
let
  build = args: stdenv.mkDerivation (
    args // { passthru.overridePythonAttrs = f: build (args // f args); });
in
"""
ARGUMENTS = '{ pname = "status-board"; version = "1"; %s }'


def spoiled(
    tmp_path: Path, before: str | None, after: Callable[[str], str], *, reader: str = ""
) -> LiftCase:
    """Return the case of a package that is `before`, and of one that reads it."""
    trees = [
        shutil.copytree(specimen.path(), tmp_path / name)
        for name in ("before", "after")
    ]
    text = before or (trees[0] / BOARD).read_text()
    for tree, content in zip(trees, (text, after(text)), strict=True):
        (tree / BOARD).write_text(content)
        if reader:
            (tree / READER).parent.mkdir(parents=True)
            (tree / READER).write_text(reader)
    assert (trees[0] / BOARD).read_text() != (trees[1] / BOARD).read_text()
    return case(trees[0], trees[1], "status-board")


def shown(text: str) -> str:
    return text.replace("  meta = {", "  passthru.board-theme = theme;\n\n  meta = {")


def found(case: LiftCase) -> dict[str, Finding]:
    names = ("no-rebuild", "passthru", "meta", "overrides", "readers")
    return {claim.name: claim.check(case) for claim in CLAIMS if claim.name in names}


def failing(findings: dict[str, Finding]) -> dict[str, tuple[str, ...]]:
    return {
        name: finding.failures for name, finding in findings.items() if finding.failures
    }


@pytest.mark.parametrize(
    "path",
    [
        "pkgs.status-board.passthru",
        "(pkgs.extend (_: _: { })).status-board.passthru",
        "status-board.passthru",
    ],
)
def test_whatever_reads_it_by_any_path_of_names_is_compared(
    tmp_path: Path, path: str
) -> None:
    argument = "status-board" if path.startswith("status-board") else "pkgs"
    reader = (
        f"{{ stdenv, {argument} }}:\nstdenv.mkDerivation {{\n  pname = "
        '"board-reader";\n  version = "1";\n'
        f"  shows = builtins.toJSON ({path} ? board-theme);\n}}\n"
    )
    findings = found(spoiled(tmp_path, None, shown, reader=reader))
    assert [*failing(findings)] == ["readers"]
    assert (
        findings["readers"].failures[0].startswith("board-reader: is built differently")
    )
    assert findings["readers"].covers == "board-reader on x86_64-linux"
    assert findings["no-rebuild"].covers == "status-board on x86_64-linux"


def test_a_package_that_nothing_reads_has_no_readers_to_compare(tmp_path: Path) -> None:
    findings = found(spoiled(tmp_path, None, shown))
    assert failing(findings) == {}
    assert findings["readers"].covers == "no package in pkgs uses or overrides it"
    assert any("board-theme is new" in line for line in findings["passthru"].evidence)


def test_an_override_function_of_the_builder_that_drops_a_part_is_named(
    tmp_path: Path,
) -> None:
    before = PYTHON + "build " + ARGUMENTS % 'part = "x";' + "\n"
    layer = (
        PYTHON + "(build " + ARGUMENTS % "" + ').overrideAttrs (_: { part = "x"; })\n'
    )
    findings = found(spoiled(tmp_path, before, lambda _: layer))
    assert [*failing(findings)] == ["overrides"]
    first = findings["overrides"].failures[0]
    assert first.startswith(
        "status-board: overridePythonAttrs with nothing changed gives something else: "
        "/nix/store/"
    )


def test_a_package_that_holds_the_path_of_its_tree_stays_the_same(
    tmp_path: Path,
) -> None:
    """Both trees stand at one path while they are asked."""
    text = (specimen.path() / BOARD).read_text()
    before = text.replace("  meta = {", "  passthru.here = toString ./.;\n\n  meta = {")
    before = before.replace(
        "  nativeBuildInputs =", "  place = toString ./.;\n\n  nativeBuildInputs ="
    )
    same = spoiled(
        tmp_path, before, lambda text: text.replace("# The programs", "# All programs")
    )
    assert failing(found(same)) == {}
    answer = same.asking.answer("x86_64-linux")
    assert answer.before != answer.after
    changed = spoiled(
        tmp_path / "more",
        before,
        lambda text: text.replace("place = toString ./.", "place = toString ../."),
    )
    assert [*failing(found(changed))] == ["no-rebuild"]


def test_a_part_that_nix_cannot_be_asked_for_is_not_claimed(tmp_path: Path) -> None:
    """An error in passthru that Nix cannot catch: the rest is compared."""
    text = (specimen.path() / BOARD).read_text()
    before = text.replace(
        "  meta = {", '  passthru.broken = builtins.getAttr "none" { };\n\n  meta = {'
    )
    findings = found(
        spoiled(
            tmp_path,
            before,
            lambda text: text.replace('version = "2"', 'version = "3"'),
        )
    )
    assert [*failing(findings)] == ["no-rebuild"]
    assert (findings["passthru"].not_run or "").startswith(
        "because status-board on x86_64-linux: its "
    )
    assert findings["meta"].not_run is None
    assert findings["meta"].covers == "status-board on x86_64-linux"
