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
  inherit (builtins.fromJSON (builtins.readFile case)) libPath finals names sides;

  lib = if libPath == "" then import ./lib.nix else import (/. + libPath);
  stubs = import ./stubs.nix {
    inherit lib;
    build = system;
    host = system;
    inherit finals names;
  };
  released = import ./releases.nix {
    inherit lib;
    world = stubs;
    directory = sides.${side};
  };

  base =
    final:
    stubs.packages final
    // released.releases
    // {
      docker = final.${builtins.head released.names};
      makeWrapper = stubs.plain "makeWrapper" { };
    };
in
import ./overlaid.nix {
  inherit lib;
  set = overlays: lib.fix (builtins.foldl' (below: layer: lib.extends layer below) base overlays);
  overlay = import (/. + arguments.overlay);
  names = released.names ++ [ "docker" ];
  other = stubs.plain "iptables" { instead = true; };
}
