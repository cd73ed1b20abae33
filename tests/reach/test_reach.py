import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.reach.conftest import NIXPKGS, Apart, left, statuses
from toolkit import process
from toolkit.errors import ToolkitError
from toolkit.model import SourceRequest
from toolkit.nix import stores
from toolkit.nix.derivations import digest
from toolkit.reach import instead
from toolkit.reach.effects import OLD_HASH, Left, Outcome, Override, Reach
from toolkit.reach.session import EvaluationError

NEW = 'fetch { name = "new"; hash = hash "c"; }'
MOVED = f'vendored = with prev; vendored.overrideAttrs {{ version = "2.0.0"; src = {NEW}; }};'
NAMED = 'named = with prev; mkDerivation { pname = "named"; version = "2.0"; vendorHash = hash "e"; };'


def of(overrides: Iterable[Override]) -> list[Outcome]:
    return [each.status for each in overrides]


REPLACED = (
    "plain = prev.plain.overrideAttrs { patches = [ ./a.patch ]; };",
    f'plain = with prev; plain.overrideAttrs (_: {{ version = "2.0.0"; src = {NEW}; }});',
    f"plain = with prev; plain.overrideAttrs {{ src = {NEW}; }};",
    'plain = prev.plain.overrideAttrs (old: { version = old.version + "-patched"; });',
    "plain = prev.plain.override { withColour = true; };",
    'plain = prev.plain.override { tool = prev.tool.overrideAttrs { version = "3"; }; };',
    'plain = final.mkDerivation { pname = "plain"; version = "9.0.0"; };',
    'plain = final.mkDerivation { pname = "plain-wrapped"; version = "9.0.0"; src = prev.plain; };',
    f"vendored = with prev; vendored.overrideAttrs {{ src = {NEW}; cargoDeps = {NEW}; }};",
    f'vendored = with prev; vendored.overrideAttrs {{ src = {NEW}; vendorHash = hash "a"; }};',
    'editor = prev.editor.overrideAttrs { buildCommand = "touch $out"; };',
    "tool = prev.tool.overrideAttrs { doCheck = true; };",
    'script = prev.script.overrideAttrs { preInstall = "true"; };',
    'plain = prev.plain.overrideAttrs { cmakeFlags = "-DX=1"; };',
    f"farm = with prev; farm.overrideAttrs {{ src = {NEW}; deps = {NEW}; }};",
    f"shop = with prev; shop.overrideAttrs {{ src = {NEW}; buildInputs = [ ]; }};",
    'app = prev.app.overrideAttrs { preCheck = "true"; };',
    'tool = prev.tool.overrideAttrs { doCheck = true; checkPhase = "true"; };',
    'tool = prev.tool.overrideAttrs { args = [ "-c" "exit" ]; };',
    "plain = prev.plain.overrideAttrs { builder = ./a.patch; };",
    f'wrapped = with prev; wrapped.overrideAttrs {{ version = "2.0.0"; src = {NEW}; }};',
    f'server = with prev; server.overrideAttrs {{ version = "2.0.0"; src = {NEW}; units = ""; }};',
    # A source that is built, or a wrapper of what is made of the old source, in place of a fetched one.
    """plain = with prev; mkDerivation {
          pname = "plain";
          version = "2.0.0";
          src = mkDerivation { pname = "unpacked"; version = "1.0.0"; inherit (editor-unwrapped) src; };
        };""",
    """plain = with prev; mkDerivation {
          pname = "plain";
          version = "2.0.0";
          paths = mkDerivation { pname = "plain"; version = "1.5.0"; inherit (plain) src; };
        };""",
    # Another package, which reads its source, in place of a wrapper; a set in place of a package.
    f'editor = with prev; mkDerivation {{ pname = "editor"; version = "2.0.0"; src = {NEW}; }};',
    f'script = with prev; mkDerivation {{ pname = "script"; version = "2.0.0"; src = {NEW}; }};',
    "plain = { inherit (prev) tool; };",
    # A vim plugin, and a kernel module: see the set.
    "plugin = prev.plugin.overrideAttrs { dependencies = [ prev.tool ]; };",
    'module = prev.module.override { kernel = prev.kernel.overrideAttrs { version = "6.6.40"; }; };',
    # The variables are read by setup hooks, by a builder, and by another variable.
    "hooked = prev.hooked.overrideAttrs { dontUseHook = true; };",
    "tool = prev.tool.overrideAttrs { dontStripThings = true; };",
    'tool = prev.tool.overrideAttrs { dontUseTool = true; args = [ (builtins.toFile "b" "$dontUseTool") ]; };',
    'tool = prev.tool.overrideAttrs { dontUseTool = true; postInstall = "test $dontUseTool"; };',
    'tool = prev.tool.overrideAttrs (old: rec { configFile = "/tmp/c"; postInstall = "cp ${configFile} $out"; });',
    # A hash that is the old one is no remainder if the user wrote it.
    f"""vendored = with prev; mkDerivation (own: {{
          pname = "vendored";
          version = "2.0.0";
          src = {NEW};
          cargoHash = hash "a";
          cargoDeps = fetch {{ name = "vendored-2.0.0-vendor"; hash = own.cargoHash; from = own.src; }};
        }});""",
    f"kept = with prev; kept.overrideAttrs {{ src = {NEW}; }};",
    'tool = (import <nixpkgs> { localSystem.system = "x86_64-linux"; }).plain;',
)


def test_what_was_to_be_replaced_is_gone(apart: Apart) -> None:
    assert [override for override, found in apart(REPLACED).items() if of(found) != [Outcome.REACHES]] == []


def test_an_override_of_what_is_addressed_by_its_content_reaches(
    reached: Callable[..., Reach], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIX_CONFIG", "extra-experimental-features = ca-derivations")
    by_content = '__contentAddressed = true; outputHashMode = "recursive"; outputHashAlgo = "sha256";'
    files = {
        "1.nix": f"final: prev: {{ tool = prev.tool.overrideAttrs {{ {by_content} }}; }}",
        "2.nix": "final: prev: { tool = prev.tool.overrideAttrs { doCheck = true; }; }",
    }
    assert [each.status for each in reached(files).overrides] == [Outcome.REACHES, Outcome.REACHES]


STAYING = {
    'plain = prev.plain.overrideAttrs { version = "2.0.0"; };': "src",
    'plain = prev.plain.overrideAttrs { rev = "v2"; };': "rev",
    'plain = prev.plain.overrideAttrs { vendorHash = prev.hash "e"; };': "vendorHash",
    "plain = prev.plain.overrideAttrs { withColour = true; };": "withColour",
    "plain = prev.plain.overrideAttrs { buildInput = [ prev.tool ]; };": "buildInput",
    'plain = with prev; plain.overrideAttrs { version = "2"; src = fetch { name = "2"; hash = hash "1"; }; };': "src",
    "engine = prev.engine.overrideAttrs { part = prev.tool; };": "part-29.6.0",
    f'engine = with prev; engine.overrideAttrs {{ version = "30.0.0"; src = {NEW}; }};': "part-29.6.0",
    f"vendored = with prev; vendored.overrideAttrs {{ src = {NEW}; }};": "vendored-1.0.0-vendor-staging",
    MOVED: "vendored-2.0.0-vendor-staging",
    f"pinned = with prev; pinned.overrideAttrs {{ src = {NEW}; }};": "npmDeps",
    f"editor = with prev; editor.overrideAttrs {{ src = {NEW}; }};": "src",
    'editor = prev.editor.overrideAttrs { tools = "x"; postInstall = "true"; };': "postInstall",
    'script = prev.script.overrideAttrs { postInstall = "true"; };': "postInstall",
    'script = prev.script.overrideAttrs { preBuild = "true"; };': "preBuild",
    'script = prev.script.overrideAttrs { buildPhase = "true"; };': "buildPhase",
    'script = prev.script.overrideAttrs { preFixup = "true"; };': "preFixup",
    f"script = with prev; script.overrideAttrs {{ src = {NEW}; }};": "src",
    'vendored = prev.vendored.overrideAttrs { buildFeatures = "x"; };': "buildFeatures",
    "pythonic = prev.pythonic.overrideAttrs { dependencies = [ prev.tool ]; };": "dependencies",
    'editor = prev.editor.overrideAttrs { cmakeFlags = "-DX=1"; };': "cmakeFlags",
    f'farm = with prev; farm.overrideAttrs {{ version = "2.0.0"; src = {NEW}; }};': "deps",
    f"shop = with prev; shop.overrideAttrs {{ src = {NEW}; }};": "nugetDeps",
    'app = prev.app.overrideAttrs { checkPhase = "true"; };': "checkPhase",
    'tool = prev.tool.overrideAttrs { preCheck = "true"; };': "preCheck",
    'app = prev.app.overrideAttrs { postCheck = "true"; };': "postCheck",
    'wrapped = prev.wrapped.overrideAttrs { version = "2.0.0"; };': "src",
    f'server = with prev; server.overrideAttrs {{ version = "2.0.0"; src = {NEW}; }};': "source",
    "double = prev.double.override { tool = prev.spare; };": "tool-2.0",
    f"assembly = with prev; assembly.overrideAttrs {{ src = {NEW}; }};": "kit-1.0.0",
    "tool = prev.tool.overrideAttrs { dontUseHook = true; };": "dontUseHook",
    "hooked = prev.hooked.overrideAttrs { dontUse = true; };": "dontUse",
    # It names the old package, and nothing runs it.
    'editor = prev.editor.overrideAttrs { postInstall = "wrap ${prev.editor}"; };': "postInstall",
}


def test_what_stays_is_named(apart: Apart) -> None:
    for override, found in apart(STAYING).items():
        assert of(found) == [Outcome.IN_PART], override
        assert STAYING[override] in left(found[0])


SERVED = f'served = with prev; served.overrideAttrs {{ version = "2.0.0"; src = {NEW}; }};'
HASHED = "npmDeps = part.npmDeps.overrideAttrs (_: { outputHash = final.lib.fakeHash; });"
INSTEAD = {
    "plain = prev.plain.overrideAttrs { withColour = true; };": "plain = prev.plain.override { withColour = …; };",
    f"editor = with prev; editor.overrideAttrs {{ src = {NEW}; }};": """editor = prev.editor.override {
  editor-unwrapped = prev.editor-unwrapped.overrideAttrs (old: { src = …; });
};""",
    "app = prev.app.overrideAttrs { doCheck = false; };": "app = prev.app.overridePythonAttrs (old: { doCheck = …; });",
    "tool = prev.tool.overrideAttrs { meta.x = 1; };": None,
    SERVED: f"""served = prev.served.overrideAttrs (old: {{
  src = …; version = …;
  vendorHash = final.lib.fakeHash;
  passthru = old.passthru // {{ ui = old.passthru.ui.overrideAttrs (part: {{ {HASHED} }}); }};
}});""",
    SERVED.replace("version", 'vendorHash = hash "f"; version'): f"""served = prev.served.overrideAttrs (old: {{
  src = …; vendorHash = …; version = …;
  passthru = old.passthru // {{ ui = old.passthru.ui.overrideAttrs (part: {{ {HASHED} }}); }};
}});""",
    **{
        f'{name} = prev.{name}.overrideAttrs {{ version = "2.0.0"; }};': f"""\
{name} = prev.{name}.overrideAttrs (old: rec {{
  version = …;
  src = old.src.override {{ tag = "{tag}"; hash = ""; }};
  cargoDeps = final.rustPlatform.fetchCargoVendor {{ inherit src; name = "{name}-vendor"; hash = ""; }};
}});"""
        for name, tag in (("crate", "v${version}"), ("bare", "${version}"))
    },
}
"""Another way that reaches, if there is one."""


def test_another_way_reaches(apart: Apart) -> None:
    found = {override: each for override, (each,) in apart(INSTEAD).items()}
    assert {each.status for each in found.values()} <= {Outcome.IN_PART, Outcome.NO_EFFECT}
    assert {override: each.instead for override, each in found.items()} == INSTEAD


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("self: super: { app = super.app.overrideAttrs (o: { doCheck = false; }); }", "super.app"),
        ("_final: old: { app = old.app.overrideAttrs (o: { doCheck = false; }); }", "old.app"),
        (
            "{ one = inputs: final: before: { app = before.app.overrideAttrs (o: { doCheck = false; }); }; }",
            "before.app",
        ),
    ],
)
def test_another_way_has_the_users_names(reached: Callable[..., Reach], text: str, other: str) -> None:
    (found,) = reached({"overlay.nix": text}).overrides
    assert found.instead == f"app = {other}.overridePythonAttrs (old: {{ doCheck = …; }});"


def test_what_other_overrides_give_as_well_has_no_effect(reached: Callable[..., Reach]) -> None:
    found = reached("tool = prev.spare; plain = prev.plain.override { tool = final.tool; };").overrides
    assert {each.attribute: each.reason for each in found} == {
        "plain": "your other overrides give the same, you can remove it",
        "tool": None,
    }


OBSTACLES = {
    "engine = prev.engine.overrideAttrs { part = prev.tool; };": "'part-29.6.0' stays, and no overlay",
    "double = prev.double.override { tool = prev.spare; };": "'tool-2.0' stays, and no overlay",
    NAMED: "each form that was tried",
    # Nothing reads an npmDeps that the package has not had.
    f"farm = with prev; farm.overrideAttrs {{ src = {NEW}; }};": "each form that was tried",
}


def test_if_there_is_no_other_way_the_reason_is_given(apart: Apart) -> None:
    for override, (found,) in apart(OBSTACLES).items():
        assert found.instead is None
        assert (found.reason or "").startswith(f"no way found, because {OBSTACLES[override]}")


def test_a_hash_that_the_user_has_to_update_first_is_the_obstacle() -> None:
    part, modules = Left(name="ui", why="made from the old src", part=True), Left(name="go-modules", why=OLD_HASH)
    assert instead.obstacle([part, modules]) == "'go-modules' needs its new hash first: set that, and run reach again"
    assert instead.obstacle([part]).startswith("'ui' stays")


def test_the_way_leads_to_what_stays(reached: Callable[..., Reach]) -> None:
    (override,) = reached(f"vendored = with prev; vendored.overrideAttrs {{ src = {NEW}; }};").overrides
    ways = {each.name: each.way for each in override.left}
    staging = "vendored-1.0.0-vendor-staging"
    assert ways[staging] == ("vendored-1.0.0", "vendored-1.0.0-vendor", staging)


SAME = {
    "plain = prev.plain.overrideAttrs (old: { });": "nixpkgs has it already, you can remove it",
    "plain = prev.plain.override { withColour = false; };": "nixpkgs has it already, you can remove it",
    'plain = prev.plain.overrideAttrs { meta.description = "x"; };': "only meta changes",
    "engine = prev.engine.overrideAttrs { passthru.shown = prev.tool; };": "only passthru changes",
    "engine = prev.engine.overrideAttrs { passthru = { }; };": "only passthru changes",
    "named = prev.named.overrideAttrs { NIX_MAIN_PROGRAM = null; };": "only meta changes",
}
FAILING = {
    "plain = prev.plain.override { withColor = true; };": "the nearest are withColour",
    "plain = prev.plian.override { };": "attribute 'plian' missing; did you mean plain?",
    "broken = prev.broken.overrideAttrs { };": "broken has been removed",
    "tool = prev.tool // { more = prev.tool.more.overrideAttrs { }; };": "attribute 'more' missing",
    "families.grown = prev.families.grown // { };": "attribute 'basic' missing",
    "letters = prev.letters.override { overrides = null; };": "expected a set but found null",
}


def test_the_same_derivation_is_no_effect_and_nix_gives_the_reason_in_one_line(apart: Apart) -> None:
    for status, reasons in ((Outcome.NO_EFFECT, SAME), (Outcome.FAILS, FAILING)):
        for override, found in apart(reasons).items():
            assert of(found) == [status], override
            assert reasons[override] in (found[0].reason or "")


OVERRIDES = frozenset([*REPLACED, *STAYING, *INSTEAD, *OBSTACLES, *SAME, *FAILING])
"""The overrides that are given one by one."""


def test_of_a_variable_that_nobody_defines_no_attribute_is_known(reached: Callable[..., Reach]) -> None:
    # Nix looks for variables before it evaluates.
    found = reached("plain = prev.plain.overrideAttrs { src = nowhere; };")
    assert statuses(found) == {"": "does not evaluate"}
    assert "undefined variable 'nowhere'" in (found.overrides[0].reason or "")


PACKAGES = "python3Packages = final.python313.pkgs;"
EXTENSION = "_: super: { base = super.base.overrideAttrs { a = 1; }; }"
TOOLS = "tools = builtins.mapAttrs (_: value: value) (prev.tools // {{ {} }});"
STATUSES: dict[str, dict[str, str]] = {
    # Overrides of a scope may be a set.
    "letters = prev.letters.override { overrides = { alpha = prev.spare; }; };": {"letters.alpha": "reaches"},
    "broken = prev.tool;": {"broken": "new"},
    "failing = prev.failing.overrideAttrs { src = prev.tool; };": {"failing": "reaches"},
    # One that fails spoils no other.
    "tool = throw ''no''; plain = prev.plain.override { withColour = true; }; other = prev.tool;": {
        "other": "new",
        "plain": "reaches",
        "tool": "does not evaluate",
    },
    'named = prev.named.overrideAttrs { NIX_MAIN_PROGRAM = "x"; };': {"named": "reaches"},
    # The old one needs what the new one lacks.
    "core = prev.spare;": {"core": "reaches"},
    f"python313 = prev.python313.override {{ packageOverrides = {EXTENSION}; }}; {PACKAGES}": {
        "python313.pkgs.base": "reaches"
    },
    # It is built anew because of the tool, not because of its own override.
    "tool = prev.tool.overrideAttrs { doCheck = true; }; plain = prev.plain.overrideAttrs { };": {
        "plain": "no effect",
        "tool": "reaches",
    },
    # The set of the last name is that of the first, which has the same override.
    "tool = prev.tool.overrideAttrs { a = 1; }; second = prev.second.overrideAttrs { a = 1; };": {
        "second": "reaches",
        "tool": "reaches",
    },
    f"house = prev.house.override {{ packageOverrides = {EXTENSION}; }};": {"house.python3Packages.base": "reaches"},
    f"python39 = prev.python39.override {{ packageOverrides = {EXTENSION}; }};": {"python39.pkgs.base": "reaches"},
    "own = prev.python313.override { packageOverrides = { }; };": {"own": "new"},
    "own = prev.tool.overrideAttrs { a = 1; }; plain = prev.plain.override { tool = final.own; };": {
        "own": "new",
        "plain": "reaches",
    },
    """python313 = prev.python313.override { packageOverrides = self: super: {
          base = super.base.overrideAttrs { a = 1; };
          app = super.app.overrideAttrs { doCheck = false; };
        }; };
        pythonPackagesExtensions = prev.pythonPackagesExtensions ++ [ (self: super: {
          more = super.base;
          app = super.app.overrideAttrs { b = 1; };
        }) ];""": {
        "python313.pkgs.app": "no effect",
        "python313.pkgs.base": "reaches",
        "python3Packages.app": "reaches",
        "python3Packages.more": "new",
    },
    # A set without a function of its own is compared, and a package that never evaluates spoils none.
    TOOLS.format("tool = prev.tool;"): {"tools": "no effect"},
    TOOLS.format("tool = prev.spare;"): {"tools": "reaches"},
    TOOLS.format('plain = prev.plain.overrideAttrs { version = "2.0.0"; };'): {"tools": "in part"},
    TOOLS.format("tool = prev.spare; plain = prev.plain.nothing;"): {"tools": "does not evaluate"},
    "shelf = prev.shelf // { };": {"shelf": "no effect"},
    TOOLS.replace("tools", "shelf").format("tool = prev.spare;"): {"shelf": "reaches"},
    # Another package of an interpreter may have the old version.
    """pythonPackagesExtensions = prev.pythonPackagesExtensions ++ [
      (_: prev: { app = prev.app.overrideAttrs { version = "1.1"; }; })
    ];""": {"python3Packages.app": "reaches"},
    # A set within a scope is judged by its packages.
    """python313 = prev.python313.override { packageOverrides = self: super: {
      inner = super.inner // { plain = super.inner.plain.overrideAttrs { version = "2.0.0"; }; };
    }; };""": {"python313.pkgs.inner": "in part"},
}
IN_FILES: list[tuple[dict[str, str], dict[str, str]]] = [
    # An input that is not there spoils no other overlay.
    (
        {
            "default.nix": """{ inputs, ... }: {
              additions = final: _prev: { own = final.tool; };
              modifications = final: prev: { plain = prev.plain.override { withColour = true; }; };
              other = inputs.other.overlays.default;
            }"""
        },
        {"other": "unknown", "own": "new", "plain": "reaches"},
    ),
    (
        {
            "module.nix": """{ inputs, ... }: { nixpkgs.overlays = [
              inputs.other.overlays.default
              (final: prev: { tool = prev.tool.overrideAttrs { a = 1; }; })
            ]; }"""
        },
        {"[0]": "unknown", "tool": "reaches"},
    ),
    (
        {"parts.nix": "{ inputs, ... }: { flake.overlays.default = final: prev: { tool = prev.tool; }; }"},
        {"tool": "no effect"},
    ),
    # A file may take the nixpkgs that a flake passes on.
    (
        {
            "default.nix": """{ nixpkgs, other, ... }: with nixpkgs.lib; {
              mine = final: prev: { plain = last [ prev.tool ]; };
              yours = other;
            }"""
        },
        {"plain": "reaches", "yours": "unknown"},
    ),
    *(
        ({"overlay.nix": f"{pattern} final: prev: {{ plain = prev.tool; }}"}, {"plain": "reaches"})
        for pattern in ("{ ... }:", "{ lib, ... }:", "_:", "{ lib }: _:")
    ),
    ({"config.nix": "final: prev: { plain = prev.tool; }"}, {"plain": "reaches"}),
    (
        {"config.nix": "{ packageOverrides = pkgs: { plain = pkgs.plain.override { withColour = true; }; }; }"},
        {"plain": "reaches"},
    ),
]


def test_each_attribute_is_judged(apart: Apart) -> None:
    found = apart(STATUSES)
    assert {text: {each.attribute: each.status.value for each in found[text]} for text in STATUSES} == STATUSES


@pytest.mark.parametrize(("files", "expected"), IN_FILES)
def test_each_form_of_a_file_is_read(
    reached: Callable[..., Reach], files: dict[str, str], expected: dict[str, str]
) -> None:
    assert statuses(reached(files)) == expected


def test_what_nix_refuses_by_itself_is_said(reached: Callable[..., Reach]) -> None:
    text = "final: prev: { risky = prev.risky.overrideAttrs { a = 1; }; }"
    (override,) = reached({"overlay.nix": text}).overrides
    assert override.status is Outcome.REACHES
    assert override.reason == "with NIXPKGS_ALLOW_INSECURE=1: Nix refuses what is insecure"
    permitted = f"{{ nixpkgs = {{ config.allowInsecurePredicate = _: true; overlays = [ ({text}) ]; }}; }}"
    (override,) = reached({"configuration.nix": permitted}, "configuration.nix").overrides
    assert (override.status, override.reason) == (Outcome.REACHES, None)


def test_a_function_in_place_of_a_package_is_told(reached: Callable[..., Reach]) -> None:
    (override,) = reached("plain = { tool }: tool;").overrides
    assert (override.status, override.reason) == (Outcome.UNKNOWN, "is a function, not a package")


def test_overlays_are_judged_in_turn(reached: Callable[..., Reach]) -> None:
    files = {
        "overlays/a.nix": "final: prev: { plain = prev.plain.override { withColour = true; }; }",
        "overlays/b/default.nix": "self: super: { plain = super.plain.override { withColour = true; }; }",
        "overlays/notes.txt": "",
    }
    found = reached(files, "overlays")
    assert [(each.attribute, each.status.value) for each in found.overrides] == [
        ("plain", "reaches"),
        ("plain", "no effect"),
    ]
    assert [(each.file or "").rpartition("overlays/")[2] for each in found.overrides] == ["a.nix", "b/default.nix"]


def test_an_interpreter_may_not_be_that_of_the_scope(reached: Callable[..., Reach]) -> None:
    extension = "_: super: { base = super.base.overrideAttrs { a = 1; }; }"
    found = reached(f"python3 = prev.python3.override {{ packageOverrides = {extension}; }};")
    assert statuses(found) == {"python3.pkgs.base": "in part"}
    assert left(found.overrides[0]) == ["python3Packages.base"]


def test_another_name_that_the_same_line_overrides_is_not_without_it(reached: Callable[..., Reach]) -> None:
    text = """let
        more = self: super: { base = super.base.overrideAttrs (old: { count = old.count or "" + "1"; }); };
      in
      [
        (final: prev: { python313 = prev.python313.override { packageOverrides = more; }; })
        (final: prev: { python3Packages = prev.python3Packages // more { } prev.python3Packages; })
      ]"""
    found = reached({"overlays.nix": text}).overrides
    assert [(each.attribute, each.status, each.left) for each in found] == [
        ("python313.pkgs.base", Outcome.REACHES, ()),
        ("python3Packages.base", Outcome.REACHES, ()),
    ]


def test_a_line_is_that_of_the_attribute(reached: Callable[..., Reach], tmp_path: object) -> None:
    (override,) = reached({"overlay.nix": "final: prev:\n{\n\n  plain = prev.tool;\n}\n"}).overrides
    assert (override.file, override.line) == (f"{tmp_path}/overlay.nix", 4)


def test_of_very_many_packages_the_first_are_judged(reached: Callable[..., Reach]) -> None:
    many = 'shelf = prev.lib.genAttrs (map (n: "a${toString n}") (prev.lib.range 100 139)) (name: %s);'
    (override,) = reached(many % "prev.shelf.${name}.overrideAttrs { a = 1; }").overrides
    assert (override.status, override.reason) == (
        Outcome.REACHES,
        "32 of the 40 packages in it that differ were looked at",
    )
    (override,) = reached(many % 'prev.shelf.${name}.overrideAttrs { version = "2.0.0"; }').overrides
    assert (override.status, left(override)) == (Outcome.IN_PART, ["src"])


def test_only_what_is_asked_for(reached: Callable[..., Reach]) -> None:
    text = "plain = prev.tool; tool = throw ''no''; "
    assert statuses(reached(text, only=("plain",))) == {"plain": "reaches"}


def test_the_users_own_overlays_need_no_name(
    reached: Callable[..., Reach], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(ToolkitError, match="has no overlays"):
        reached({}, "")
    files = {
        "nixpkgs/config.nix": "{ packageOverrides = pkgs: { tool = pkgs.tool; }; }",
        "nixpkgs/overlays/a.nix": "final: prev: { plain = prev.plain.override { withColour = true; }; }",
    }
    assert statuses(reached(files, "")) == {"plain": "reaches", "tool": "no effect"}


def test_a_configuration_that_does_not_evaluate_is_read_alone(reached: Callable[..., Reach]) -> None:
    text = "{ config, ... }: { imports = [ ./none.nix ]; nixpkgs.overlays = [ (_: prev: { plain = prev.tool; }) ]; }"
    found = reached({"configuration.nix": text})
    assert statuses(found) == {"plain": "reaches"}
    assert len(found.warnings) == 1


def test_what_an_overlay_asks_for_may_not_be_there(reached: Callable[..., Reach]) -> None:
    found = reached({"default.nix": "{ inputs, ... }: final: prev: { plain = inputs.other.plain; }"})
    assert [each.status for each in found.overrides] == [Outcome.UNKNOWN]
    assert "'inputs'" in (found.overrides[0].reason or "")
    assert found.exit_code == 3
    found = reached({"default.nix": "channels: final: prev: { inherit (channels.latest) plain; own = prev.tool; }"})
    assert statuses(found) == {"plain": "unknown", "own": "new"}


@pytest.mark.parametrize(
    ("reason", "is_there"),
    [
        ("Cannot find Git revision 'a1' in ref 'master' of repository 'https://example.org/a'!", False),
        ("unable to download 'https://example.org/a.tar.gz': Could not resolve hostname", False),
        ("attribute 'plain' missing", True),
    ],
)
def test_what_cannot_be_had_is_not_the_overrides_fault(reason: str, is_there: bool) -> None:  # noqa: FBT001 - a case
    assert EvaluationError(reason, "").is_absent is not is_there


def test_a_flake_has_overlays(reached: Callable[..., Reach]) -> None:
    text = """{ outputs = { self, nixpkgs, other }: { overlays = {
      default = final: prev: { plain = prev.tool; };
      more = final: prev: { tool = other.tool; };
      none = { }.none;
    }; }; }"""
    found = reached({"flake/flake.nix": text}, "flake")
    # What Nix cannot catch is said of the overlay that it comes from.
    assert statuses(found) == {
        "overlays.none": "does not evaluate",
        "plain": "reaches",
        "tool": "unknown",
    }
    assert "'other'" in (found.overrides[2].reason or "")


def test_a_flake_has_configurations(reached: Callable[..., Reach]) -> None:
    text = """{ outputs = { self, nixpkgs }: { nixosConfigurations = {
      here.extendModules = { modules }: { config.nixpkgs = {
        config.packageOverrides = pkgs: { tool = pkgs.spare; };
        hostPlatform.system = "aarch64-linux";
        overlays = [ (final: prev: { plain = prev.tool; }) { }.none ];
      }; };
      lost = { }.lost;
    }; }; }"""
    found = reached({"flake/flake.nix": text}, "flake", systems=())
    lost = found.overrides[-1]
    assert (lost.attribute, lost.status) == ("nixosConfigurations.lost", Outcome.FAILS)
    assert [(each.attribute, each.status.value, each.system) for each in found.overrides[:-1]] == [
        ("nixpkgs.overlays[1]", "does not evaluate", "aarch64-linux"),
        ("tool", "reaches", "aarch64-linux"),
        ("plain", "reaches", "aarch64-linux"),
    ]


def test_an_overlay_is_shown_again_only_if_a_configuration_does_something_else_with_it(
    reached: Callable[..., Reach],
) -> None:
    text = """{ outputs = { self, nixpkgs }:
      let
        host = overlays: {
          _module.args.modules = [ ];
          extendModules = _: { config.nixpkgs = { config = { }; inherit overlays; }; };
        };
        later = final: prev: { tool = prev.spare; };
      in {
        overlays.default = final: prev: { tool = prev.tool.overrideAttrs { doCheck = true; }; };
        nixosConfigurations.other = host [ self.overlays.default later ];
        nixosConfigurations.same = host [ self.overlays.default ];
      }; }"""
    found = reached({"flake/flake.nix": text}, "flake").overrides
    assert [(each.status.value, (each.reason or "").partition(" (")[0]) for each in found] == [
        ("reaches", ""),
        ("no effect", "in nixosConfigurations.other: replaced by overlay 2"),
        ("reaches", ""),
    ]


@pytest.mark.parametrize("kind", ["homeConfigurations", "darwinConfigurations"])
def test_a_flake_has_configurations_of_other_kinds(reached: Callable[..., Reach], kind: str) -> None:
    overlay = "(final: prev: { plain = prev.tool; })"
    text = f"""{{ outputs = {{ self, nixpkgs }}: {{ {kind}."me@here".pkgs =
      import nixpkgs {{ localSystem.system = "x86_64-linux"; overlays = [ {overlay} ]; }}; }}; }}"""
    assert statuses(reached({"flake/flake.nix": text}, "flake")) == {"plain": "reaches"}


def test_a_flake_without_a_lock_names_it(reached: Callable[..., Reach]) -> None:
    text = "{ outputs = { self, nixpkgs, other }: { overlays.default = final: prev: { tool = other.tool; }; }; }"
    (override,) = reached({"flake/flake.nix": text}, "flake").overrides
    assert override.status is Outcome.UNKNOWN
    assert override.reason == ("input 'other' is not locked, since there is no flake.lock: 'nix flake lock' writes it")


def test_a_flake_without_a_lock_and_without_a_nixpkgs_names_both(
    reached: Callable[..., Reach], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIX_PATH", "")
    with pytest.raises(ToolkitError, match=r"flake\.nix has no flake\.lock beside it, and <nixpkgs>") as caught:
        reached({"flake/flake.nix": "{ outputs = _: { }; }"}, "flake", source=SourceRequest())
    assert caught.value.hint == "'nix flake lock' writes it; or add --nixpkgs DIRECTORY"


def test_other_names_of_a_package_follow_or_stay(reached: Callable[..., Reach]) -> None:
    found = reached("store_2 = prev.store_2.overrideAttrs { a = 1; }; linux_6 = prev.linux_6.overrideAttrs { a = 1; };")
    assert [(each.attribute, each.status.value, each.reason, left(each)) for each in found.overrides] == [
        (
            "linux_6",
            "in part",
            None,
            ["linuxPackages_6.kernel"],
        ),
        ("store_2", "reaches", "store follows", []),
    ]
    assert found.overrides[0].instead == "# beside it:\nlinuxPackages_6 = final.linuxPackagesFor final.linux_6;"


def test_a_strangers_overlay_answers_for_nobody(reached: Callable[..., Reach]) -> None:
    honest = 'final: prev: { f = %s"1"; g = 1; }'
    said = 'builtins.trace "@end" (builtins.trace "@[1,2]" "1") + '
    found, wanted = (reached({"overlay.nix": honest % each}, sealed=True) for each in (said, ""))
    assert [(each.attribute, each.status) for each in found.overrides] == [
        (each.attribute, each.status) for each in wanted.overrides
    ]


def test_a_strangers_overlay_reads_nothing_else(reached: Callable[..., Reach]) -> None:
    text = "final: prev: { plain = builtins.seq (builtins.readFile /etc/passwd) prev.tool; tool = prev.editor; }"
    found = reached({"overlay.nix": text}, sealed=True)
    assert statuses(found) == {"plain": "does not evaluate", "tool": "reaches"}
    assert "forbidden" in (found.overrides[0].reason or "")


@pytest.mark.parametrize(
    ("locked", "fact"),
    [
        ({"type": "git", "url": "http://127.0.0.1:1/x", "rev": "1" * 40}, "is not in the cache"),
        ({"type": "path", "path": str(NIXPKGS)}, "input 'nixpkgs' is not pinned by its content"),
        (
            {"type": "tarball", "url": "http://127.0.0.1:1/nixexprs.tar.xz"},
            "input 'nixpkgs' is not pinned by its content",
        ),
        ({"type": "path", "path": "/", "narHash": "sha256-" + "A" * 43 + "="}, "input 'nixpkgs' is not pinned"),
    ],
)
def test_a_strangers_lock_is_not_followed(reached: Callable[..., Reach], locked: dict[str, str], fact: str) -> None:
    nodes = {"root": {"inputs": {"nixpkgs": "n"}}, "n": {"locked": locked}}
    files = {
        "flake.nix": "{ outputs = _: { overlays.default = final: prev: { tool = prev.editor; }; }; }",
        "flake.lock": json.dumps({"version": 7, "root": "root", "nodes": nodes}),
    }
    with pytest.raises(ToolkitError, match=fact) as caught:
        reached(files, "flake.nix", sealed=True, source=SourceRequest())
    assert caught.value.hint == "with --sealed nothing is fetched: add --nixpkgs DIRECTORY"
    assert statuses(reached(files, "flake.nix", sealed=True)) == {"tool": "reaches"}


def test_a_nixpkgs_that_a_strangers_lock_pins_by_content_comes_from_the_store(
    reached: Callable[..., Reach], tmp_path: Path
) -> None:
    tree = shutil.copytree(NIXPKGS, tmp_path / "source")
    stored = process.run(("nix-store", "--add", str(tree)), env=stores.environment()).text
    hashed = process.run(("nix-hash", "--type", "sha256", "--sri", str(tree))).text
    nodes = {"root": {"inputs": {"nixpkgs": "n"}}, "n": {"locked": {"type": "path", "path": "/", "narHash": hashed}}}
    files = {
        "flake.nix": "{ outputs = _: { overlays.default = final: prev: { tool = prev.editor; }; }; }",
        "flake.lock": json.dumps({"version": 7, "root": "root", "nodes": nodes}),
    }
    found = reached(files, "flake.nix", sealed=True, source=SourceRequest())
    assert found.nixpkgs == str(stores.physical(Path(stored)))
    assert statuses(found) == {"tool": "reaches"}


def test_digests_are_the_same_in_all_forms() -> None:
    assert {
        digest("sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
        digest("sha256:1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s"),
        digest("1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s"),
    } == {"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
    assert digest("v1.2.3") is None
