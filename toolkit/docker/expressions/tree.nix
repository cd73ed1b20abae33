# What a whole nixpkgs makes of docker: the derivations of its releases and components, which docker its NixOS tests
# have, and whether the names of the components mean something in the set.
#   nix-instantiate --eval --strict --json tree.nix --argstr tree /path/of/nixpkgs … -A packages
# Arguments, each a string: `tree`, the absolute path of a nixpkgs; `system`, the system that builds;
# `crossSystem`, the one that it builds for where that is another, or ""; `question`, JSON, an object with the lists
# of names `releases`, `components` and `names` (those that might be captured); `tools`, JSON, what config.tools is
# (see the specimen), or "".
# Result: { packages, tests, names }. Of a package it says the drvPath, "throws" where evaluation throws, "absent"
# where there is none. `packages` is by attribute path; `tests` is { docker, tests }: the set's docker, and that of each test of
# which a machine has docker or rootless docker, by its name; `names` is { found, captured, docker }: what the set has under each name, the names that docker
# takes from the set, and the docker of a set that has a package for each.
{
  tree,
  system,
  question,
  crossSystem ? "",
  tools ? "",
}:
let
  inherit (builtins)
    attrNames
    concatMap
    filter
    fromJSON
    isAttrs
    listToAttrs
    map
    tryEval
    unsafeDiscardStringContext
    unsafeGetAttrPos
    ;
  asked = fromJSON question;

  set =
    config: overlays:
    import ./set.nix {
      inherit
        config
        crossSystem
        overlays
        system
        tools
        tree
        ;
    };
  packages = set { } [ ];

  guarded =
    value:
    let
      attempt = tryEval value;
    in
    if attempt.success then attempt.value else "throws";

  isDerivation = value: isAttrs value && value.type or null == "derivation";
  answer =
    value: guarded (if isDerivation value then unsafeDiscardStringContext value.drvPath else "absent");

  byName =
    names: value:
    listToAttrs (
      map (name: {
        inherit name;
        value = value name;
      }) names
    );

  whole = asked.releases ++ [ "docker" ];
  inSet = set: name: answer (set.${name} or null);
  paths = concatMap (package: map (component: { inherit package component; }) asked.components) whole;

  tests = packages.nixosTests or { };
  # Not the test itself, which holds whole systems.
  dockerOf =
    name: machine:
    let
      # Before 21.11 a machine was all that evaluates it.
      inherit ((if machine ? virtualisation then machine else machine.config).virtualisation) docker;
    in
    if docker.rootless.enable or false then
      [
        {
          inherit name;
          value = docker.rootless.package;
        }
      ]
    else if docker.enable then
      [
        {
          inherit name;
          value = docker.package;
        }
      ]
    else
      [ ];

  # Whoever uses one of the names is another in these two sets, whatever the set has under it by itself.
  overlaid = value: set { } [ (_: _: byName asked.names value) ];
  thrown = name: throw "the package set's ${name} is used";
  unrelated =
    name:
    derivation {
      inherit system;
      name = "unrelated-${name}";
      builder = "/bin/sh";
    };
  anyOther = overlaid unrelated;
  differs = other: filter (name: inSet anyOther name != inSet other name) whole != [ ];
  uses = name: differs (overlaid (each: (if each == name then thrown else unrelated) each));
  captured = if differs (overlaid thrown) then filter uses asked.names else [ ];

  withoutAliases = set { allowAliases = false; } [ ];
  found =
    name:
    if !(packages ? ${name}) then
      {
        kind = "absent";
        alias = false;
        file = "";
      }
    else
      let
        # Only by chance does evaluation know where an attribute was defined.
        position = unsafeGetAttrPos name packages;
      in
      {
        kind = guarded (if isDerivation packages.${name} then "a package" else "no package");
        alias = !(withoutAliases ? ${name});
        file = if position == null then "" else position.file;
      };
in
{
  packages =
    byName (whole ++ [ "docker-client" ]) (inSet packages)
    // listToAttrs (
      map (
        { package, component }:
        {
          name = "${package}.${component}";
          value = answer (packages.${package}.${component} or null);
        }
      ) paths
    );
  tests = {
    docker = inSet packages "docker";
    tests = builtins.mapAttrs (_: answer) (
      listToAttrs (
        concatMap (name: concatMap (dockerOf name) (builtins.attrValues (tests.${name}.nodes or { }))) (
          filter (name: tests ? ${name}) [
            "docker"
            "docker-rootless"
          ]
        )
      )
    );
  };
  names = {
    inherit captured;
    docker = inSet anyOther "docker";
    found = byName asked.names found;
  };
}
