# The derivations of a whole package set, as many at a time as fit into memory.
#   nix-instantiate --eval --strict --json all-packages.nix --argstr tree /path --argstr system … -A names
# Arguments, each a string: `tree`, the absolute path of a nixpkgs; `system`; `paths`, JSON, a list of attribute
# paths, each a list of names.
# Result: { names, children, chunk, jobs }: the names of the set; those below the first of `paths` where that is a
# set which is meant to be looked into, else none; dotted path → drvPath, "throws", or "skipped" for what is no
# package, of all that is at and below `paths`; the set itself, for nix-eval-jobs.
{
  tree,
  system,
  paths ? "[]",
}:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    fromJSON
    head
    isAttrs
    listToAttrs
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

  at = builtins.foldl' (value: name: value.${name}) set;

  answers =
    path: value:
    let
      found = kind value;
      name = concatStringsSep "." path;
    in
    if found == "set" then
      concatMap (child: answers (path ++ [ child ]) value.${child}) (attrNames value)
    else
      [
        {
          inherit name;
          value = if found == "package" then guarded (unsafeDiscardStringContext value.drvPath) else found;
        }
      ];

  wanted = fromJSON paths;
in
{
  names = attrNames set;
  children =
    let
      value = at (head wanted);
    in
    if kind value == "set" then attrNames value else [ ];
  chunk = listToAttrs (concatMap (path: answers path (at path)) wanted);
  jobs = set // {
    recurseForDerivations = true;
  };
}
