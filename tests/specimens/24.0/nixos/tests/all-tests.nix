# The tests that packages name in their passthru.tests.
{ system, pkgs, callTest }:
with pkgs.lib;
let
  discoverTests = test: callTest (if isFunction test then test { inherit system pkgs; } else test);
  handleTest = path: args: discoverTests (import path ({ inherit system pkgs; } // args));
  handleTestOn = systems: path: args: if elem system systems then handleTest path args else {};
in {
  docker = handleTestOn ["aarch64-linux" "x86_64-linux"] ./docker.nix {};
  docker-rootless = handleTestOn ["aarch64-linux" "x86_64-linux"] ./docker-rootless.nix {}; # slow
  docker-registry = handleTest ./docker-registry.nix {};
}
