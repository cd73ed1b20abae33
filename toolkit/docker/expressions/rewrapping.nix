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
  inherit (import ./case.nix case) lib sides stubs;

  world = stubs {
    build = system;
    host = system;
  };
  released = import ./releases.nix {
    inherit lib world;
    directory = sides.${side};
  };

  base =
    final:
    world.packages final
    // released.releases
    // {
      docker = final.${builtins.head released.names};
      makeWrapper = world.plain "makeWrapper" { };
    };
in
import ./overlaid.nix {
  inherit lib;
  set = overlays: lib.fix (builtins.foldl' (below: layer: lib.extends layer below) base overlays);
  overlay = import (/. + arguments.overlay);
  names = released.names ++ [ "docker" ];
  other = world.plain "iptables" { instead = true; };
}
