# Applies an overlay to the stub package set, and tells which derivations the docker releases are then.
# Arguments, each a string: `overlay`, the absolute path of a folder with default.nix; `case`, that of a
# JSON file as for evaluate.nix; `system`, both build and host platform; `without`, JSON, releases to leave out.
# Result: release → drvPath, of every other attribute docker_NN that the overlay defines.
{
  overlay,
  case,
  system,
  without ? "[]",
}:
let
  inherit (import ./case.nix case) lib stubs;

  world = stubs {
    build = system;
    host = system;
  };
  prev = world.packages final;
  added = import (/. + overlay) final prev;
  final = prev // added;
in
builtins.mapAttrs (_: docker: docker.drvPath) (
  lib.filterAttrs (name: _: builtins.match "docker_[0-9].*" name != null) (
    removeAttrs added (builtins.fromJSON without)
  )
)
