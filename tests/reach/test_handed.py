"""What people hand in beside an overlay: shells, sets with overlays, files for callPackage, and standard input."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reach.conftest import SYSTEM, statuses
from toolkit.errors import ToolkitError
from toolkit.reach.effects import Outcome, Reach

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
        (
            f"let pkgs = {IMPORT}; in pkgs.mkShell {{ pname = ''shell''; version = ''1''; "
            f"inputs = [ pkgs.plain ]; }}"
        ),
        (
            f"{{ pkgs ? {IMPORT} }}: pkgs.mkShell {{ pname = ''shell''; version = ''1''; "
            f"inputs = [ pkgs.plain ]; }}"
        ),
        (
            f"with {IMPORT}; {{ shell = mkShell {{ pname = ''shell''; version = ''1''; "
            f"}}; own = plain; }}"
        ),
        (
            f"let url = ''https://github.com/NixOS/nixpkgs/archive/26.05.tar.gz''; in {{ "
            f"inherit ({FETCHED}) plain; }}"
        ),
    ],
)
def test_overlays_are_found_where_nixpkgs_is_imported(
    reached: Callable[..., Reach], text: str
) -> None:
    assert statuses(reached({"shell.nix": text})) == {"plain": "reaches"}


def test_a_shell_may_have_the_configuration_with_it(
    reached: Callable[..., Reach],
) -> None:
    config = "{ packageOverrides = pkgs: { tool = pkgs.spare; }; }"
    text = (
        f"with import <nixpkgs> {{ config = {config}; }}; mkShell {{ pname = "
        f"''shell''; version = ''1''; }}"
    )
    assert statuses(reached({"shell.nix": text})) == {"tool": "reaches"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "{ mkDerivation, tool }: mkDerivation { }",
            "is a file for callPackage: name the overlay that calls it",
        ),
        (
            "(import <nixpkgs> { }).plain",
            "is a package, not an overlay: name the file that overrides it",
        ),
        (
            "''text''",
            (
                "is of the type string, not an overlay: name a file that begins with "
                "'final: prev:', a configuration, a flake or a shell"
            ),
        ),
    ],
)
def test_a_file_that_is_no_overlay_is_named(
    reached: Callable[..., Reach], text: str, reason: str
) -> None:
    (override,) = reached({"package.nix": text}).overrides
    assert (override.status, override.reason) == (Outcome.UNKNOWN, reason)


OWN = "override { withColour = true; }"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{{ pkgs, ... }}:\npkgs.plain.{OWN}", {"plain": "reaches"}),
        (
            (
                "{ pkgs ? import <nixpkgs> { } }: pkgs.plain.overrideAttrs { version = "
                "''2''; }"
            ),
            {"plain": "in part"},
        ),
        (f"with import <nixpkgs> {{ }}; plain.{OWN}", {"plain": "reaches"}),
        (f"{{ plain }}: plain.{OWN}", {"plain": "reaches"}),
        (
            f"{{ pkgs }}: {{ own = pkgs.plain.{OWN}; other = pkgs.tool; }}",
            {"own": "reaches"},
        ),
        (
            (
                f"{{ pkgs }}: pkgs.mkShell {{ packages = [ (pkgs.plain.{OWN}) pkgs.tool ]; "
                "}"
            ),
            {"packages.plain": "reaches"},
        ),
        (
            (
                f"{{ pkgs ? import <nixpkgs> {{ }} }}: let own = pkgs.extend {ONE}; in "
                "own.mkShell { pname = ''shell''; version = ''1''; }"
            ),
            {"plain": "reaches"},
        ),
        # Each override in a file of which nothing is judged is named.
        (f"{{ pkgs }}: {{ text = ''${{pkgs.plain.{OWN}}}''; }}", {"plain": "unknown"}),
        (
            f"final: prev: prev.lib.optionalAttrs false {{ plain = prev.plain.{OWN}; }}",
            {"plain": "unknown"},
        ),
    ],
)
def test_a_file_with_an_override_is_judged_or_names_it(
    reached: Callable[..., Reach], text: str, expected: dict[str, str]
) -> None:
    found = reached({"package.nix": text})
    assert statuses(found) == expected
    assert all(override.line for override in found.overrides)


def test_only_what_no_overlay_sets_is_an_error(reached: Callable[..., Reach]) -> None:
    with pytest.raises(ToolkitError, match="plane: no overlay here sets it") as caught:
        reached("plain = prev.tool;", only=("plain", "plane"))
    assert caught.value.hint == "did you mean plain?"
    with pytest.raises(ToolkitError, match="nope: no overlay here sets it") as caught:
        reached("plain = prev.tool;", only=("nope",))
    assert caught.value.hint == "leave out --only to see all overrides"
    # What could not be read may have set it.
    assert reached(
        {"overlay.nix": "final: prev: { plain = nowhere; }"}, only=("plain",)
    ).overrides


SETTINGS = """{ lib, pkgs, config, ... }:
let
  own = pkgs.spare.overrideAttrs { a = 1; };
in
{
  imports = [ ./more.nix ./absent.nix ];
  programs.tool.package = pkgs.tool.overrideAttrs { a = 1; };
  services.plain.package = {
    _type = "if";
    condition = config.nowhere;
    content = pkgs.plain.override { nope = true; };
  };
  environment.packages = [
    (pkgs.app.overrideAttrs { doCheck = false; })
    (with pkgs; python3Packages.base.overrideAttrs { a = 1; })
    own
    pkgs.plain
    config.nowhere.package
  ];
  lost.package = config.nowhere.override (pkgs.engine.override { });
}"""


def test_what_options_are_set_to_is_judged(
    reached: Callable[..., Reach], tmp_path: Path
) -> None:
    more = (
        "{ pkgs, ... }: { editor.package = pkgs.editor.overrideAttrs { src = "
        "pkgs.spare; }; }"
    )
    found = reached(
        {"configuration.nix": SETTINGS, "more.nix": more}, "configuration.nix"
    )
    assert statuses(found) == {
        "programs.tool.package": "reaches",
        "services.plain.package": "does not evaluate",
        "environment.packages.app": "no effect",
        "environment.packages.python3Packages.base": "reaches",
        "environment.packages.spare": "reaches",
        "editor.package": "in part",
        "environment.packages": "unknown",
    }
    (unread,) = (each for each in found.overrides if each.status is Outcome.UNKNOWN)
    assert (unread.reason or "").startswith(
        "unlet did not read the options of the configuration: path '"
    )
    places = {each.attribute: (each.file, each.line) for each in found.overrides}
    assert places["services.plain.package"] == (f"{tmp_path}/configuration.nix", 8)
    assert places["editor.package"] == (f"{tmp_path}/more.nix", 1)
    ways = {each.attribute: each.instead for each in found.overrides if each.instead}
    assert ways == {
        "environment.packages.app": "(pkgs.app.overridePythonAttrs (old: { doCheck = "
        "…; }))",
        "editor.package": """editor.package = pkgs.editor.override {
  editor-unwrapped = pkgs.editor-unwrapped.overrideAttrs (old: { src = …; });
};""",
    }
    assert (
        f"{tmp_path}/configuration.nix: unlet did not check overrides outside of "
        "overlays: line 20" in found.warnings
    )


def test_what_options_are_set_to_is_in_no_package_set(
    reached: Callable[..., Reach],
) -> None:
    text = f"""{{ pkgs, ... }}: {{
      nixpkgs.overlays = [ {ONE} ];
      programs.tool.package = pkgs.tool.overrideAttrs {{ a = 1; }};
      programs.user.package = pkgs.plain.override {{ tool = pkgs.spare; }};
    }}"""
    assert statuses(reached({"configuration.nix": text})) == {
        "plain": "reaches",
        "programs.tool.package": "reaches",
        "programs.user.package": "reaches",
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("kernel = super.kernel.overrideAttrs { a = 1; };", "reaches"),
        ("kernel = super.kernel.overrideAttrs { version = ''7.0.1''; };", "in part"),
    ],
)
def test_an_extended_kernel_in_an_option_is_judged(
    reached: Callable[..., Reach], change: str, expected: str
) -> None:
    text = f"""{{ pkgs, ... }}: {{
      boot.kernelPackages = pkgs.linuxPackages_latest.extend (self: super: {{
        {change}
      }});
    }}"""
    found = reached({"configuration.nix": text})
    assert statuses(found) == {"boot.kernelPackages.kernel": expected}
    assert not [text for text in found.warnings if "did not check" in text]
    assert found.overrides[0].line == 3


def test_a_flake_with_an_override_elsewhere_names_it(
    reached: Callable[..., Reach],
) -> None:
    text = (
        "{ outputs = { self, nixpkgs }: { packages.own = "
        f"nixpkgs.legacyPackages.x86_64-linux.plain.{OWN}; }}; }}"
    )
    found = reached({"flake.nix": text}, ".")
    assert statuses(found) == {"plain": "unknown"}
    assert found.exit_code == 3


def test_an_override_behind_a_condition_is_named(reached: Callable[..., Reach]) -> None:
    text = f"""final: prev: {{ tool = prev.tool.overrideAttrs {{ a = 1; }}; }}
      // prev.lib.optionalAttrs false {{
        plain = prev.plain.{OWN};
      }}"""
    found = reached({"overlay.nix": text})
    assert statuses(found) == {"tool": "reaches"}
    (warning,) = found.warnings
    assert "overlay.nix:3: the override of 'plain' sets nothing here" in warning


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        # In an overlay of a `let`, in a package, and beside what was not read.
        (
            (
                "let one = final: prev: if false then {\n"
                f"  plain = prev.plain.{OWN};\n}} else {{ }};\n"
                "other = final: prev: { tool = prev.tool.overrideAttrs { a = 1; }; };\n"
                "in [ one other ]"
            ),
            [":2: the override of 'plain' sets nothing here"],
        ),
        (
            f"with import <nixpkgs> {{ }};\nlet own = plain.{OWN}; in\nhidden own",
            ["overlays: line 2"],
        ),
        # A package that is no overlay has no condition.
        (
            f"{{ tool, plain }}:\nlet own = tool.override {{ }}; in\nplain.{OWN}",
            ["overrides outside of overlays: line 2"],
        ),
        (
            f"{{ inputs, ... }}: [ inputs.one\n(let own = plain.{OWN}; in own) ]",
            ["overlays: line 2"],
        ),
        (
            (
                "{ config, inputs, pkgs, ... }: {\n"
                "nixpkgs.config.packageOverrides = pkgs: {\n"
                f"plain = pkgs.plain.{OWN};\n}};\n"
                f"text = ''${{pkgs.tool.override {{ }}}}''; }}"
            ),
            ["overlays: line 5"],
        ),
    ],
)
def test_no_override_is_left_out_without_a_line(
    reached: Callable[..., Reach], text: str, lines: list[str]
) -> None:
    warnings = reached({"module.nix": text}).warnings
    named = [each for each in warnings if re.search("did not check|sets nothing", each)]
    assert len(named) == len(lines), warnings
    assert all(line in each for line, each in zip(lines, named, strict=True)), named


def test_an_option_that_changes_nothing_has_its_reason(
    reached: Callable[..., Reach],
) -> None:
    text = "{ pkgs, ... }: { programs.tool.package = pkgs.tool.overrideAttrs { }; }"
    (override,) = reached({"module.nix": text}).overrides
    assert override.status is Outcome.NO_EFFECT
    assert (
        override.reason
        == "nixpkgs already has this value, so you can remove the override"
    )


def test_a_service_that_takes_another_package_is_named(
    reached: Callable[..., Reach], tmp_path: Path
) -> None:
    flake = f"""{{ outputs = {{ self, nixpkgs }}: {{ nixosConfigurations.host = {{
      _module.args.modules = [ ({{ pkgs, ... }}: {{ tool.package = pkgs.tool.override {{ }}; }}) ];
      extendModules = _: {{
        config.nixpkgs = {{ config = {{ }}; overlays = [ {ONE} ]; hostPlatform.system = "x86_64-linux"; }};
        options.services.plain = {{
          enable.value = true;
          package = {{ highestPrio = 1500; defaultText.text = "pkgs.tool"; }};
        }};
      }};
    }}; }}; }}"""
    (tmp_path / "flake.nix").write_text(flake)
    found = reached({}, ".")
    assert statuses(found) == {"plain": "reaches", "tool.package": "does not evaluate"}
    fact = (
        "services.plain.package is tool, not plain: override that package, or set "
        "services.plain.package = pkgs.plain"
    )
    assert [each for each in found.warnings if each.endswith(fact)]
    (tmp_path / "flake.nix").write_text(flake.replace("1500", "100"))
    assert not [each for each in reached({}, ".").warnings if "not plain" in each]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("{ imports = throw ''broken''; }", "nixosConfigurations.host"),
        ("{ imports = [ (throw ''broken'') ]; }", "nixosConfigurations.host"),
        ("{ editor = [ { package = throw ''broken''; } ]; }", "editor.package"),
    ],
)
def test_options_that_cannot_be_read_are_unknown(
    reached: Callable[..., Reach], tmp_path: Path, module: str, name: str
) -> None:
    (
        tmp_path / "flake.nix"
    ).write_text(f"""{{ outputs = {{ self, nixpkgs }}: {{ nixosConfigurations.host = {{
      _module.args.modules = [ ({module}) ];
      extendModules = _: {{
        config.nixpkgs = {{ config = {{ }}; overlays = [ ]; hostPlatform.system = "{SYSTEM}"; }};
      }};
    }}; }}; }}""")
    found = reached({}, ".")
    fact = "unlet did not read the options of the configuration: broken"
    assert [(each.attribute, each.reason) for each in found.overrides] == [(name, fact)]
    assert found.exit_code == 3
