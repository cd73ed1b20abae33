# The layers of the package set, each over the one before: what builds, by-name, all-packages, aliases, and the
# caller's overlays.
{
  system ? builtins.currentSystem,
  localSystem ? { inherit system; },
  crossSystem ? null,
  config ? { },
  overlays ? [ ],
}@arguments:
let
  lib = import ../../lib;

  build = lib.systems.elaborate localSystem;
  # The same value, not an equal one: functions equal only themselves.
  host = if crossSystem == null then build else lib.systems.elaborate crossSystem;

  layers = [
    (import ../stdenv {
      inherit
        lib
        build
        host
        config
        ;
    })
    (import ./by-name.nix { inherit lib; })
    (import ./all-packages.nix { inherit lib; })
  ]
  ++ lib.optional (config.allowAliases or true) (import ./aliases.nix { inherit lib; })
  ++ overlays;

  base = final: import ./stand-ins.nix { inherit lib; } final // {
    inherit config lib overlays;
    path = ../..;
    pkgs = final;
    buildPackages = final;
    targetPackages = final;
    callPackage = final.newScope { };
    newScope = extra: lib.callPackageWith (final // extra);
    extend = overlay: import ./. (arguments // { overlays = overlays ++ [ overlay ]; });
  };
in
lib.fix (builtins.foldl' (below: layer: lib.extends layer below) base layers)
