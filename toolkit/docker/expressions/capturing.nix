# What becomes of the docker releases when the package set has packages with the names of components.
# Arguments, each a string: `case`, the absolute path of a JSON file as for evaluate.nix; `side`, one of
# its sides; `sets`, JSON, labels of package sets → names → conditions of the set (see releases.nix).
# Result: label of the set → system label → release → drvPath, or that the evaluation throws.
{
  case,
  side,
  sets,
}:
let
  inherit (builtins) fromJSON listToAttrs mapAttrs;
  inherit (fromJSON (builtins.readFile case))
    sides
    libPath
    finals
    names
    systems
    ;

  lib = if libPath == "" then import ./lib.nix else import (/. + libPath);

  answer =
    docker:
    let
      attempt = builtins.tryEval docker.drvPath;
    in
    if attempt.success then attempt.value else "the evaluation throws";

  # Made once for a system, not once for each set.
  bySystem = map (
    {
      label,
      build,
      host,
    }:
    {
      inherit label;
      stubs = import ./stubs.nix {
        inherit lib build host;
        inherit finals names;
      };
    }
  ) systems;

  releases =
    conditions: stubs:
    mapAttrs (_: answer)
      (import ./releases.nix {
        inherit lib conditions;
        world = stubs;
        directory = sides.${side};
      }).releases;
in
mapAttrs (
  _: conditions:
  listToAttrs (
    map (
      { label, stubs }:
      {
        name = label;
        value = releases conditions stubs;
      }
    ) bySystem
  )
) (fromJSON sets)
