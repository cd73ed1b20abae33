# The derivations of a whole package set, as many at a time as fit into memory.
#   nix search --json --file all-packages.nix --argstr tree /path --argstr system … chunk ^-$
# Arguments, each a string: `tree`, the absolute path of a nixpkgs; `system`; `paths`, JSON, a list of attribute
# paths, each a list of names.
# Result: { names, chunk, jobs }: the names of the set; what is at and below `paths`, for `nix search`; the set itself,
# for nix-eval-jobs. `nix search` evaluates each element of `chunk`, and passes over one that does not evaluate,
# whatever the error is, as no expression can.
# A line on stderr is `trace: @` and JSON: [ path ] before the attribute is evaluated, then [ path answer ], the drvPath,
# "throws", or "skipped" for what is no package; or [ path names ] of a set, before what is in it.
{
  tree,
  system,
  paths ? "[]",
}:
let
  inherit (builtins)
    attrNames
    foldl'
    fromJSON
    isAttrs
    listToAttrs
    mapAttrs
    seq
    toJSON
    trace
    tryEval
    unsafeDiscardStringContext
    ;

  set = import (/. + tree) {
    inherit system;
    overlays = [ ];
    config = {
      # Each alias is another package once more, or throws.
      allowAliases = false;
      allowInsecurePredicate = _: true;
      allowUnfree = true;
    };
  };

  guarded =
    value:
    let
      attempt = tryEval value;
    in
    if attempt.success then attempt.value else "throws";

  kind =
    value:
    guarded (
      if !isAttrs value then
        "skipped"
      else if value.type or null == "derivation" then
        "package"
      else if value.recurseForDerivations or false then
        "set"
      else
        "skipped"
    );

  say = line: value: trace "@${toJSON line}" value;

  answer =
    path: value:
    let
      found = kind value;
      given = if found == "package" then guarded (unsafeDiscardStringContext value.drvPath) else found;
      inner = removeAttrs value [ "recurseForDerivations" ];
    in
    say [ path ] (
      if found == "set" then
        say [
          path
          (attrNames inner)
        ] (mapAttrs (name: answer (path ++ [ name ])) inner // { recurseForDerivations = true; })
      else
        seq given (
          say [
            path
            given
          ] {
            type = "derivation";
            name = given;
          }
        )
    );

  at = foldl' (value: name: value.${name}) set;
in
{
  names = attrNames set;
  # Of other names `nix search` takes an error for its own.
  chunk.legacyPackages.all = listToAttrs (
    map (path: {
      name = toJSON path;
      value = answer path (at path);
    }) (fromJSON paths)
  );
  jobs = set // {
    recurseForDerivations = true;
  };
}
