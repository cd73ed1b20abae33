# All that evaluation can tell about a docker file, for all its variants and systems at once:
#   nix-instantiate --eval --strict --json evaluate.nix --argstr case /path/of/case.json …
# Arguments, each a string: `case`, the absolute path of a JSON file, see below; `asked`, JSON, what is wanted:
# side → { derivations, doors, rows, bare }, a boolean, component → a list as for doors.nix, names of rows of
# matrix.nix, and whether to end with the error of a release that throws (false if it is not there);
# `labels`, JSON, those of the systems to evaluate, "" for all.
# The case is { sides, libPath, names, finals, components, systems }: `sides`, names → absolute folders
# with a default.nix; `libPath`, the folder of a nixpkgs lib, or "" for ours; `names` and `finals` as for stubs.nix;
# `components`, names; `systems`, a list of { label, build, host }.
# Result: side → system label → release → the result of inspect.nix.
#
# Every release on every system is asked for its derivations. How it can be overridden is up to the function that
# makes them all: that is asked of some releases on the first system, and of the newest on the others.
{
  case,
  asked,
  labels ? "",
}:
let
  inherit (builtins)
    elem
    elemAt
    filter
    fromJSON
    genList
    head
    length
    listToAttrs
    mapAttrs
    ;
  inherit (fromJSON (builtins.readFile case))
    sides
    libPath
    finals
    names
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
      examples = if label == (head systems).label then 4 else 1;
      stubs = import ./stubs.nix {
        inherit lib build host;
        inherit finals names;
      };
    }
  ) (filter ({ label, ... }: labels == "" || elem label (fromJSON labels)) systems);

  # The newest, and further ones at equal distances down to the oldest.
  spread =
    count: names:
    let
      last = length names - 1;
      steps = if count == 1 then 1 else count - 1;
    in
    if length names <= count then names else genList (n: elemAt names (n * last / steps)) count;

  releases =
    wanted: examples: directory: stubs:
    let
      inspect = import ./inspect.nix {
        inherit lib components;
        inherit (stubs) plain;
      };
      found = import ./releases.nix { inherit lib stubs directory; };
      chosen = spread examples found.names;
    in
    mapAttrs (
      name:
      inspect (
        if elem name chosen then
          wanted
        else
          wanted
          // {
            doors = { };
            rows = [ ];
          }
      )
    ) found.releases;
in
mapAttrs (
  side: wanted:
  listToAttrs (
    map (
      {
        label,
        examples,
        stubs,
      }:
      {
        name = label;
        value = releases wanted examples sides.${side} stubs;
      }
    ) bySystem
  )
) (fromJSON asked)
