# Compares packages of two trees, and tries doors of the second: does an override of the attribute reach what is built?
# `questions` is a JSON list of { package, doors, tests }: the package's attribute path, by name the path of each door among
# the package's attributes, and the names of passthru.tests to evaluate. Each answer stands where its question did.
{
  before,
  after,
  system,
  questions,
}:

let
  inherit (builtins)
    addErrorContext
    all
    elem
    foldl'
    fromJSON
    head
    isAttrs
    length
    mapAttrs
    tail
    toString
    tryEval
    ;

  packagesOf =
    tree:
    import tree {
      localSystem = { inherit system; };
      overlays = [ ];
      config = {
        allowBroken = true;
        allowUnfree = true;
        allowInsecurePredicate = _: true;
        android_sdk.accept_license = true;
      };
    };
  unchanged = packagesOf (/. + before);
  changed = packagesOf (/. + after);

  # What throws is an answer too: null.
  attempt =
    value:
    let
      tried = tryEval value;
    in
    if tried.success then tried.value else null;

  at =
    path: value:
    if path == [ ] then
      value
    else if isAttrs value && value ? ${head path} then
      at (tail path) value.${head path}
    else
      null;

  drvPath = package: attempt (if package == null then null else package.drvPath or null);

  # The attributes of the package with another value at a door.
  through =
    path: value: old:
    if length path == 1 then
      { ${head path} = value old.${head path}; }
    else
      {
        ${head path} = (old.${head path} or { }) // {
          ${head (tail path)} = value (old.${head path}.${head (tail path)} or null);
        };
      };

  # null where the override cannot be evaluated: with a value that throws, it is used.
  overridden = package: path: value: drvPath (package.overrideAttrs (through path value));

  door =
    { before, after }:
    path:
    let
      thrown = _: throw "unlet: this is used";
      marked =
        old: if isAttrs old && old ? overrideAttrs then old.overrideAttrs (_: { unletProbe = 1; }) else throw "no package";
      plain = drvPath after;
    in
    {
      there = at path after != null;
      # Another attribute of the package that has the name of the new one.
      hidden = at path before == null && before ? ${builtins.elemAt path (length path - 1)};
      used = overridden after path thrown == null;
      replaced =
        let
          other = overridden after path marked;
        in
        if other == null then null else other != plain;
      before = at path before != null && overridden before path thrown == null;
      component = drvPath (at path after);
    };

  answer =
    number:
    {
      package,
      doors,
      tests ? [ ],
    }:
    addErrorContext "unlet: question ${toString number}" (
      let
        pair = {
          before = attempt (at package unchanged);
          after = attempt (at package changed);
        };
        drvPaths = mapAttrs (_: drvPath) pair;
        testsOf = package: mapAttrs (_: drvPath) (builtins.intersectAttrs (builtins.listToAttrs (map (name: { inherit name; value = null; }) tests)) (package.passthru.tests or { }));
      in
      {
        inherit (drvPaths) before after;
        doors = if drvPaths.before == null || drvPaths.after == null then { } else mapAttrs (_: door pair) doors;
        tests = if drvPaths.before == null || drvPaths.after == null then { } else mapAttrs (_: testsOf) pair;
      }
    );

  asked = fromJSON questions;
in
builtins.genList (number: answer number (builtins.elemAt asked number)) (length asked)
