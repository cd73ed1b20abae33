# What becomes of the docker releases when the package set has packages with the names of components.
# Arguments, each a string: `case`, the absolute path of a JSON file as for evaluate.nix; `side`, one of
# its sides; `set`, JSON, names → conditions of the package set (see releases.nix).
# Result: system label → release → drvPath, or { error } where the evaluation throws.
{
  case,
  side,
  set,
}:
let
  inherit (builtins.fromJSON (builtins.readFile case))
    sides
    libPath
    packages
    systems
    ;

  lib = if libPath == "" then import ./lib.nix else import (/. + libPath);

  answer =
    docker:
    let
      attempt = builtins.tryEval docker.drvPath;
    in
    if attempt.success then attempt.value else { error = "the evaluation throws"; };

  releases =
    { build, host, ... }:
    builtins.mapAttrs (_: answer) (
      import ./releases.nix {
        inherit lib;
        directory = sides.${side};
        conditions = builtins.fromJSON set;
        stubs = import ./stubs.nix {
          inherit lib build host;
          names = packages;
        };
      }
    );
in
builtins.listToAttrs (
  map (system: {
    name = system.label;
    value = releases system;
  }) systems
)
