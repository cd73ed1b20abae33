# What is to be known about one docker package.
# Arguments: `lib`; `components`, names; `plain`, from real.nix, to make replacements of them.
# Result: { matters, inspect }: the former as in flags.nix; a function from { derivations, doors, rows, flags, bare } as for
# evaluate.nix, and `make`, from values for flags to the package, to { docker, client, components, attributes }, if
# `derivations` is true, and { doors, matrix, flags }, all of it strings, booleans and nulls without context. { error }
# stands for the whole, or for one row of the matrix, where a throw or a failed assertion is met; a form by flags is
# left out there. `doors` is by component, of those that docker has.
{
  lib,
  components,
  plain,
}:
let
  inherit (builtins)
    deepSeq
    mapAttrs
    tryEval
    unsafeDiscardStringContext
    ;
  inherit (import ./contents.nix { inherit lib; }) attributes identity;

  guarded =
    result:
    let
      attempt = tryEval (deepSeq result result);
    in
    if attempt.success then attempt.value else { error = "evaluation throws"; };

  outcomes = import ./doors.nix { inherit guarded lib plain; };
  matrix = import ./matrix.nix { inherit guarded lib plain; };
  byFlags = import ./flags.nix {
    inherit guarded lib;
    describe =
      docker:
      found docker
      // {
        doors = { };
        matrix = { };
        flags = { };
      };
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
in
{
  inherit (byFlags) matters;

  inspect =
    {
      derivations,
      doors,
      rows,
      flags,
      bare ? false,
    }:
    make:
    let
      docker = make { };
    in
    (if bare then (value: value) else guarded) (
      lib.optionalAttrs derivations (found docker)
      // {
        doors = mapAttrs (component: outcomes docker component) (
          lib.filterAttrs (component: _: has docker component) doors
        );
        matrix = matrix docker rows;
        flags = byFlags.forms make flags;
      }
    );
}
