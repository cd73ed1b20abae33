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
  inherit (import ./case.nix case)
    lib
    sides
    stubs
    systems
    ;

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
      world = stubs { inherit build host; };
    }
  ) systems;

  releases =
    conditions: world:
    mapAttrs (_: answer)
      (import ./releases.nix {
        inherit lib conditions world;
        directory = sides.${side};
      }).releases;
in
mapAttrs (
  _: conditions:
  listToAttrs (
    map (
      { label, world }:
      {
        name = label;
        value = releases conditions world;
      }
    ) bySystem
  )
) (fromJSON sets)
