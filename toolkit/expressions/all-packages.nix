# The derivations of a whole package set, as many at a time as fit into memory.
#   nix-instantiate --eval --json all-packages.nix --argstr tree /path --argstr system … -A names
# Arguments, each a string: `tree`, the absolute path of a nixpkgs; `system`; `paths`, JSON, a list of attribute
# paths, each a list of names.
# Result: { names, chunk, jobs }: the names of the set; a number, with what is at and below `paths` on stderr, so that
# an error which cannot be caught loses nothing; the set itself, for nix-eval-jobs.
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
    in
    say [ path ] (
      if found == "set" then
        let
          names = attrNames value;
        in
        seq names (
          say [
            path
            names
          ] (foldl' (count: child: seq (answer (path ++ [ child ]) value.${child}) (count + 1)) 0 names)
        )
      else
        let
          given = if found == "package" then guarded (unsafeDiscardStringContext value.drvPath) else found;
        in
        seq given (
          say [
            path
            given
          ] 1
        )
    );

  at = foldl' (value: name: value.${name}) set;
in
{
  names = attrNames set;
  chunk = foldl' (count: path: seq (answer path (at path)) (count + 1)) 0 (fromJSON paths);
  jobs = set // {
    recurseForDerivations = true;
  };
}
