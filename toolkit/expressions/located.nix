# Where packages of a nixpkgs are written, and which systems they are for.
# Arguments, each a string: `tree`, the absolute path of a nixpkgs; `names`, JSON, a list of attribute paths, each a list
# of names; `systems`, JSON, names of systems. Result: for each { position, files, platforms, broken }: the `file:line`
# that its meta says, nothing for what is no package; the files that its attributes are written in, the one of its name
# and source first; names of systems; whether it is marked as broken on all of `systems` that it is for.
{
  tree,
  names,
  systems,
}:
let
  inherit (builtins)
    all
    attrNames
    concatMap
    elem
    filter
    fromJSON
    head
    isAttrs
    isString
    listToAttrs
    tail
    tryEval
    unsafeGetAttrPos
    ;

  main = fromJSON systems;
  sets = listToAttrs (
    map (system: {
      name = system;
      value = import (/. + tree) {
        localSystem = { inherit system; };
        overlays = [ ];
        config = import ./permitting.nix // {
          allowUnsupportedSystem = true;
        };
      };
    }) main
  );
  set = sets.${head main};

  guarded =
    otherwise: value:
    let
      attempt = tryEval value;
    in
    if attempt.success then attempt.value else otherwise;

  at =
    path: value:
    if path == [ ] then
      value
    else if isAttrs value && value ? ${head path} then
      at (tail path) value.${head path}
    else
      null;

  located =
    path:
    let
      found = guarded null (at path set);
      package = if isAttrs found && found.type or null == "derivation" then found else { };
      meta = guarded { } (package.meta or { });
      attributes = guarded { } (package.drvAttrs or { });
      written = name: if attributes ? ${name} then unsafeGetAttrPos name attributes else null;
    in
    {
      position = guarded "" (meta.position or "");
      files = concatMap (
        name: if written name == null then [ ] else [ (written name).file ]
      ) ([ "pname" "src" ] ++ attrNames attributes);
      platforms = guarded [ ] (filter isString (meta.platforms or [ ]));
      broken =
        guarded false (meta.broken or false) == true
        && all (system: guarded false ((at path sets.${system}).meta.broken or false) == true) (
          filter (system: elem system (meta.platforms or main)) main
        );
    };
in
map located (fromJSON names)
