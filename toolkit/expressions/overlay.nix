# Applies an overlay to the stub package set, and tells which derivations the docker releases are then.
# Arguments, each a string: `overlay`, the absolute path of a folder with default.nix; `case`, that of a
# JSON file as for evaluate.nix; `system`, both build and host platform.
# Result: release → drvPath, of every attribute docker_NN that the overlay defines.
{
  overlay,
  case,
  system,
}:
let
  inherit (builtins.fromJSON (builtins.readFile case)) libPath packages;

  lib = if libPath == "" then import ./lib.nix else import (/. + libPath);
  stubs = import ./stubs.nix {
    inherit lib;
    build = system;
    host = system;
    names = packages;
  };
  prev = stubs.packages // {
    callPackage = lib.callPackageWith final;
  };
  added = import (/. + overlay) final prev;
  final = prev // added;
in
builtins.mapAttrs (_: docker: docker.drvPath) (
  lib.filterAttrs (name: _: builtins.match "docker_[0-9].*" name != null) added
)
