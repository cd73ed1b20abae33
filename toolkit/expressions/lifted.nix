# Compares packages of two trees, and tries methods of the second: what does an override of an attribute reach?
#
# `questions` is a JSON list of { number, package, methods, shown, follows, downloads, hidden, taken, compared }: the attribute path of a
# package, by name the path of each method among the package's attributes, paths of other attributes that may be made with
# what they replace, by method attributes of the package that reach it, and paths of what is downloaded for a version. `hidden`: the second package's `override` may take
# arguments that it does not show; one that it does not take ends the evaluation. `taken` are names that the second set has
# something else under: an "unrelated" package, an alias that "throws", or "itself", the package's part. If a question is not
# `compared`, nobody looks at the first tree: the derivation before counts as that afterwards.
# A method is the path of an attribute; [ "override" NAME ], an argument; [ "override" NAME FORM PART ], an argument that takes
# a part in a form of `forms`; [ "table" ROW ], an override of `table`; or [ "follow" PATH… ], one of all that the part at PATH
# follows, so that it is another one.
# `after` is a tree, or the directory of one file of it: then the packages that the file makes take the place of those of
# the first tree, and all that they are made with is evaluated once for both.
# Each answer stands where its question did. What throws is an answer too: null. `sign` is what the lines on stderr begin
# with that name the question which is asked from there on.
{
  before,
  after,
  # A system, or two with an arrow between: what builds, and what is built for.
  system,
  questions,
  sign ? "unlet:",
  # The path of an overlay of the second tree, empty for none.
  overlay ? "",
  # The path of a file with overrides that people write, empty for none: a function of { lib, other }, where `other` makes
  # another package of a name, and of a package, to row → what the override gives, null if the package has no such argument. A
  # row may be { package, old, new } instead, if it replaces a part: it has an effect if `new` arrives in place of `old`.
  table ? "",
  # Not empty: what throws ends the evaluation.
  loud ? "",
}:

let
  inherit (builtins)
    any
    attrNames
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
    replaceStrings
    split
    tail
    toJSON
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
  # A directory that is no tree has the changed file, and all else is as before.
  isFile = !builtins.pathExists (/. + after + "/pkgs");
  called = set: removeAttrs (set.callPackage (/. + after) { }) [ "override" "overrideDerivation" ];
  changed =
    if isFile then
      trees.before.extend (
        final: _:
        listToAttrs (
          map (name: { inherit name; value = (called final).${name}; }) (attrNames (called trees.before))
        )
      )
    else
      trees.after;
  trees = {
    before = packages [ ] before;
    after =
      if overlay == "" && after == before then
        trees.before
      else if isFile then
        trees.before // called trees.before
      else
        packages (if overlay == "" then [ ] else [ (import (/. + overlay)) ]) after;
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
  replacements =
    old:
    let
      attributes.name = "unlet-${old.pname or old.name or "probe"}";
      value = {
        inherit attributes;
        new =
          old
          // unrelated
          // intersectAttrs { meta = null; passthru = null; } old
          // listToAttrs (map (name: { inherit name; value = unrelated; }) (old.outputs or [ ]));
      };
    in
    if isAttrs old && old ? drvPath then
      (if old ? overrideAttrs then [ (value // { new = old.overrideAttrs (_: attributes); }) ] else [ ]) ++ [ value ]
    else if isString old then
      [ { new = old + "-unlet"; } ]
    else if isList old then
      [ { new = old ++ [ unrelated ]; } ]
    else
      [ ];

  # What people give to an argument that is there to override a part, as they write it.
  forms =
    package: part:
    { attributes, new }:
    let
      short = replaceStrings [ "${package.pname or ""}-" ] [ "" ] part;
      named = value: { ${part} = value; } // { ${short} = value; };
      from = old: old.overrideAttrs (_: attributes);
    in
    {
      "{ … }" = attributes;
      "{ NAME = …; }" = named new;
      "…" = new;
      "old: { … }" = _: attributes;
      "old: …" = from;
      "{ NAME = { … }; }" = named attributes;
      "{ NAME = old: { … }; }" = named (_: attributes);
      "{ NAME = old: …; }" = named from;
      "old: { NAME = …; }" = _: named new;
      "final: prev: { NAME = …; }" = _: _: named new;
    };

  other =
    name:
    let
      known = attempt (trees.after.${name} or null);
    in
    if isAttrs known && known ? overrideAttrs then
      known.overrideAttrs (_: { name = "unlet-${name}"; })
    else
      trees.after.stdenv.mkDerivation { name = "unlet-${name}"; };
  rows = if table == "" then _: { } else import (/. + table) { inherit (trees.after) lib; inherit other; };

  # The path of the attribute that a method is about.
  attribute = method: if head method == "follow" then tail method else method;

  # A package's attributes with another version, and another source.
  another =
    names: old:
    intersectAttrs (listToAttrs (map (name: { inherit name; value = null; }) names)) {
      version = "${old.version}.1";
      src = (head (replacements old.src)).new;
    };

  # What a replacement by a method gives: `old` and `new` are what it is for, `gives` the package with it.
  # `named` shows whether the package has any attribute of the name, `held` is the derivation of that.
  tried =
    shown: hidden: follows: method: package:
    let
      isArgument = head method == "override";
      isRow = head method == "table";
      isFollow = head method == "follow";
      path = attribute method;
      name = elemAt path 1;
      last = elemAt path (length path - 1);
      row = attempt ((rows package).${name} or null);
      isPlain = isRow && row ? drvPath;
      # An argument's default is known from outside only if the package has it as an attribute, too.
      held = attempt (package.${last} or null);
      old =
        if isRow then
          row.old or null
        else if !isArgument then
          at path package
        else if isAttrs held && held ? drvPath then
          held
        else
          null;
      override =
        value:
        if !isArgument then
          package.overrideAttrs (through path (_: value.new))
        else
          package.override {
            ${name} = if length path == 2 then value.new else (forms package last value).${elemAt path 2};
          };
      tries =
        if isRow then
          (if row == null then [ ] else [ { new = row.new or null; package = if isPlain then row else row.package; } ])
        else if isFollow then
          map (package: {
            inherit package;
            new = at path package;
          }) [ (package.overrideAttrs (another follows)) ]
        else
          map (value: {
            inherit (value) new;
            package = override value;
          }) (if isArgument && old == null then [ { new = unrelated; attributes = { }; } ] else attemptList (replacements old));
      # The first that evaluates; what comes after it is not tried.
      first = tries: if tries == [ ] || drvPath (head tries).package != null then tries else first (tail tries);
      evaluates = first tries;
      others = package: map (path: drvPaths (at path package)) shown;
      there =
        if isRow then
          row != null
        else if isArgument then
          hidden || attempt (package.override.__functionArgs or { }) ? ${name}
        else
          at path package != null;
      found = if there && evaluates != [ ] then head evaluates else null;
    in
    {
      inherit there;
      named = !isArgument && !isRow && package ? ${last};
      held = drvPath held;
      old = if isPlain then null else drvPath old;
      new = if found == null || isPlain then null else drvPath found.new;
      gives = if found == null then null else drvPath found.package;
      shown = found != null && others found.package != others package;
    };

  # A version that changes, so that no cache has what is made with it; another attribute throws.
  following =
    follows: method: package:
    let
      path = attribute method;
    in
    listToAttrs (
      map (name: {
        inherit name;
        value =
          drvPath (at path (package.overrideAttrs (old: {
            ${name} = if name == "version" then "${old.version}.1" else throw "unlet: this is used";
          }))) != drvPath (at path package);
      }) (if drvPath (at path package) == null then [ ] else follows)
    );

  # A download with another hash, and the derivation of the download.
  rehashed = import ./rehashed.nix;
  # A part may itself be the download.
  download =
    name: holder: value:
    if name == "outputHash" then
      holder
    else if isString value then
      holder.goModules or null
    else
      value.vendorStaging or value;

  # The package in another version with another hash of all that is downloaded for it, and the downloads by the old ones;
  # null if the version does not change the source.
  bumped =
    downloads: package:
    let
      parent = path: genList (elemAt path) (length path - 1);
      last = path: elemAt path (length path - 1);
      # The source may itself be a part.
      all = (if any (path: head path == "src") downloads then [ ] else [ [ "src" ] ]) ++ downloads;
      withHashes =
        paths:
        package.overrideAttrs (
          final: old:
          foldl' (
            new: path:
            let
              change = attributes: { ${last path} = rehashed attributes.${last path} or (throw "unlet: no download"); };
              # buildNpmPackage downloads for the src of its arguments.
              own =
                attributes:
                mapAttrs (
                  name: value: if name == "npmDeps" then value.overrideAttrs { inherit (final) src; } else value
                ) (change attributes);
            in
            new // (if length path == 1 then own else through (parent path) (part: part.overrideAttrs change)) (old // new)
          ) { version = "${old.version or (throw "unlet: no version")}.1"; } paths
        );
      held =
        path:
        let
          holder = at (parent path) (withHashes (filter (other: other != path) all));
        in
        {
          name = builtins.concatStringsSep "." path;
          value = drvPath (download (last path) holder (holder.${last path} or null));
        };
    in
    if downloads == [ ] || drvPath ((withHashes [ ]).src or null) == drvPath (package.src or null) then
      null
    else
      {
        gives = drvPath (withHashes all);
        downloads = listToAttrs (map held all);
      };
  # Not by mapAttrs: of its values Nix does not see that they need themselves.
  taking =
    package: names: _: prev:
    listToAttrs (
      map (name: {
        inherit name;
        value =
          if names.${name} == "throws" then
            throw "the package set has no '${name}' any more"
          else if names.${name} == "itself" then
            (at package prev).${name} or unrelated
          else
            unrelated;
      }) (attrNames names)
    );

  # What goes wrong in a value, however deep, or takes too long, comes after the line that names where it was asked for.
  said = place: value: trace "${sign} ${place}" (deepSeq value value);

  answer =
    {
      number,
      package,
      methods,
      shown,
      follows,
      downloads,
      hidden,
      taken,
      compared,
    }:
    said "question ${toString number}" (
      let
        sets =
          (if compared then trees else { inherit (trees) after; })
          // (if taken == { } then { } else { after = takenSets.${takenKey package taken}; });
        # What the changed file no longer makes would be that of the first tree: it ends the evaluation, as in a tree.
        isGone = isFile && !(called trees.before ? ${head package});
        pair = mapAttrs (
          side: tree:
          if side == "after" && isGone then (called trees.before).${head package} else attempt (at package tree)
        ) sets;
        paths = mapAttrs (_: drvPath) pair;
        evaluates = !any (path: path == null) (attrValues paths);
      in
      {
        inherit (paths) after;
        before = paths.before or paths.after;
        marks = filter (mark: attempt ((pair.before or pair.after).meta.${mark} or false) == true) [
          "broken"
          "insecure"
          "unfree"
        ];
        methods =
          if evaluates then
            mapAttrs (name: path: {
              after = tried shown hidden follows.${name} path pair.after;
              follows = following follows.${name} path pair.after;
            } // (if compared then { before = tried shown false follows.${name} path pair.before; } else { })) methods
          else
            { };
        bump = if evaluates then attempt (bumped downloads pair.after) else null;
      }
    );

  # Packages share the sets that do not depend on them: a set evaluates all anew.
  takenKey = package: taken: toJSON [ taken (if any (kind: kind == "itself") (attrValues taken) then package else null) ];
  takenSets = listToAttrs (
    map (
      { package, taken, ... }:
      {
        name = takenKey package taken;
        value = changed.extend (taking package taken);
      }
    ) (fromJSON questions)
  );

  # What is answered is said at once: an error that ends the evaluation takes nothing of it.
  say = question: trace "${sign} answer ${toString question.number} ${toJSON (answer question)}" true;
in
length (filter say (fromJSON questions))
