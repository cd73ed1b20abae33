# What evaluation tells about versions of docker's file that come from anywhere, all in one process:
#   nix-instantiate --eval --strict --json readings.nix --argstr cases /path/of/cases.json
# Arguments, each a string: `cases`, the absolute path of a JSON file, names → paths of cases as evaluate.nix takes
# them, each with one side `file` and one system `here`; `asked`, JSON, as for evaluate.nix.
# Result: names → release → { components, doors, attributes } of inspect.nix, or { error }.
{ cases, asked }:
let
  inherit (builtins) fromJSON mapAttrs readFile;

  wanted = {
    components = null;
    doors = null;
    attributes = null;
    error = null;
  };
in
mapAttrs (
  _: case:
  mapAttrs (_: builtins.intersectAttrs wanted) (import ./evaluate.nix { inherit asked case; }).file.here
) (fromJSON (readFile cases))
