# Compares packages of two trees, and tries methods of the second: what does an override of an attribute reach?
#
# `questions` is a JSON list of { package, methods, shown, follows, downloads }: the attribute path of a package, by name
# the path of each method among the package's attributes, paths of other attributes that may be made with what they
# replace, by method attributes of the package that reach it, and paths of what is downloaded for a version. Each answer stands where its question did. What throws is an answer
# too: null. `sign` is what the lines on stderr begin with that name the question which is asked from there on.
{
  before,
  after,
  # A system, or two with an arrow between: what builds, and what is built for.
  system,
  questions,
  sign ? "unlet:",
  # The path of an overlay of the second tree, empty for none.
  overlay ? "",
  # Not empty: what throws ends the evaluation.
  loud ? "",
}:

let
  inherit (builtins)
    any
    attrValues
    deepSeq
    elemAt
    filter
    foldl'
    fromJSON
    genList
    head
    intersectAttrs
    isAttrs
    isList
    isString
    length
    listToAttrs
    mapAttrs
    split
    tail
    trace
    tryEval
    ;

  systems = filter isString (split " → " system);

  packages =
    overlays: tree:
    import (/. + tree) {
      localSystem.system = head systems;
      crossSystem = if length systems == 1 then null else { system = elemAt systems 1; };
      inherit overlays;
      config = import ./permitting.nix // {
        # The package itself need not be the one that Nix refuses.
        allowInsecurePredicate = _: trace "${sign} insecure" true;
        allowUnfree = false;
        allowUnfreePredicate = _: trace "${sign} unfree" true;
      };
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

  attemptList = value: let tried = attempt value; in if tried == null then [ ] else tried;

  drvPath = package: attempt (if isAttrs package then package.drvPath or null else null);

  # The derivations that an attribute holds, as far down as passthru.tests has them.
  drvPaths =
    value:
    let
      held = attempt (if isAttrs value then value else null);
    in
    if held == null || held ? drvPath then [ (drvPath held) ] else map drvPath (attrValues held);

  # The attributes of a package with another value by a method; none for what is no attribute of the derivation. What the
  # package has from passthru alone would become a variable of the build that nothing uses.
  through =
    path: value: old:
    if length path == 1 then
      mapAttrs (_: value) (intersectAttrs { ${head path} = null; } old)
    else
      within path value old;
  within =
    path: value: old:
    let
      there = old.${head path} or null;
    in
    { ${head path} = if length path == 1 then value there else (if there == null then { } else there) // within (tail path) value there; };

  # What stands for a value in an override, in the order in which it is tried: the same package under another name; one of
  # no other use, with the attributes that others read of this one; another value of the kind.
  unrelated = trees.after.stdenv.mkDerivation { name = "unlet-unrelated"; };
  renamed = attributes: { name = "unlet-" + (attributes.name or attributes.pname or "probe"); };
  replacements =
    old:
    if isAttrs old && old ? drvPath then
      (if old ? overrideAttrs then [ (old.overrideAttrs renamed) ] else [ ])
      ++ [
        (
          old
          // unrelated
          // intersectAttrs { meta = null; passthru = null; } old
          // listToAttrs (map (name: { inherit name; value = unrelated; }) (old.outputs or [ ]))
        )
      ]
    else if isString old then
      [ (old + "-unlet") ]
    else if isList old then
      [ (old ++ [ unrelated ]) ]
    else
      [ ];

  # What a replacement by a method gives: `old` and `new` are what it is for, `gives` the package with it.
  # `named` shows whether the package has any attribute of the name.
  tried =
    shown: path: package:
    let
      isArgument = head path == "override";
      # An argument's default is not known from outside.
      old = if isArgument then null else at path package;
      override =
        value:
        if isArgument then package.override { ${elemAt path 1} = value; } else package.overrideAttrs (through path (_: value));
      tries = map (new: {
        inherit new;
        package = override new;
      }) (if isArgument then [ unrelated ] else attemptList (replacements old));
      evaluates = filter (try: drvPath try.package != null) tries;
      others = package: map (path: drvPaths (at path package)) shown;
      there = at path package != null;
      found = if there && evaluates != [ ] then head evaluates else null;
    in
    {
      inherit there;
      named = !isArgument && package ? ${elemAt path (length path - 1)};
      old = drvPath old;
      new = if found == null then null else drvPath found.new;
      gives = if found == null then null else drvPath found.package;
      shown = found != null && others found.package != others package;
    };

  # A version that changes, so that no cache has what is made with it; another attribute throws.
  following =
    follows: path: package:
    listToAttrs (
      map (name: {
        inherit name;
        value =
          drvPath (at path (package.overrideAttrs (old: {
            ${name} = if name == "version" then "${old.version}.1" else throw "unlet: this is used";
          }))) != drvPath (at path package);
      }) (if drvPath (at path package) == null then [ ] else follows)
    );

  # The same download with another hash, and the derivation of the download.
  fake = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  rehashed =
    value:
    if isString value then
      fake
    else if !(value ? overrideAttrs) then
      throw "unlet: no download"
    else
      value.overrideAttrs (
        old:
        if old ? vendorStaging then { vendorStaging = rehashed old.vendorStaging; } else { outputHash = fake; }
      );
  download = holder: value: if isString value then holder.goModules or null else value.vendorStaging or value;

  # The package in another version with another hash of all that is downloaded for it, and the downloads by the old ones;
  # null if the version does not change the source.
  bumped =
    downloads: package:
    let
      parent = path: genList (elemAt path) (length path - 1);
      last = path: elemAt path (length path - 1);
      all = [ [ "src" ] ] ++ downloads;
      withHashes =
        paths:
        package.overrideAttrs (
          old:
          foldl' (
            new: path:
            let
              change = attributes: { ${last path} = rehashed attributes.${last path} or (throw "unlet: no download"); };
            in
            new // (if length path == 1 then change else through (parent path) (part: part.overrideAttrs change)) (old // new)
          ) { version = "${old.version or (throw "unlet: no version")}.1"; } paths
        );
      held =
        path:
        let
          holder = at (parent path) (withHashes (filter (other: other != path) all));
        in
        {
          name = builtins.concatStringsSep "." path;
          value = drvPath (download holder (holder.${last path} or null));
        };
    in
    if downloads == [ ] || drvPath ((withHashes [ ]).src or null) == drvPath (package.src or null) then
      null
    else
      {
        gives = drvPath (withHashes all);
        downloads = listToAttrs (map held all);
      };

  # What goes wrong in a value, however deep, or takes too long, comes after the line that names where it was asked for.
  said = place: value: trace "${sign} ${place}" (deepSeq value value);

  answer =
    number:
    {
      package,
      methods,
      shown,
      follows,
      downloads,
    }:
    said "question ${toString number}" (
      let
        pair = mapAttrs (_: tree: attempt (at package tree)) trees;
        paths = mapAttrs (_: drvPath) pair;
        evaluates = !any (path: path == null) (attrValues paths);
      in
      {
        inherit (paths) before after;
        marks = filter (mark: attempt (pair.before.meta.${mark} or false) == true) [
          "broken"
          "insecure"
          "unfree"
        ];
        methods =
          if evaluates then
            mapAttrs (name: path: {
              before = tried shown path pair.before;
              after = tried shown path pair.after;
              follows = following follows.${name} path pair.after;
            }) methods
          else
            { };
        bump = if evaluates then attempt (bumped downloads pair.after) else null;
      }
    );

  asked = fromJSON questions;
in
genList (number: answer number (elemAt asked number)) (length asked)
