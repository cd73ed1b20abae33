# Compares packages of two trees, and tries doors of the second: what does an override of an attribute reach?
#
# `questions` is a JSON list of { package, doors, shown, follows }: the attribute path of a package, by name the path of
# each door among the package's attributes, paths of other attributes that may be made with what is behind the doors, and
# by door attributes of the package that reach it. Each answer stands where its question did. What throws is an answer
# too: null.
{
  before,
  after,
  # A system, or two with an arrow between: what builds, and what is built for.
  system,
  questions,
  # The path of an overlay of the second tree, empty for none.
  overlay ? "",
  # Not empty: what throws ends the evaluation.
  loud ? "",
}:

let
  inherit (builtins)
    addErrorContext
    all
    any
    attrValues
    elemAt
    filter
    fromJSON
    genList
    head
    intersectAttrs
    isAttrs
    isString
    length
    listToAttrs
    mapAttrs
    split
    tail
    tryEval
    ;

  systems = filter isString (split " → " system);

  packages =
    overlays: tree:
    import (/. + tree) {
      localSystem.system = head systems;
      crossSystem = if length systems == 1 then null else { system = elemAt systems 1; };
      inherit overlays;
      config = import ./permitting.nix;
    };
  trees = {
    before = packages [ ] before;
    after = packages (if overlay == "" then [ ] else [ (import (/. + overlay)) ]) after;
  };

  attempt =
    value:
    let
      tried = tryEval value;
    in
    if loud != "" then
      value
    else if tried.success then
      tried.value
    else
      null;

  at =
    path: value:
    if path == [ ] then
      value
    # An argument that the package's file has a default for, which `override` replaces.
    else if head path == "override" then
      attempt (value.override.__functionArgs or { }).${elemAt path 1} or null
    else if isAttrs value && value ? ${head path} then
      at (tail path) value.${head path}
    else
      null;

  drvPath = package: attempt (if isAttrs package then package.drvPath or null else null);

  # The derivations that an attribute holds, as far down as passthru.tests has them.
  drvPaths =
    value:
    let
      held = attempt (if isAttrs value then value else null);
    in
    if held == null || held ? drvPath then [ (drvPath held) ] else map drvPath (attrValues held);

  # The attributes of a package with another value at a door; none for what is no attribute of the derivation. What the
  # package has from passthru alone would become a variable of the build that nothing uses.
  through =
    path: value: old:
    if length path == 1 then
      mapAttrs (_: value) (intersectAttrs { ${head path} = null; } old)
    else
      { ${head path} = old.${head path} or { } // { ${elemAt path 1} = value (old.${head path}.${elemAt path 1} or null); }; };

  unrelated = trees.after.stdenv.mkDerivation { name = "unlet-unrelated"; };

  nowhere = {
    built = false;
    shown = false;
    evaluates = true;
  };

  tried =
    { before, after }:
    shown: follows: path:
    let
      thrown = _: throw "unlet: this is used";
      marked =
        old:
        if isAttrs old && old ? overrideAttrs then
          old.overrideAttrs (attributes: { name = "unlet-" + (attributes.name or attributes.pname or "probe"); })
        else
          throw "no package";
      reaches =
        package: value:
        let
          other =
            if head path == "override" then
              package.override { ${elemAt path 1} = value (throw "the unchanged argument is not known"); }
            else
              package.overrideAttrs (through path value);
          here = drvPath other;
          others = package: map (path: drvPaths (at path package)) shown;
        in
        if at path package == null then
          nowhere
        else
          {
            built = here != drvPath package;
            shown = others other != others package;
            evaluates = here != null;
          };
    in
    {
      there = at path after != null;
      # Another attribute of the package that had the name of the new one.
      hides = head path != "override" && at path before == null && before ? ${elemAt path (length path - 1)};
      before = (reaches before thrown).built;
      thrown = reaches after thrown;
      # An argument's default is not known from outside, so it is replaced by a derivation of no other use.
      replaced = reaches after (if head path == "override" then _: unrelated else marked);
      # A version that changes, so that no cache has what is made with it; another attribute throws.
      follows = listToAttrs (
        map (name: {
          inherit name;
          value =
            drvPath (at path (after.overrideAttrs (old: {
              ${name} = if name == "version" then "${old.version}.1" else throw "unlet: this is used";
            }))) != drvPath (at path after);
        }) (if drvPath (at path after) == null then [ ] else follows)
      );
    };

  answer =
    number:
    {
      package,
      doors,
      shown,
      follows,
    }:
    addErrorContext "unlet: question ${toString number}" (
      let
        pair = mapAttrs (_: tree: attempt (at package tree)) trees;
        paths = mapAttrs (_: drvPath) pair;
        evaluates = !any (path: path == null) (attrValues paths);
      in
      {
        inherit (paths) before after;
        doors = if evaluates then mapAttrs (name: tried pair shown follows.${name}) doors else { };
        same_shown = all (path: drvPaths (at path pair.before) == drvPaths (at path pair.after)) (if evaluates then shown else [ ]);
      }
    );

  asked = fromJSON questions;
in
genList (number: answer number (elemAt asked number)) (length asked)
