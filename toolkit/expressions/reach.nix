# What the overrides of overlays do to a package set, asked a question at a time: `nix repl --file reach.nix`.
#
# Arguments, each a string: `tree`, the absolute path of a nixpkgs; `system`, empty for that of the configuration, else of
# the machine; `inputs`, JSON, paths by the names of a flake's inputs, which are taken in place of the locked ones; `sign`,
# which stands before each answer, and which no overlay knows.
#
# In the set with all overlays, `prev.NAME` of an overlay is the package with everybody's overrides but this one. So one
# fixed point shows each override alone, and only what does not evaluate there gets a fixed point of its own.
#
# An answer is a line on stderr, `trace: SIGN@` and JSON, as the repl goes on after each error.
{
  tree,
  system ? "",
  inputs ? "{}",
  sign ? "",
}:
let
  inherit (builtins)
    attrNames
    elem
    elemAt
    filter
    foldl'
    head
    intersectAttrs
    isAttrs
    length
    listToAttrs
    mapAttrs
    match
    substring
    stringLength
    toJSON
    trace
    unsafeGetAttrPos
    ;

  lib = import (/. + tree + "/lib");

  inherit (import ./reach/values.nix)
    guarded
    at
    has
    isPackage
    isCallable
    text
    given'
    ;
  inherit (import ./reach/facts.nix)
    changedIn
    facts
    factsAt
    kindOf
    shown
    ;
  inherit (import ./reach/observed.nix) scopeIn scopeName;
  inherit
    (import ./reach/sets.nix {
      inherit
        tree
        system
        lib
        place
        ;
    })
    systemOf
    set
    plain
    hooks
    joint
    strict
    without
    alone
    ;
  inherit (import ./reach/scopes.nix { inherit place hooks; })
    extensionsOf
    membersBy
    membersOf
    entry
    memberOf
    callsOf
    callsAt
    ;
  inherit (import ./reach/flakes.nix { inherit inputs; }) flakeAt;
  inherit
    (import ./reach/files.nix {
      inherit
        tree
        system
        lib
        plain
        flakeAt
        ;
    })
    applied
    packagesOf
    settingsOf
    unchecked
    kinds
    chosenAt
    chosenIn
    keysIn
    ;
  inherit (import ./reach/calls.nix)
    argumentsOf
    described
    ;

  place =
    name: value:
    let
      found = unsafeGetAttrPos name value;
    in
    # What is computed has its place in a function of nixpkgs' lib.
    if isOutside found then { inherit (found) file line; } else null;

  isOutside = found: found != null && substring 0 (stringLength tree + 1) found.file != tree + "/";

  # The variables of a package that stand in a file of the user's.
  writtenIn =
    value:
    let
      variables = guarded { } (if isPackage value then value.drvAttrs or { } else { });
    in
    filter (name: place name variables != null) (attrNames variables);

  drvAt =
    path: scope: guarded null (if has path scope && isPackage (at path scope) then text (at path scope).drvPath else null);

  # Other paths to the same package without any overlay: of an interpreter's packages, of a kernel, of the latest version;
  # those to another interpreter's are none.
  aliasesOf =
    path:
    let
      first = head path;
      member = elemAt path (length path - 1);
      kernel = match "linux(_[a-z0-9_]+)?" first;
      versioned = match "(.*[^_0-9])_[0-9_]+" first;
      interpreter = match "(.+)Packages" first;
      # Each version's packages are those of its own interpreter.
      own =
        if interpreter != null then
          [ [ (head interpreter) "pkgs" member ] ]
        else if elemAt path 1 == "pkgs" then
          [ [ "${first}Packages" member ] ]
        else
          [ ];
      default =
        if match "python3[0-9]*(Packages)?" first == null then
          [ ]
        else
          [
            [ "python3Packages" member ]
            [ "python3" "pkgs" member ]
          ];
    in
    filter (other: other != path && drvAt other plain == drvAt path plain) (
      if length path > 1 then
        default ++ filter (other: !elem other default) own
      else if kernel != null then
        [ [ "linuxPackages${toString kernel}" "kernel" ] ]
      else if versioned != null then
        [ versioned ]
      else
        [ ]
    );

  # The attributes with the hashes of what a package, and each part in its passthru, downloads, by their paths.
  downloadsOf =
    package: names:
    let
      parts = package.passthru or { };
      isDownload = value: isPackage value && (value ? outputHash || value ? vendorStaging);
      # What a package only shows in its passthru is no attribute that an override of it can change.
      isSet = holder: name: name == "goModules" || holder.drvAttrs ? ${name};
      of =
        path: holder:
        map (name: path ++ [ (if name == "goModules" then "vendorHash" else name) ]) (
          filter (name: guarded false (isSet holder name && isDownload (holder.${name} or null))) names
        );
      # Other names would be code where an override names them.
      isName = part: match "[A-Za-z_][A-Za-z0-9_'-]*" part != null;
      within = part: if isName part && guarded false (isPackage parts.${part}) then of [ part ] parts.${part} else [ ];
    in
    of [ ] package ++ builtins.concatMap within (attrNames parts);

  # Some of these attributes with other hashes.
  rehash =
    holder: paths:
    listToAttrs (
      map (path: {
        name = lib.last path;
        value = import ./rehashed.nix (if lib.last path == "vendorHash" then "" else holder.${lib.last path});
      }) paths
    );

  say = value: trace "${sign}@${toJSON value}" null;
in
{
  inherit
    plain
    joint
    strict
    without
    alone
    ;

  # What a file holds, by its kind.
  read = kind: path: kinds.${kind} path;

  # The overlays of a configuration of a flake, and all by kind and name. That of NixOS is asked for its options of nixpkgs,
  # the others for the packages that they have.
  host =
    path: kind: name:
    let
      value = (flakeAt path).${kind}.${name};
    in
    if kind == "nixosConfigurations" then
      settingsOf value._module.args.modules (value.extendModules { modules = [ unchecked ]; })
    else
      packagesOf value.pkgs;
  hosts =
    path:
    let
      outputs = flakeAt path;
      of = kind: map (name: [ kind name ]) (attrNames (outputs.${kind} or { }));
    in
    say (of "nixosConfigurations" ++ of "homeConfigurations" ++ of "darwinConfigurations");

  # An overlay of a file; `key` is a name of its own.
  overlayOf = file: number: key: {
    inherit (file) config system;
    key = "unlet ${key}";
    function = applied (elemAt file.overlays number).function;
  };

  # The same of a package that an option of a file's configuration is set to; the set does not get it. `readable` is how
  # the file is read for overlays, `of` the path of the package, its last name first.
  chosenOf = file: readable: keys: of: key: {
    inherit (readable) config system;
    key = "unlet ${key}";
    isApart = true;
    function = _: prev: foldl' (value: name: { ${name} = value; }) (chosenAt file.configuration prev keys) of;
  };

  # The options of a configuration that are set to overrides, and what else is there if they cannot be read as a whole.
  chosen = file: keys: say (if file.configuration == null then [ ] else chosenIn file.configuration plain keys);
  keys = file: keys: say (keysIn file.configuration plain keys);

  # The package that a service or program of a name runs by default, if it is another one.
  taken =
    file: name:
    let
      inherit (file.configuration) options;
      defaultOf =
        kind:
        let
          found = options.${kind}.${name};
          text = found.package.defaultText.text or "";
        in
        if options ? ${kind}.${name}.package && found.enable.value && found.package.highestPrio > 1000 then
          match "pkgs[.]([a-zA-Z0-9_-]+)" text
        else
          null;
      defaults = filter (each: each.attribute != null) (
        map (kind: {
          option = "${kind}.${name}.package";
          attribute = defaultOf kind;
        }) [ "services" "programs" ]
      );
    in
    say (
      filter (each: each.attribute != name && guarded false (isPackage plain.${each.attribute})) (
        map (each: each // { attribute = head each.attribute; }) defaults
      )
    );

  # Which overlays there are.
  overlays = file: say (map (each: each.name) file.overlays);

  # What is in a file, by name, and one of it as a file.
  parts = file: say (map (each: each.name) file.parts);
  part = file: number: elemAt file.parts number;

  # The system that overlays are used on.
  system = used: say (systemOf used);

  # The names that an overlay has, and where.
  names =
    index:
    let
      given = index.function plain plain;
    in
    say (
      map (name: {
        inherit name;
        known = plain ? ${name};
        place = place name given;
      }) (attrNames given)
    );

  # What an attribute is before and after, and what is in it.
  look =
    scope: index: name:
    let
      inherit (entry index scope) prev given;
      # An alias of a package that has been removed throws.
      old = guarded null (prev.${name} or null);
      new = given.${name};
      within = if isPackage new then scopeIn new else new;
      before = if isAttrs old && isPackage old then scopeIn old else old;
      isHook = hooks ? ${name};
      extensions = guarded [ ] (extensionsOf scope index name);
      isScope = isAttrs old && isAttrs within && !isCallable new && (isPackage new || !isPackage old);
      members =
        if extensions != [ ] then
          membersBy extensions
        else if isScope && !isHook && isAttrs before then
          membersOf before within
        else
          { };
    in
    say {
      old = kindOf old;
      new = kindOf new;
      package = isPackage new;
      base =
        if isHook then
          hooks.${name}.scope
        else if isPackage new && scopeName new != null then
          [
            name
            (scopeName new)
          ]
        else
          [ name ];
      extended = extensions != [ ];
      hook = isHook;
      members = map (member: {
        name = member;
        place = members.${member};
      }) (attrNames members);
    };

  # The calls that make the override; of a member of a scope, if `member` is not empty.
  calls =
    scope: index: name: member:
    say (map described (callsOf scope index name member));

  # The same of what a path leads to, in a set that the overlay gives.
  callsTo =
    scope: index: path:
    say (map described (callsAt scope index path));

  # The arguments that a package's file takes.
  arguments = scope: index: name: say (argumentsOf (entry index scope).prev.${name});

  # The derivations of a path below the old and the new value of an attribute. The old value may need the new one, and not
  # evaluate with it: if `afresh`, it is that of the plain set.
  pair =
    afresh: scope: index: path:
    let
      inherit (entry index scope) prev given;
      old = factsAt path (if afresh then plain else prev);
      new = facts (at path given);
    in
    say {
      inherit old new;
      written = writtenIn (at path given);
      aliases = map (other: {
        path = other;
        drv = drvAt other scope;
        plain = drvAt other plain;
      }) (if index.isApart or false then [ ] else aliasesOf path);
    };

  # The same of a member of a scope that an extension gives.
  member =
    afresh: scope: index: name: base: each:
    let
      found = memberOf scope index name each;
    in
    say {
      old = if afresh then factsAt (base ++ [ each ]) plain else factsAt [ each ] found.super;
      new = facts found.given.${each};
      written = writtenIn found.given.${each};
      aliases = map (other: {
        path = other;
        drv = drvAt other scope;
        plain = drvAt other plain;
      }) (aliasesOf (base ++ [ each ]));
    };

  # The package that another way gives, beside the one that it is made of; `way` is a function of what the overlay is given,
  # what the extension of a scope is given, and what each call of the override sets.
  way =
    scope: index: name: member: attribute: way:
    let
      calls = callsOf scope index name member;
      inherit (entry index scope) prev;
      found = if member == "" then { self = scope; super = prev; } else memberOf scope index name member;
      given = number: old: given' (elemAt calls number).argument old old;
    in
    say {
      old = facts (if elem attribute [ name member ] then (lib.last calls).of else found.super.${attribute});
      new = facts (way scope prev found.self found.super given).${attribute};
    };

  # The same of a package in a set, which is not a scope's.
  wayTo =
    scope: index: path: attribute: way:
    let
      calls = callsAt scope index path;
      inherit (entry index scope) prev;
      holder = at (lib.init path) prev;
      given = number: old: given' (elemAt calls number).argument old old;
    in
    say {
      old = facts holder.${attribute};
      new = facts (way scope prev scope holder given).${attribute};
    };

  # The same with the way in place of the user's attribute, for a package that its own dependencies are built with.
  replaced =
    used: scope: index: name: attribute: way:
    let
      calls = callsOf scope index name "";
      given = number: old: given' (elemAt calls number).argument old old;
      overlays = map (
        each: final: prev:
        let
          own = each.function final prev;
        in
        if each.key == index.key then
          removeAttrs own [ name ]
          // way final prev null null given
          // {
            "unlet before" = prev;
          }
        else
          own
      ) (filter (each: !each.isApart or false) used);
      after = set used overlays;
    in
    say {
      old = facts after."unlet before".${attribute};
      new = facts after.${attribute};
    };

  # A package with the overlay of a directory, without the user's override of it and with that; what `moved` names the
  # override sets in passthru then, and the `rehashed` paths of `downloadsOf` get another hash. `passthru` has the names
  # there, and `downloads` the paths of what is named so.
  brought =
    scope: index: name: member: directory: moved: rehashed: downloads:
    let
      package = (set [ ] [ (import (/. + directory)) ]).${name};
      within =
        change: old:
        let
          given = given' change old old;
          inherit (builtins.partition (path: length path == 1) rehashed) right wrong;
        in
        removeAttrs given moved
        // rehash old right
        // {
          passthru =
            given.passthru or old.passthru or { }
            // removeAttrs given (filter (name: !elem name moved) (attrNames given))
            // mapAttrs (
              part: paths: old.passthru.${part}.overrideAttrs (old: rehash old paths)
            ) (builtins.groupBy head wrong);
        };
      after =
        value: call:
        value.${call.method} (
          if moved ++ rehashed != [ ] && call.method == "overrideAttrs" then within call.argument else call.argument
        );
    in
    say {
      old = facts package;
      new = facts (foldl' after package (callsOf scope index name member));
      passthru = attrNames (package.passthru or { });
      downloads = downloadsOf package downloads;
    };

  # What a package and the parts in its passthru download, by the paths of the hashes.
  downloads =
    scope: index: name: _member: downloads:
    say (downloadsOf (entry index scope).prev.${name} downloads);

  # Whether the file of a package seems to bind a name.
  binds =
    name: part:
    let
      position = match "(.*):[0-9]+" plain.${name}.meta.position;
    in
    say (length (builtins.split "[^a-zA-Z0-9_-]${part}[[:space:]]*=[^=]" (builtins.readFile (/. + head position))) > 1);

  # A package with the overlay of a directory that makes a part of it overridable, and with the part that the user gives:
  # as an argument of the package's, or as an attribute of the set.
  replacing =
    scope: index: name: package: part: directory: inPassthru:
    let
      brought = (set [ ] [ (import (/. + directory)) ]).${package};
      inherit (entry index scope) prev;
      before = prev // {
        ${part} = brought.${part};
        ${package} = brought // { override = argument: { inherit argument; }; };
      };
      given = (index.function scope before).${name};
      value = if name == part then given else (given' given.argument null null).${part};
    in
    say {
      old = facts brought;
      new = facts (
        brought.overrideAttrs (
          old: if inPassthru then { passthru = old.passthru // { ${part} = value; }; } else { ${part} = value; }
        )
      );
    };

  # The derivation of a path in the whole list, with `way` in place of what an overlay sets, or beside that if no member of a
  # scope is named: then it may use the whole extension.
  placed =
    used: scope: index: name: member: path: way:
    let
      given =
        if member == "" then (head (extensionsOf scope index name)).function else (memberOf scope index name member).function;
      overlays = map (
        each: final: prev:
        let
          own = each.function final prev;
        in
        if each.key != index.key then own else removeAttrs own (if member == "" then [ ] else [ name ]) // way final prev given
      ) (filter (each: !each.isApart or false) used);
    in
    say (toString (drvAt path (set used overlays)));

  # What a package has got that it had not, each as far as its kind.
  added =
    scope: index: path:
    let
      new = at path (entry index scope).given;
      old = at path (entry index scope).prev;
    in
    say (map (name: guarded "nothing" (kindOf new.${name})) (filter (name: !old ? ${name}) (attrNames new)));

  # Why Nix refuses a package of a set unless it is told otherwise, as it does in the set that permits nothing.
  refusals =
    scope: strict: path:
    let
      package = at path scope;
      found = filter (kind: guarded false (package.meta.${kind} or false)) [
        "broken"
        "insecure"
        "unfree"
      ];
      isRefused = has path scope && isPackage package && found != [ ] && guarded null (at path strict).drvPath == null;
    in
    say (if isRefused then found else [ ]);

  differs =
    scope: index: path:
    say (shown (at path (entry index scope).prev) (at path (entry index scope).given));

  # The same of a member of a scope.
  memberDiffers =
    scope: index: name: each:
    let
      found = memberOf scope index name each;
    in
    say (shown (found.super.${each} or { }) found.given.${each});

  # Whether two values that are no packages are the same; null if one is a function, unless they make different packages.
  equal =
    scope: index: path:
    say (
      let
        # callPackage and recurseIntoAttrs add these to a set.
        apart = [
          "override"
          "overrideDerivation"
          "recurseForDerivations"
        ];
        plain = value: if isAttrs value then removeAttrs value apart else value;
        before = at path (entry index scope).prev;
        after = at path (entry index scope).given;
        old = plain before;
        new = plain after;
        # What a builder makes of a package's arguments, null for no package.
        made =
          builder:
          let
            package = builder {
              pname = "unlet";
              version = "0";
              src = null;
              pyproject = true;
              cargoHash = "";
              npmDepsHash = "";
              vendorHash = null;
            };
          in
          guarded null (if isCallable builder && isPackage package then text package.drvPath else null);
        # What is written in the same place is the same, as packages that differ are known already.
        place = set: name: unsafeGetAttrPos name set;
        differ =
          name:
          let
            here = new.${name};
            there = old.${name};
          in
          place old name != place new name
          && (
            if isPackage here then
              !isPackage there || guarded null (text here.drvPath) != guarded null (text there.drvPath)
            else if isCallable here then
              place old name != null && place new name != null
            else
              !guarded false (here == there)
          );
      in
      if isCallable before || isCallable after then
        (if guarded false (before == after) then true else if elem (made after) [ null (made before) ] then null else false)
      else if isAttrs old && isAttrs new then
        attrNames old == attrNames new && filter differ (attrNames new) == [ ]
      else
        guarded false (old == new)
    );

  # The names in a set with the override.
  within = scope: index: path: say (attrNames (at path (entry index scope).given));

  # The packages that differ below a path in what has one of some names, by their paths from there.
  inner =
    scope: index: path: names:
    let
      some = intersectAttrs (
        listToAttrs (
          map (name: {
            inherit name;
            value = null;
          }) names
        )
      );
    in
    say (changedIn 1 (some (at path (entry index scope).prev)) (some (at path (entry index scope).given)));

  # The derivation of a path in a set, empty for none.
  drv = scope: path: say (toString (drvAt path scope));

  # What a path leads to without the override.
  before = scope: index: path: say (facts (at path (entry index scope).prev));

  # The derivation that a name has at the top of a set, null for none.
  top =
    scope: names:
    say (map (name: guarded null (if scope ? ${name} && isPackage scope.${name} then text scope.${name}.drvPath else null)) names);
}
