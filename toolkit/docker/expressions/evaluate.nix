# The derivations of docker in a nixpkgs, for one pair of systems, at each stage of a series.
# Arguments, each a string: `case`, the absolute path of a JSON file, { sides, components }: names → absolute folders with a
# default.nix, and names; `tree`, the absolute path of the nixpkgs; `build` and `host`, system names; `sides`, JSON, those to
# evaluate; `flags`, JSON, parameters of a docker or of the file that are booleans; `examples`, of how many releases they are
# tried; `releases`, JSON, those to evaluate, null for all; `loud`, not empty to end with the error of a release that throws.
# Result: side → release → { docker, client, components, attributes, flags }, all of it strings and nulls without context.
# { error } stands for a release that throws; a form by flags is left out there.
{
  case,
  tree,
  build,
  host,
  sides,
  flags ? "[]",
  examples ? "1",
  releases ? "null",
  loud ? "",
}@arguments:
let
  inherit (builtins)
    any
    attrValues
    deepSeq
    elem
    elemAt
    filter
    fromJSON
    genList
    intersectAttrs
    length
    mapAttrs
    tryEval
    unsafeDiscardStringContext
    ;
  inherit (fromJSON (builtins.readFile case)) components;
  directories = (fromJSON (builtins.readFile case)).sides;
  count = fromJSON examples;
  only = fromJSON releases;

  world = import ./real.nix { inherit build host tree; };
  inherit (world) lib;
  inherit (import ./contents.nix { inherit lib; }) attributes identity;

  guarded =
    result:
    let
      attempt = tryEval (deepSeq result result);
    in
    if attempt.success then attempt.value else { error = "evaluation throws"; };

  byFlags = import ./flags.nix {
    inherit guarded lib;
    describe = found;
  };
  has = docker: component: docker.${component} or null != null;
  found = docker: {
    docker = identity docker;
    client =
      if lib.functionArgs docker.override ? clientOnly then
        identity (docker.override { clientOnly = true; })
      else
        null;
    components = lib.genAttrs components (
      component: if has docker component then identity docker.${component} else null
    );
    attributes = mapAttrs (_: mapAttrs (_: unsafeDiscardStringContext)) {
      moby = attributes (docker.moby or { });
      # A moby in passthru has its path in docker's attributes as well.
      docker = attributes docker // lib.optionalAttrs (has docker "moby") { moby = "${docker.moby}"; };
    };
  };

  # The newest, and further ones at equal distances down to the oldest.
  spread =
    names:
    let
      last = length names - 1;
      steps = if count == 1 then 1 else count - 1;
    in
    if length names <= count then names else genList (n: elemAt names (n * last / steps)) count;

  # The docker of each release, by values for its parameters and for those of the file.
  released =
    side:
    let
      called =
        arguments:
        import ./releases.nix {
          inherit arguments lib world;
          directory = directories.${side};
        };
      plain = called { };
      make =
        name: values:
        let
          docker = plain.releases.${name};
          own = intersectAttrs (lib.functionArgs docker.override) values;
          others = removeAttrs values (lib.attrNames own);
          other = if others == { } then docker else (called others).releases.${name};
        in
        if own == { } then other else other.override own;
    in
    {
      inherit (plain) names;
      makers = mapAttrs (name: _: make name) (
        lib.filterAttrs (name: _: only == null || elem name only) plain.releases
      );
    };
  bySide = lib.genAttrs (fromJSON sides) released;

  # At any stage: a patch may lose a condition.
  used =
    name: filter (flag: any ({ makers, ... }: makers ? ${name} && byFlags.matters makers.${name} flag) (attrValues bySide));
in
mapAttrs (
  _:
  { makers, names }:
  mapAttrs (
    name: make:
    (if loud != "" then (value: value) else guarded) (
      found (make { })
      // {
        flags =
          if elem name (spread (if only == null then names else only)) then
            byFlags.forms make (used name (fromJSON flags))
          else
            { };
      }
    )
  ) makers
) bySide
