# All that evaluation can tell about a docker file, for all its variants and systems at once:
#   nix-instantiate --eval --strict --json evaluate.nix --argstr case /path/of/case.json
# Arguments, each a string: `case`, the absolute path of a JSON file, see below; `set`, JSON, names →
# conditions of the package set (see releases.nix); `labels`, JSON, those of the systems to evaluate,
# "" for all.
# The case is { sides, libPath, packages, components, systems }: `sides`, names → absolute folders
# with a default.nix; `libPath`, the folder of a nixpkgs lib, or "" for ours; `packages`, names of the
# packages that the set has (no parameter with a default may be there: callPackage would fill it);
# `components`, names; `systems`, a list of { label, build, host }.
# Result: side → system label → release → the result of inspect.nix.
{
  case,
  set ? "{}",
  labels ? "",
}:
let
  inherit (builtins)
    elem
    filter
    fromJSON
    listToAttrs
    mapAttrs
    ;
  inherit (fromJSON (builtins.readFile case))
    sides
    libPath
    packages
    components
    systems
    ;

  lib = if libPath == "" then import ./lib.nix else import (/. + libPath);

  # Made once for a system, not once for each side: most of the time goes into the stubs.
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
        names = packages;
      };
    }
  ) (filter ({ label, ... }: labels == "" || elem label (fromJSON labels)) systems);

  releases =
    directory: stubs:
    let
      inspect = import ./inspect.nix {
        inherit lib components;
        inherit (stubs) plain;
      };
    in
    mapAttrs (_: inspect) (
      import ./releases.nix {
        inherit lib stubs directory;
        conditions = fromJSON set;
      }
    );
in
mapAttrs (
  _: directory:
  listToAttrs (
    map (
      { label, stubs }:
      {
        name = label;
        value = releases directory stubs;
      }
    ) bySystem
  )
) sides
