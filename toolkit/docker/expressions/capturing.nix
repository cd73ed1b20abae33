# What becomes of the docker releases when the package set has packages with the names of components.
# Arguments, each a string: `case` and `systems` as for evaluate.nix; `tree`, the absolute path of a nixpkgs; `side`, one of
# the case's sides; `sets`, JSON, labels of package sets → names → conditions of the set (see releases.nix).
# Result: label of the set → system label → release → drvPath, or that the evaluation throws.
{
  case,
  systems,
  tree,
  side,
  sets,
}:
let
  inherit (builtins) fromJSON listToAttrs mapAttrs;
  inherit (fromJSON (builtins.readFile case)) sides;

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
      world = import ./real.nix { inherit build host tree; };
    }
  ) (fromJSON systems);

  releases =
    conditions: world:
    mapAttrs (_: answer)
      (import ./releases.nix {
        inherit conditions world;
        inherit (world) lib;
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
