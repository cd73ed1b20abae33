# All that evaluation can tell about a docker file, for all its variants and systems at once:
#   nix-instantiate --eval --strict --json evaluate.nix --argstr case /path/of/case.json …
# Arguments, each a string: `case`, the absolute path of a JSON file, see below; `asked`, JSON, what is wanted:
# side → { derivations, doors, rows, flags, bare, releases }, a boolean, component → a list as for doors.nix, names of rows
# of matrix.nix, parameters that are booleans, of a docker or of the file, whether to end with the error of a release
# that throws (false if it is not there), and the releases (all if it is not there); `systems`, JSON, a list of
# { label, build, host }; `labels`, JSON, those of them to evaluate; `tree`, the absolute path of the nixpkgs to evaluate in.
# The case is { sides, components }: names → absolute folders with a default.nix, and names.
# Result: side → system label → release → the result of inspect.nix.
#
# Every release on every system is asked for its derivations. How it can be overridden is up to the function that
# makes them all: that is asked of some releases on the first system, and of the newest on the others. So are the flags.
{
  case,
  asked,
  labels,
  systems,
  tree,
}:
let
  inherit (builtins)
    concatMap
    elem
    elemAt
    filter
    foldl'
    fromJSON
    genList
    head
    length
    listToAttrs
    mapAttrs
    ;
  inherit (fromJSON (builtins.readFile case)) components sides;
  known = fromJSON systems;

  # Made once for a system, not once for each side: most of the time goes into the set.
  bySystem = map (
    {
      label,
      build,
      host,
    }:
    {
      inherit label;
      examples = if label == (head known).label then 4 else 1;
      world = import ./real.nix { inherit build host tree; };
    }
  ) (filter ({ label, ... }: elem label (fromJSON labels)) known);

  # The newest, and further ones at equal distances down to the oldest.
  spread =
    count: names:
    let
      last = length names - 1;
      steps = if count == 1 then 1 else count - 1;
    in
    if length names <= count then names else genList (n: elemAt names (n * last / steps)) count;

  wanted = fromJSON asked;
  named =
    names:
    listToAttrs (
      map (name: {
        inherit name;
        value = null;
      }) names
    );

  # The docker of each release, by values for its parameters and for those of the file.
  released =
    { lib, ... }@world:
    side:
    let
      called =
        arguments:
        import ./releases.nix {
          inherit arguments lib world;
          directory = sides.${side};
        };
      found = called { };
      make =
        name: flags:
        let
          docker = found.releases.${name};
          own = builtins.intersectAttrs (lib.functionArgs docker.override) flags;
          others = removeAttrs flags (lib.attrNames own);
          other = if others == { } then docker else (called others).releases.${name};
        in
        if own == { } then other else other.override own;
    in
    {
      inherit (found) names;
      makers = mapAttrs (name: _: make name) found.releases;
    };

  answers =
    { examples, world }:
    let
      inherit (world) lib;
      inherit
        (import ./inspect.nix {
          inherit components lib;
          inherit (world) plain;
        })
        inspect
        matters
        ;
      bySide = mapAttrs (side: _: released world side) wanted;
      depends = map ({ makers, ... }: mapAttrs (_: matters) makers) (lib.attrValues bySide);
      # At any stage: a patch may lose a condition. By release and flag, each asked once and not for each side.
      isUsed = mapAttrs (
        name: _:
        listToAttrs (
          map (flag: {
            name = flag;
            value = builtins.any (by: by ? ${name} && by.${name} flag) depends;
          }) (concatMap ({ flags, ... }: flags) (lib.attrValues wanted))
        )
      ) (foldl' (found: by: found // by) { } depends);
      answer =
        side:
        { names, makers }:
        let
          chosen = spread examples (wanted.${side}.releases or names);
        in
        mapAttrs (
          name:
          inspect (
            removeAttrs wanted.${side} [ "releases" ]
            // (
              if elem name chosen then
                { flags = filter (flag: isUsed.${name}.${flag}) wanted.${side}.flags; }
              else
                {
                  doors = { };
                  rows = [ ];
                  flags = [ ];
                }
            )
          )
        ) (if wanted.${side} ? releases then builtins.intersectAttrs (named wanted.${side}.releases) makers else makers);
    in
    mapAttrs answer bySide;

  byLabel = listToAttrs (
    map (
      { label, ... }@system:
      {
        name = label;
        value = answers (removeAttrs system [ "label" ]);
      }
    ) bySystem
  );
in
mapAttrs (side: _: mapAttrs (_: answer: answer.${side}) byLabel) wanted
