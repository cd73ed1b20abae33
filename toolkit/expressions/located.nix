# Where packages of a nixpkgs are written, and which systems they are for.
# Arguments, each a string: `tree`, the absolute path of a nixpkgs; `names`, JSON, a list of attribute paths, each a list
# of names. Result: for each { position, files, platforms }: the `file:line` that its meta says, nothing for what is no
# package; the files that its attributes are written in, the one of its name and source first; and names of systems.
{ tree, names }:
let
  inherit (builtins)
    attrNames
    concatMap
    filter
    fromJSON
    head
    isAttrs
    isString
    tail
    tryEval
    unsafeGetAttrPos
    ;

  set = import (/. + tree) {
    localSystem.system = "x86_64-linux";
    overlays = [ ];
    config = import ./permitting.nix // {
      allowUnsupportedSystem = true;
    };
  };

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
    };
in
map located (fromJSON names)
