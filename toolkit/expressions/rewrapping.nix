# The dockers of one file, in the stub package set, with overlays/rewrap.nix and without.
# Arguments, each a string: `overlay`, the absolute path of the overlay; `case`, that of a JSON file as for
# evaluate.nix; `side`, one of its sides; `system`, both build and host platform.
# Result: that of overlaid.nix, for every docker_NN and for `docker`, the newest.
{
  overlay,
  case,
  side,
  system,
}@arguments:
let
  inherit (builtins.fromJSON (builtins.readFile case)) libPath packages sides;

  lib = if libPath == "" then import ./lib.nix else import (/. + libPath);
  stubs = import ./stubs.nix {
    inherit lib;
    build = system;
    host = system;
    names = packages;
  };
  inherit
    (import ./releases.nix {
      inherit lib stubs;
      directory = sides.${side};
    })
    names
    releases
    ;

  base =
    final:
    stubs.packages
    // releases
    // {
      docker = final.${builtins.head names};
      makeWrapper = stubs.plain "makeWrapper" { };
      callPackage = lib.callPackageWith final;
    };
in
import ./overlaid.nix {
  inherit lib;
  set = overlays: lib.fix (builtins.foldl' (below: layer: lib.extends layer below) base overlays);
  overlay = import (/. + arguments.overlay);
  names = names ++ [ "docker" ];
  other = stubs.plain "iptables" { instead = true; };
}
