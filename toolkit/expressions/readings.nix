# What evaluation tells about versions of docker's file that come from anywhere, all in one process:
#   nix-instantiate --eval --strict --json readings.nix --argstr cases /path/of/cases.json
# Argument: `cases`, the absolute path of a JSON file, names → paths of cases as evaluate.nix takes
# them, each with one side `file` and one system `here`.
# Result: names → release → { components, overridable, attributes } of inspect.nix, or { error }.
{ cases }:
let
  inherit (builtins) fromJSON mapAttrs readFile;

  wanted = {
    components = null;
    overridable = null;
    attributes = null;
    error = null;
  };
in
mapAttrs (
  _: case:
  mapAttrs (_: builtins.intersectAttrs wanted) (import ./evaluate.nix { inherit case; }).file.here
) (fromJSON (readFile cases))
