# What the overrides of overlays do to a package set, asked a question at a time: `nix repl --file reach.nix`.
#
# Arguments, each a string: `tree`, the absolute path of a nixpkgs; `system`, empty for that of the configuration, else of
# the machine; `inputs`, JSON, paths by the names of a flake's inputs, which are taken in place of the locked ones.
#
# In the set with all overlays, `prev.NAME` of an overlay is the package with everybody's overrides but this one. So one
# fixed point shows each override alone, and only what does not evaluate there gets a fixed point of its own.
#
# An answer is a line on stderr, `trace: @` and JSON, as the repl goes on after each error.
{
  tree,
  system ? "",
  inputs ? "{}",
}:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    deepSeq
    elem
    elemAt
    filter
    foldl'
    fromJSON
    functionArgs
    genList
    head
    intersectAttrs
    isAttrs
    isFunction
    isList
    isPath
    isString
    length
    listToAttrs
    mapAttrs
    match
    substring
    split
    stringLength
    tail
    toJSON
    toXML
    trace
    tryEval
    typeOf
    unsafeDiscardStringContext
    unsafeGetAttrPos
    ;

  lib = import (/. + tree + "/lib");
  permitting = import ./permitting.nix;

  guarded =
    otherwise: value:
    let
      attempt = tryEval value;
    in
    if attempt.success then attempt.value else otherwise;

  at = path: value: foldl' (set: name: set.${name}) value path;
  has = path: value: path == [ ] || isAttrs value && value ? ${head path} && has (tail path) value.${head path};
  isPackage = value: isAttrs value && value.type or null == "derivation";
  isCallable = value: isFunction value || isAttrs value && value ? __functor;

  # --- What a file holds: a configuration, and overlays, each with a name below the file's own.

  arguments = {
    inherit lib;
    pkgs = plain;
    config = { };
    options = { };
    modulesPath = tree + "/nixos/modules";
  };

  # What nobody knows here fails where it is used.
  called =
    function:
    let
      wanted = functionArgs function;
      unknown = filter (name: !wanted.${name} && !arguments ? ${name}) (attrNames wanted);
    in
    function (
      intersectAttrs wanted arguments
      // listToAttrs (
        map (name: {
          inherit name;
          value = throw "unlet: the argument '${name}' is not known here";
        }) unknown
      )
    );

  overlay = name: function: [ { inherit name function; } ];

  # A function of a set, `{ ... }: …` too, of which `functionArgs` says no more than of `final: …`.
  takesSet = value: isFunction value && match ".*<attrspat.*" (head (split "</attrspat>" (toXML value))) != null;

  # What a value holds that may be overlays, each with its name; nothing of it is looked at.
  partsIn =
    name: value:
    let
      settings = value.nixpkgs or (value.config.nixpkgs or { });
    in
    if isPath value || isString value then
      partsIn name (import value)
    else if takesSet value then
      partsIn name (called value)
    else if isList value then
      genList (number: {
        name = "${name}[${toString number}]";
        value = elemAt value number;
      }) (length value)
    else if !isAttrs value || isCallable value then
      [ ]
    else if value ? nixpkgs || value ? config.nixpkgs then
      partsIn name (settings.overlays or [ ])
    else if value ? flake.overlays then
      partsIn name value.flake.overlays
    else
      map (inner: {
        name = if name == "" then inner else "${name}.${inner}";
        value = value.${inner};
      }) (attrNames value);

  # What cannot be read, such as an input that nobody knows, is an overlay that fails, beside those that can.
  overlaysOf =
    { name, value }:
    let
      found = overlaysIn name value;
    in
    if !guarded true (isCallable value || isList value || isPath value) then
      [ ]
    else if (tryEval (length found)).success then
      found
    else
      overlay name value;

  # Overlays in a value: a function of two, a list or a set of them, a configuration with some of its own.
  overlaysIn =
    name: value:
    if isPath value || isString value then
      overlaysIn name (import value)
    else if takesSet value then
      overlaysIn name (called value)
    else if isCallable value then
      overlay name value
    else if isAttrs value && (value ? packageOverrides || value ? allowUnfree) then
      overridesIn name value
    else if isAttrs value || isList value then
      overridesIn name (value.nixpkgs.config or (value.config.nixpkgs.config or { }))
      ++ concatMap overlaysOf (partsIn name value)
    else
      throw "unlet: is of the type ${typeOf value}, not an overlay";

  overridesIn =
    name: config:
    if config ? packageOverrides then overlay "packageOverrides" (_: prev: config.packageOverrides prev) else [ ];

  # A function of a function of the set is a step too many: `{ … }: final: prev:` and `_: final: prev:`.
  applied =
    function: final: prev:
    let
      result = function final prev;
    in
    if isCallable result then function arguments final prev else result;

  # A file, what it sets, and what is in it that can be read by itself if the whole cannot.
  file =
    {
      config ? { },
      system ? null,
      overlays,
      parts ? [ ],
    }:
    {
      inherit config system overlays;
      parts = map (
        part:
        file {
          inherit config system;
          overlays = overlaysOf part;
          parts = partsIn part.name part.value;
        }
        // {
          inherit (part) name;
        }
      ) parts;
    };

  # What the NixOS of this nixpkgs makes of the settings of a configuration.
  settingsOf =
    settings:
    file {
      inherit (settings) config;
      system = guarded null (settings.hostPlatform.system or settings.system or null);
      overlays = overridesIn "" settings.config ++ overlaysIn "" settings.overlays;
      parts =
        map (each: {
          inherit (each) name;
          value = each.function;
        }) (overridesIn "" settings.config)
        ++ partsIn "nixpkgs.overlays" settings.overlays;
    };

  # Of all options only those of nixpkgs are asked for.
  unchecked = { _module.check = false; };

  valueOf =
    value:
    let
      opened = if takesSet value then called value else value;
    in
    file {
      config =
        if !isAttrs opened then
          { }
        else if opened ? packageOverrides then
          opened
        else
          opened.nixpkgs.config or { };
      overlays = overlaysIn "" opened;
      parts = partsIn "" opened;
    };

  kinds = {
    # A NixOS configuration with all that it imports.
    module =
      path:
      settingsOf
        (import (/. + tree + "/nixos/lib/eval-config.nix") {
          modules = [
            (/. + path)
            unchecked
          ];
          ${if system == "" then null else "system"} = system;
        }).config.nixpkgs;
    # Anything else, by its value.
    file = path: valueOf (import (/. + path));
    # ~/.config/nixpkgs/config.nix
    config =
      path:
      let
        value = import (/. + path);
        config = if isFunction value then value (intersectAttrs (functionArgs value) arguments) else value;
      in
      file {
        inherit config;
        overlays = overridesIn "" config;
      };
    flake =
      path:
      let
        outputs = flakeAt path;
        parts =
          partsIn "overlays" (outputs.overlays or { })
          ++ partsIn "" (if outputs ? overlay then { inherit (outputs) overlay; } else { });
      in
      file {
        inherit parts;
        overlays = concatMap overlaysOf parts;
      };
  };

  # --- A flake with its inputs: the given ones, else what its lock says, which may have to be fetched.

  given = fromJSON inputs;

  flakeAt = path: flakeOf path (lockOf path) (lockOf path).root [ ];

  lockOf =
    path:
    if builtins.pathExists (/. + path + "/flake.lock") then
      fromJSON (textOf (path + "/flake.lock"))
    else
      {
        root = "root";
        nodes.root = { };
      };
  textOf = path: builtins.readFile (/. + path);

  flakeOf =
    path: lock: node: way:
    let
      flake = import (/. + path + "/flake.nix");
      wanted = attrNames (removeAttrs (functionArgs flake.outputs) [ "self" ]) ++ attrNames (flake.inputs or { });
      inputs = listToAttrs (
        map (name: {
          inherit name;
          value = inputOf path lock node (way ++ [ name ]) name;
        }) wanted
      );
      self = outputs // {
        inherit inputs outputs;
        outPath = path;
        sourceInfo.outPath = path;
        _type = "flake";
      };
      outputs = flake.outputs (inputs // { inherit self; });
    in
    self;

  nodeOf =
    lock: node: name:
    let
      led = lock.nodes.${node}.inputs.${name};
    in
    if isList led then foldl' (nodeOf lock) lock.root led else led;

  inputOf =
    path: lock: node: way: name:
    builtins.addErrorContext "unlet: input '${concatStringsSep "/" way}'" (
      if way == [ name ] && given ? ${name} then
        flakeOf given.${name} (lockOf given.${name}) (lockOf given.${name}).root way
      else if !(lock.nodes.${node}.inputs or { }) ? ${name} then
        throw "unlet: input '${concatStringsSep "/" way}' is not locked"
      else
        let
          next = nodeOf lock node name;
          locked = lock.nodes.${next};
          place = if locked.locked.type == "path" then path + "/" + locked.locked.path else "${builtins.fetchTree locked.locked}";
          here = if substring 0 1 (locked.locked.path or "") == "/" then locked.locked.path else place;
        in
        if locked.flake or true then flakeOf here lock next way else { outPath = here; }
    );

  # --- The set with the overlays, each of which leaves beside what it gives what it was given.

  systemOf =
    used:
    let
      named = filter (system: system != null) (map (each: each.system) used);
    in
    if system != "" then
      system
    else if named != [ ] then
      head named
    else
      builtins.currentSystem;

  set =
    used: overlays:
    import (/. + tree) {
      localSystem.system = systemOf used;
      inherit overlays;
      config = permitting // removeAttrs (foldl' (all: each: all // each.config) { } used) [ "packageOverrides" ];
    };
  plain = set [ ] [ ];

  # `keep` says which attributes of an overlay count.
  composed =
    used: keep:
    set used (
      map (
        index: final: prev:
        let
          given = index.function final prev;
          kept = intersectAttrs (listToAttrs (
            map (name: {
              inherit name;
              value = null;
            }) (filter (keep index prev) (attrNames given))
          )) given;
        in
        kept
        // mapAttrs (name: value: if prev ? ${name} then hooks.${name}.mark prev.${name} value else value) (
          intersectAttrs hooks kept
        )
        // {
          ${index.key} = {
            inherit prev given;
            observed = index.function final (mapAttrs (_: observe [ ]) prev);
          };
        }
      ) used
    );

  # An extension of a scope that leaves beside what it gives what it was given.
  leaving =
    function: self: super:
    let
      given = function self super;
    in
    given
    // {
      "unlet scope" = [
        {
          inherit function given super;
          observed = function self (mapAttrs (_: observe [ ]) super);
        }
      ]
      ++ super."unlet scope" or [ ];
    };

  # The attributes that hold extensions of a scope elsewhere, and how they are put in.
  hooks = {
    pythonPackagesExtensions = {
      scope = [ "python3Packages" ];
      mark = old: new: old ++ map leaving (lib.drop (length old) new);
    };
    haskell = {
      scope = [ "haskellPackages" ];
      mark =
        old: new:
        new // { ${if place "packageOverrides" new != null then "packageOverrides" else null} = leaving new.packageOverrides; };
    };
  };

  joint = used: composed used (_: _: _: true);
  alone = used: index: name: composed used (at: prev: each: at.key == index.key && each == name || !prev ? ${each});

  # --- How an override is made: a package that remembers which of its functions were called with what.

  doors = [
    "extend"
    "override"
    "overrideAttrs"
    "overrideDerivation"
    "overridePythonAttrs"
    "overrideScope"
    "overrideScope'"
  ];

  # The argument of a call with its extensions of a scope marked.
  marked =
    door: argument:
    let
      inner = given: mapAttrs (_: leaving) (intersectAttrs extending given);
      extending = {
        overrides = null;
        packageOverrides = null;
      };
    in
    if elem door [ "extend" "overrideScope" "overrideScope'" ] then
      leaving argument
    else if door != "override" then
      argument
    else if isFunction argument then
      old:
      let
        given = argument old;
      in
      given // inner given
    else
      argument // inner argument;

  observe =
    calls: value:
    if !isAttrs value then
      value
    else
      value
      // mapAttrs (
        door: function:
        (if isAttrs function then function else { })
        // {
          __functor =
            _: argument:
            observe (
              calls
              ++ [
                {
                  inherit door argument;
                  of = value;
                }
              ]
            ) (function (marked door argument));
        }
      ) (intersectAttrs (listToAttrs (map (name: { inherit name; value = null; }) doors)) value)
      // {
        ${scopeName value} = observe [ ] value.${scopeName value};
        "unlet calls" = calls;
      };

  # The attribute of a package with packages of its own, such as an interpreter's or Home Assistant's; null for none.
  scopeName =
    value:
    if !(isAttrs value && value ? override) then
      null
    else if value ? pkgs then
      "pkgs"
    else if value ? python3Packages then
      "python3Packages"
    else
      null;
  scopeIn = value: if scopeName value == null then { } else value.${scopeName value};

  # --- Answers.

  place =
    name: value:
    let
      found = unsafeGetAttrPos name value;
    in
    # What is computed has its place in a function of nixpkgs' lib.
    if isOutside found then { inherit (found) file line; } else null;

  isOutside = found: found != null && substring 0 (stringLength tree + 1) found.file != tree + "/";

  # What a scope says of its extensions, the last first.
  extensionsIn = scope: filter (each: isAttrs each.given) (scope."unlet scope" or [ ]);

  # Of `python3Packages` the extensions are those of the interpreter that it is made of.
  observedScope =
    observed: name:
    let
      interpreter = match "(python3[0-9]*)Packages" name;
      value = observed.${name};
      own = if !isAttrs value then { } else if scopeIn value ? "unlet scope" then scopeIn value else value;
    in
    if own ? "unlet scope" || interpreter == null || !observed ? ${head interpreter} then
      own
    else
      scopeIn observed.${head interpreter};

  # The extensions that an overlay adds with an attribute, without those that others have added.
  extensionsOf =
    scope: index: name:
    let
      inherit (entry index scope) prev observed;
      before = guarded null (prev.${name} or null);
      earlier = if isPackage before then scopeIn before else if isAttrs before then before else { };
      all =
        if hooks ? ${name} then extensionsIn (at hooks.${name}.scope scope) else extensionsIn (observedScope observed name);
    in
    genList (elemAt all) (length all - (if hooks ? ${name} then 0 else length (extensionsIn earlier)));

  membersBy =
    extensions:
    foldl' (
      all: { given, ... }:
      listToAttrs (
        map (name: {
          inherit name;
          value = place name given;
        }) (attrNames given)
      )
      // all
    ) { } extensions;

  membersOf =
    old: new:
    listToAttrs (
      map (name: {
        inherit name;
        value = place name new;
      }) (filter (name: place name new != null || !old ? ${name}) (attrNames new))
    );

  text = value: if value == null then null else unsafeDiscardStringContext (toString value);

  facts =
    value:
    if isPackage value then
      {
        kind = "package";
        drv = unsafeDiscardStringContext value.drvPath;
        out = text (value.outPath or null);
        version = text (guarded null (value.version or null));
        pname = text (guarded null (value.pname or null));
        src = text (guarded null (value.src.drvPath or null));
      }
    else
      {
        kind =
          if value == null then
            "nothing"
          else if isCallable value then
            "function"
          else if isAttrs value then
            "set"
          else
            "value";
      };

  # The same of what a path leads to, which may be missing, or have been removed, or be a package that fails.
  factsAt =
    path: set:
    let
      value = facts (at path set);
      failing = guarded false (isPackage (at path set));
    in
    if has path set then
      guarded (facts null // (if failing then { kind = "package"; } else { })) (deepSeq value value)
    else
      facts null;

  # What is the same as before though its derivation's meta or passthru is not.
  shown =
    old: new:
    let
      metaOf = value: guarded null (toJSON (removeAttrs (value.meta or { }) [ "position" ]));
    in
    {
      meta = metaOf old != metaOf new;
      passthru = filter (
        name:
        let
          here = guarded null new.${name};
          there = guarded null (old.${name} or null);
        in
        !(old ? ${name}) || isPackage here && isPackage there && guarded null here.drvPath != guarded null there.drvPath
      ) (attrNames new)
      ++ filter (name: !(new ? ${name})) (attrNames old);
    };

  # The paths of packages that differ in two sets, or in sets within them that are no package sets.
  changedIn =
    depth: old: new:
    concatMap (
      name:
      let
        here = guarded null new.${name};
        there = guarded null (old.${name} or null);
        drv = value: guarded null (text value.drvPath);
      in
      if isPackage here then
        if isPackage there && drv here == drv there then [ ] else [ [ name ] ]
      else if depth > 0 && isAttrs here && isAttrs there && !isCallable here && !(here ? stdenv) then
        map (rest: [ name ] ++ rest) (changedIn (depth - 1) there here)
      else
        [ ]
    ) (attrNames new);

  entry = index: scope: scope.${index.key};

  memberOf = scope: index: name: member: head (filter (each: each.given ? ${member}) (extensionsOf scope index name));

  callsOf =
    scope: index: name: member:
    let
      observed =
        if member == "" then (entry index scope).observed.${name} else (memberOf scope index name member).observed.${member};
    in
    if isAttrs observed then observed."unlet calls" or [ ] else [ ];

  # Other ways to write the last `overrideAttrs` of an override, by the name of the way.
  ways =
    scope: index: name: member:
    let
      call = lib.last (callsOf scope index name member);
      package = call.of;
      change = call.argument;
      set =
        final: old:
        let
          one = change final;
        in
        if !isFunction change then change else if isFunction one then one old else change old;
      also = more: package.overrideAttrs (old: set old old // more old (old // set old old));
      fake = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    in
    {
      overridePythonAttrs = package.overridePythonAttrs change;
      unwrapped = package.override {
        "${name}-unwrapped" = scope."${name}-unwrapped".overrideAttrs change;
      };
      unwrappedAttribute = scope."${name}-unwrapped".overrideAttrs change;
      override = package.override (intersectAttrs (package.override.__functionArgs or { }) (set package.drvAttrs package));
      vendorHash = also (_: _: { vendorHash = fake; });
      fetchCargoVendor = also (
        _: new: {
          cargoDeps = scope.rustPlatform.fetchCargoVendor {
            inherit (new) src;
            name = "${new.pname}-${new.version}";
            hash = fake;
          };
        }
      );
      cargoDeps = also (
        old: new: {
          cargoDeps = old.cargoDeps.overrideAttrs (_: {
            inherit (new) src;
            outputHash = fake;
          });
        }
      );
      npmDepsHash = also (_: _: { npmDepsHash = fake; });
      fetchNpmDeps = also (
        _: new: {
          npmDeps = scope.fetchNpmDeps {
            inherit (new) src;
            hash = fake;
          };
        }
      );
      src = also (
        _: new: {
          src = package.src.override {
            ${if package.src ? tag then "tag" else "rev"} = "v${new.version}";
            hash = fake;
          };
        }
      );
      oldSrc = also (
        _: new: {
          src = package.src.overrideAttrs (_: {
            outputHash = fake;
            urls = [ "https://example.org/${new.version}" ];
          });
        }
      );
    };

  argumentsOf = value: guarded [ ] (attrNames (value.override.__functionArgs or { }));

  # A call's own words: its door, and the names of what it sets.
  described =
    { door, argument, of }:
    let
      old =
        if door == "override" then
          { }
        else if door == "overridePythonAttrs" then
          of
        else
          of.drvAttrs or { } // of;
      given =
        if !isFunction argument then
          argument
        else
          let
            one = argument old;
          in
          if isFunction one then one old else one;
    in
    {
      inherit door;
      names = guarded [ ] (if isAttrs given then attrNames given else [ ]);
      packages =
        if door == "override" && isAttrs given then
          listToAttrs (
            concatMap (
              name:
              let
                value = guarded null given.${name};
                drv = if isPackage value then guarded null (text value.drvPath) else null;
              in
              if drv == null then [ ] else [ { inherit name; value = drv; } ]
            ) (attrNames given)
          )
        else
          { };
      arguments = argumentsOf of;
    };

  drvAt =
    path: scope: guarded null (if has path scope && isPackage (at path scope) then text (at path scope).drvPath else null);

  # Other paths to the same package without any overlay; those to another interpreter's are none.
  aliasesOf =
    path:
    let
      first = head path;
      member = elemAt path (length path - 1);
    in
    if match "python3[0-9]*(Packages)?" first != null && length path > 1 then
      filter (other: other != path && drvAt other plain == drvAt path plain) [
        [ "python3Packages" member ]
        [ "python3" "pkgs" member ]
      ]
    else
      [ ];

  say = value: trace "@${toJSON value}" null;

in
{
  inherit joint alone;

  # What a file holds, by its kind.
  read = kind: path: kinds.${kind} path;

  # The overlays of a NixOS configuration of a flake, and the names of all.
  host =
    path: name:
    settingsOf
      ((flakeAt path).nixosConfigurations.${name}.extendModules { modules = [ unchecked ]; }).config.nixpkgs;
  hosts = path: say (attrNames ((flakeAt path).nixosConfigurations or { }));

  # An overlay of a file; `key` is a name of its own.
  overlayOf = file: number: key: {
    inherit (file) config system;
    key = "unlet ${key}";
    function = applied (elemAt file.overlays number).function;
  };

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
      isScope = isAttrs old && isAttrs within && !isCallable new;
      members =
        if extensions != [ ] then
          membersBy extensions
        else if isScope && !isHook && isAttrs before then
          membersOf before within
        else
          { };
    in
    say {
      old = (facts (if isPackage old then { } else old)).kind;
      new = (facts (if isPackage new then { } else new)).kind;
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

  # The arguments that a package's file takes.
  arguments = scope: index: name: say (argumentsOf (entry index scope).prev.${name});

  # The derivations of a path below the old and the new value of an attribute.
  pair =
    scope: index: path:
    let
      inherit (entry index scope) prev given;
      old = factsAt path prev;
      new = facts (at path given);
    in
    say {
      inherit old new;
      aliases = map (other: {
        path = other;
        drv = drvAt other scope;
        plain = drvAt other plain;
      }) (aliasesOf path);
    };

  # The same of a member of a scope that an extension gives.
  member =
    scope: index: name: base: each:
    let
      found = memberOf scope index name each;
    in
    say {
      old = factsAt [ each ] found.super;
      new = facts found.given.${each};
      aliases = map (other: {
        path = other;
        drv = drvAt other scope;
        plain = drvAt other plain;
      }) (aliasesOf (base ++ [ each ]));
    };

  # The package that another way gives, beside the one that it is made of.
  way =
    scope: index: name: member: kind:
    say {
      old = facts (
        if kind == "unwrappedAttribute" then scope."${name}-unwrapped" else (lib.last (callsOf scope index name member)).of
      );
      new = facts (ways scope index name member).${kind};
    };

  # A member of `python3Packages` with the extension of an interpreter among those of all of them.
  extending =
    scope: index: name: member:
    let
      found = memberOf scope index name member;
      extended = set [ ] [
        (_: prev: { pythonPackagesExtensions = prev.pythonPackagesExtensions ++ [ found.function ]; })
      ];
    in
    say {
      old = facts plain.python3Packages.${member};
      new = facts extended.python3Packages.${member};
    };

  differs =
    scope: index: path:
    say (shown (at path (entry index scope).prev) (at path (entry index scope).given));

  # Whether two values that are no packages are the same.
  equal =
    scope: index: path:
    say (
      let
        plain = value: if isAttrs value then removeAttrs value [ "recurseForDerivations" ] else value;
        old = plain (at path (entry index scope).prev);
        new = plain (at path (entry index scope).given);
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
      if isAttrs old && isAttrs new then
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

  # The derivation of a path without any overlay.
  bare = path: say (drvAt path plain);

  # What a path leads to without the override.
  before = scope: index: path: say (facts (at path (entry index scope).prev));

  # The derivation that a name has at the top of a set, null for none.
  top =
    scope: names:
    say (map (name: guarded null (if scope ? ${name} && isPackage scope.${name} then text scope.${name}.drvPath else null)) names);

  # Names of the set, for those that are misspelt.
  all = say (attrNames plain);
}
