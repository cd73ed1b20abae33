"""Files of strangers on a whole nixpkgs: modules of a flake, and a wrapper of what downloads for its source."""

from pathlib import Path

import pytest

from tests.reach.conftest import SYSTEM, statuses
from tests.trees import trees
from toolkit.model import Silence, SourceRequest
from toolkit.reach.effects import Outcome
from toolkit.reach.reaching import ReachRequest, reach

MODULE = """{ config, inputs, lib, pkgs, ... }: {
  imports = [ inputs.home.nixosModules.default ./more.nix ];
  options.own.enable = lib.mkEnableOption "more";
  config.nixpkgs.overlays = [
    inputs.other.overlays.default
    (final: prev: { hello = prev.hello.overrideAttrs { postFixup = "true"; }; })
  ] ++ lib.optionals (!config.own.enable) [
    (final: prev: { jq = prev.jq.overrideAttrs { postFixup = "true"; }; })
  ];
  config.home.text = inputs.other.text;
}"""
MORE = """{ user, pkgs, ... }: {
  programs.tmux.package = pkgs.tmux.override { withSystemd = false; };
  users.users.${user}.isNormalUser = true;
}"""


@pytest.mark.parametrize("tree", trees(having="pkgs/by-name"))
def test_a_module_is_read_without_what_it_lacks(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "configuration.nix").write_text(MODULE)
    (tmp_path / "more.nix").write_text(MORE)
    request = ReachRequest(
        paths=(tmp_path / "configuration.nix",),
        source=SourceRequest(nixpkgs=str(tree)),
        systems=(SYSTEM,),
    )
    found = reach(request, progress=Silence())
    assert statuses(found) == {
        "[0]": "unknown",
        "hello": "reaches",
        "jq": "reaches",
        "programs.tmux.package": "reaches",
    }
    assert found.exit_code == 3
    assert any("what it lacks was left out" in text for text in found.warnings)


@pytest.mark.parametrize("tree", trees(having="pkgs/by-name"))
def test_a_wrapped_package_gets_the_override(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "overlay.nix").write_text("""final: prev: {
  helix = prev.helix.overrideAttrs (old: {
    version = "23.10";
    src = prev.fetchFromGitHub { owner = "a"; repo = "b"; rev = "c"; hash = ""; };
  });
  # What `old // { … }` hands on is not set by the call.
  matrix-synapse = prev.matrix-synapse.overrideAttrs (old: old // { doCheck = false; patches = [ ./a ]; });
}""")
    (tmp_path / "a").write_text("")
    request = ReachRequest(
        paths=(tmp_path / "overlay.nix",),
        source=SourceRequest(nixpkgs=str(tree)),
        systems=(SYSTEM,),
    )
    helix, synapse = reach(request, progress=Silence()).overrides
    assert helix.status is synapse.status is Outcome.IN_PART
    assert "helix-unwrapped = prev.helix-unwrapped" in (helix.instead or "")
    assert "cargoDeps = final.rustPlatform" in (helix.instead or "")
    assert "(old: { doCheck = …; patches = …; })" in (synapse.instead or "")
