# What is to be known about one docker package.
# Arguments: `lib`; `components`, names; `plain`, from stubs.nix, to make replacements of them.
# Result: a function from the package to { docker, client, components, attributes,
# dockerAttributes, overridable, matrix }, all of it strings, booleans and nulls without context;
# { error } stands for the whole, for one component in overridable or for one row of the matrix
# where a throw or a failed assertion is met.
{
  lib,
  components,
  plain,
}:
let
  inherit (builtins)
    concatStringsSep
    deepSeq
    getContext
    isAttrs
    isList
    isPath
    mapAttrs
    toJSON
    tryEval
    unsafeDiscardStringContext
    ;

  # As the value goes into the derivation. Unlike toString, "${path}" gives the path in the store.
  text =
    value:
    if isList value then
      concatStringsSep " " (map text value)
    else if isPath value then
      "${value}"
    else if isAttrs value && !(value ? outPath) then
      toJSON value
    else
      toString value;

  attributes =
    package:
    mapAttrs (_: text) (
      lib.filterAttrs (_: value: value != null) (
        removeAttrs (package.drvAttrs or { }) [
          "__ignoreNulls"
          "args"
          "builder"
          "system"
        ]
      )
    );

  # Also the name under which a string's context holds the package. A plain stub has no drvPath.
  identity = package: unsafeDiscardStringContext (package.drvPath or package.outPath);

  mentions = strings: package: getContext (concatStringsSep "" strings) ? ${identity package};

  # The steps that make up the result: unlike an attribute, what they name is really used.
  installs =
    package:
    mentions (
      map (step: text (package.${step} or "")) [
        "preInstall"
        "installPhase"
        "postInstall"
        "preFixup"
        "postFixup"
      ]
    );

  holds = package: mentions (lib.attrValues (attributes package));

  guarded =
    result:
    let
      attempt = tryEval (deepSeq result result);
    in
    if attempt.success then attempt.value else { error = "evaluation throws"; };

  notAccepted = {
    accepted = false;
    changesDrv = false;
    docker = null;
    oldGone = false;
    reaches = false;
  };

  overridden =
    docker: component:
    let
      replacement = plain "replacement-of-${component}" { };
      changed = docker.override { ${component} = replacement; };
      old = docker.${component} or null;
      users = [ changed ] ++ lib.optional (changed ? moby) changed.moby;
      linksMoby = changed ? moby && installs changed changed.moby;
    in
    {
      accepted = true;
      changesDrv = identity changed != identity docker;
      docker = identity changed;
      oldGone = old != null && !builtins.any (user: holds user old) users;
      reaches =
        if component == "moby" then
          installs changed replacement
        else
          linksMoby && installs changed.moby replacement;
    };

  matrix = import ./matrix.nix {
    inherit plain;
    answer = package: guarded (if package == null then null else identity package);
  };
in
docker:
guarded {
  matrix = matrix docker;
  docker = identity docker;
  client =
    if docker.parameters ? clientOnly then identity (docker.override { clientOnly = true; }) else null;
  components = lib.genAttrs components (
    component: if docker ? ${component} then identity docker.${component} else null
  );
  attributes = mapAttrs (_: unsafeDiscardStringContext) (attributes (docker.moby or { }));
  dockerAttributes = mapAttrs (_: unsafeDiscardStringContext) (attributes docker);
  overridable = lib.genAttrs components (
    component:
    if docker.parameters ? ${component} then guarded (overridden docker component) else notAccepted
  );
}
