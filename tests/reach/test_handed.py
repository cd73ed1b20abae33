"""What people hand in beside an overlay: shells, sets with overlays, files for callPackage, and standard input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reach.conftest import statuses
from toolkit.errors import ToolkitError
from toolkit.reach.model import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolkit.reach.model import Reach

ONE = "(final: prev: { plain = prev.plain.override { withColour = true; }; })"
IMPORT = f"import <nixpkgs> {{ overlays = [ {ONE} ]; }}"
FETCHED = IMPORT.replace("<nixpkgs>", "(fetchTarball url)")


@pytest.mark.parametrize(
    "text",
    [
        f"{{ pkgs ? import <nixpkgs> {{ }} }}: pkgs.appendOverlays [ {ONE} ]",
        f"(import <nixpkgs> {{ }}).extend {ONE}",
        f"{{ pkgs }}: pkgs.extend {ONE}",
        IMPORT,
        f"let pkgs = {IMPORT}; in pkgs.mkShell {{ pname = ''shell''; version = ''1''; inputs = [ pkgs.plain ]; }}",
        f"{{ pkgs ? {IMPORT} }}: pkgs.mkShell {{ pname = ''shell''; version = ''1''; inputs = [ pkgs.plain ]; }}",
        f"with {IMPORT}; {{ shell = mkShell {{ pname = ''shell''; version = ''1''; }}; own = plain; }}",
        f"let url = ''https://github.com/NixOS/nixpkgs/archive/26.05.tar.gz''; in {{ inherit ({FETCHED}) plain; }}",
    ],
)
def test_overlays_are_found_where_nixpkgs_is_imported(reached: Callable[..., Reach], text: str) -> None:
    assert statuses(reached({"shell.nix": text})) == {"plain": "reaches"}


def test_a_shell_may_have_the_configuration_with_it(reached: Callable[..., Reach]) -> None:
    config = "{ packageOverrides = pkgs: { tool = pkgs.spare; }; }"
    text = f"with import <nixpkgs> {{ config = {config}; }}; mkShell {{ pname = ''shell''; version = ''1''; }}"
    assert statuses(reached({"shell.nix": text})) == {"tool": "reaches"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{ mkDerivation, tool }: mkDerivation { }", "is a file for callPackage: name the overlay that calls it"),
        ("(import <nixpkgs> { }).plain", "is a package, and no overlay"),
    ],
)
def test_a_file_that_is_no_overlay_is_named(reached: Callable[..., Reach], text: str, reason: str) -> None:
    (override,) = reached({"package.nix": text}).overrides
    assert (override.status, override.reason) == (Status.UNKNOWN, reason)


def test_only_what_no_overlay_sets_is_an_error(reached: Callable[..., Reach]) -> None:
    with pytest.raises(ToolkitError, match="plane: no overlay here sets it"):
        reached("plain = prev.tool;", only=("plain", "plane"))
    # What could not be read may have set it.
    assert reached({"overlay.nix": "final: prev: { plain = nowhere; }"}, only=("plain",)).overrides


def test_overrides_that_are_in_no_overlay_are_named(reached: Callable[..., Reach], tmp_path: Path) -> None:
    text = """{ pkgs, ... }: {
      nixpkgs = { config = { }; };
      programs.tool.package = pkgs.tool.overrideAttrs { a = 1; };
      environment.systemPackages = [ (pkgs.plain.override { withColour = true; }) ];
    }"""
    warnings = reached({"configuration.nix": text}).warnings
    assert f"{tmp_path}/configuration.nix: overrides outside of overlays were not looked at: line 3, 4" in warnings
