# What a file holds: a configuration, and overlays, each with a name below the file's own.
#
# `plain` is the set without any overlay, `flakeAt` reads a flake.
{
  tree,
  system,
  lib,
  plain,
  flakeAt,
}:
let
  inherit (builtins)
    all
    attrNames
    concatLists
    concatMap
    elemAt
    filter
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
    pathExists
    split
    stringLength
    substring
    toXML
    tryEval
    typeOf
    ;
  inherit (import ./values.nix)
    guarded
    at
    isCallable
    isPackage
    ;
  inherit (import ./imported.nix { inherit tree; })
    argumentsIn
    imported
    importedWith
    setWith
    ;
  inherit
    (import ./options.nix {
      inherit
        tree
        arguments
        calledWith
        importedWith
        ;
    })
    chosenAt
    chosenIn
    keysIn
    modulesOf
    ;

  arguments = {
    inherit lib;
    pkgs = plain;
    # What a flake passes on by this name is the nixpkgs that the overlay is tried on.
    nixpkgs = {
      inherit lib;
      outPath = tree;
    };
    config = { };
    options = { };
    modulesPath = tree + "/nixos/modules";
  };

  # A file that takes packages and more is given the packages.
  called =
    function:
    let
      wanted = functionArgs function;
      given = intersectAttrs wanted arguments;
      required = filter (name: !wanted.${name} && !given ? ${name}) (attrNames wanted);
      packages = if all (name: plain ? ${name}) required then { } else intersectAttrs (named required) plain;
    in
    calledWith (packages // given) function;

  named =
    names:
    listToAttrs (
      map (name: {
        inherit name;
        value = null;
      }) names
    );

  # What nobody knows here fails where it is used.
  calledWith =
    given: function:
    let
      wanted = functionArgs function;
      unknown = filter (name: !wanted.${name} && !given ? ${name}) (attrNames wanted);
    in
    if unknown != [ ] && all (name: plain ? ${name}) unknown then
      throw "unlet: is a file for callPackage: name the overlay that calls it"
    else
    function (
      given
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

  # A package set, of which the overlays are known.
  isSet = value: isAttrs value && value ? appendOverlays && value ? overlays;

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
    else if isSet value then
      partsIn name (value.overlays ++ (if isCallable (value.overlay or null) then [ value.overlay ] else [ ]))
    else if isPackage value then
      [ ]
    else if isList value then
      # A module that is not there says nothing of overlays.
      filter (each: name != "imports" || !isPath each.value || pathExists each.value) (
        genList (number: {
          name = "${name}[${toString number}]";
          value = elemAt value number;
        }) (length value)
      )
    else if !isAttrs value || isCallable value then
      [ ]
    else if value ? nixpkgs || value ? config.nixpkgs then
      partsIn name (settings.overlays or [ ])
    else if value ? flake || value ? perSystem then
      partsIn name (value.flake.overlays or { })
      ++ concatMap (
        module:
        if guarded false (isAttrs module.value) then
          partsIn module.place module.value
        else
          [
            {
              name = module.place;
              inherit (module) value;
            }
          ]
      ) (modulesOf value)
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
      overlay name (_: _: if length found < 0 then { } else throw "unlet: cannot be read");

  # Overlays in a value: a function of two, a list or a set of them, a configuration with some of its own.
  overlaysIn =
    name: value:
    if isPath value || isString value && substring 0 1 value == "/" then
      overlaysIn name (import value)
    else if takesSet value then
      overlaysIn name (called value)
    else if isPackage value then
      throw "unlet: is a package, not an overlay: name the file that overrides it"
    else if isCallable value then
      overlay name value
    else if isAttrs value && (value ? packageOverrides || value ? allowUnfree) then
      overridesIn name value
    else if isAttrs value || isList value then
      overridesIn name (value.nixpkgs.config or (value.config.nixpkgs.config or { }))
      ++ concatMap overlaysOf (partsIn name value)
    else
      throw "unlet: is of the type ${typeOf value}, not an overlay: name a file that begins with 'final: prev:', a configuration, a flake or a shell";

  overridesIn =
    name: config:
    if config ? packageOverrides then overlay "packageOverrides" (_: prev: config.packageOverrides prev) else [ ];

  # A function of a function of the set is a step too many: `{ … }: final: prev:` and `_: final: prev:`.
  applied =
    function: final: prev:
    let
      result = function final prev;
    in
    if isCallable result then function (throw "unlet: the argument before final and prev is not known here") final prev else result;

  # A file, what it sets, and what is in it that can be read by itself if the whole cannot.
  file =
    {
      config ? { },
      system ? null,
      overlays,
      parts ? [ ],
      configuration ? null,
    }:
    {
      inherit
        config
        system
        overlays
        configuration
        ;
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

  # What NixOS makes of the modules of a configuration.
  settingsOf =
    modules: evaluated:
    let
      settings = evaluated.config.nixpkgs;
    in
    file {
      configuration = {
        inherit modules;
        inherit (evaluated) config options;
      };
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

  # What a package set is made with.
  packagesOf =
    packages:
    file {
      system = guarded null (packages.stdenv.hostPlatform.system or null);
      overlays = overlaysIn "" packages.overlays;
      parts = partsIn "nixpkgs.overlays" packages.overlays;
    };

  # Of all options only those of nixpkgs are asked for.
  unchecked = { _module.check = false; };

  # A value, and the file that makes packages, if it may.
  valueOf =
    made: value:
    let
      opened = if takesSet value then called value else value;
    in
    file {
      configuration = if made == null || isCallable value && !takesSet value then null else { file = made; };
      config =
        # What takes packages cannot be called, and sets nothing of nixpkgs.
        if !guarded false (isAttrs opened) then
          { }
        else if opened ? packageOverrides then
          opened
        else
          opened.nixpkgs.config or { };
      overlays = overlaysIn "" opened;
      parts = partsIn "" opened;
    };

  evaluatedWith =
    module:
    import (/. + tree + "/nixos/lib/eval-config.nix") {
      modules = [
        module
        unchecked
        (lacking module)
      ];
      ${if system == "" then null else "system"} = system;
    };

  known = {
    config = false;
    lib = false;
    modulesPath = false;
    options = false;
    pkgs = false;
  };

  # What a module takes from outside fails where it is used.
  lacking =
    module:
    let
      value = if isPath module then import module else module;
      wanted = if isFunction value then functionArgs value else { };
      foreign = filter (name: !wanted.${name} && !known ? ${name}) (attrNames wanted);
    in
    {
      _module.args = mapAttrs (name: _: lib.mkDefault (throw "unlet: the argument '${name}' is not known here")) (
        named foreign
      );
    };

  # A module, and what it imports, without the imports that need arguments which nobody knows here.
  tolerated =
    module:
    let
      isFile = isPath module || isString module;
      value = if isFile then import (/. + module) else module;
      wanted = if isFunction value then functionArgs value else { };
      opened =
        given:
        if !isFunction value then
          value
        else if wanted == { } then
          value given
        else
          calledWith (intersectAttrs wanted given) value;
      kept =
        each:
        if !guarded false (isAttrs each || isFunction each || pathExists each) then
          [ ]
        else if !isAttrs each && !isFunction each && substring 0 (stringLength tree + 1) (toString each) == tree + "/" then
          [ each ]
        else
          [ (tolerated each) ];
      # Some of the overlays fail, and with them what is made with all.
      within =
        given:
        let
          own = opened (given // { pkgs = plain; });
        in
        own // { imports = concatMap kept (guarded [ ] (own.imports or [ ])); };
    in
    {
      ${if isFile then "_file" else null} = toString module;
      imports = [ (lib.setFunctionArgs within known) ];
    };

  kinds = {
    # A NixOS configuration with all that it imports.
    module = path: settingsOf [ (/. + path) ] (evaluatedWith (/. + path));
    # The same without what needs arguments that nobody knows here.
    tolerant =
      path:
      let
        evaluated = evaluatedWith (tolerated (/. + path));
        settings = settingsOf [ (/. + path) ] evaluated;
        # In the list that the options make, one that fails would keep the others from being read.
        overlays = concatLists evaluated.options.nixpkgs.overlays.definitions;
      in
      settings
      // file {
        inherit (settings) config system configuration;
        overlays = overridesIn "" settings.config ++ overlaysIn "" overlays;
        parts = partsIn "nixpkgs.overlays" overlays;
      };
    # A module of flake-parts, in which those of NixOS and home-manager stand.
    parts =
      path:
      let
        value = import (/. + path);
        opened = if isFunction value then called value else value;
      in
      file {
        configuration = {
          modules = [ (/. + path) ];
          config = { };
          options = { };
        };
        overlays = concatMap overlaysOf (partsIn "" opened);
        parts = partsIn "" opened;
      };
    # Anything else, by its value.
    file = path: valueOf path (import (/. + path));
    # A shell, or other packages, by the nixpkgs that they are made of.
    made =
      path:
      let
        value = imported (/. + path);
        # Only what has no default is given to a function: that may be nixpkgs with overlays.
        given = removeAttrs arguments (filter (name: (functionArgs value).${name} or false) (attrNames arguments));
        # What it extends has overlays, too.
        known = given // (if given ? pkgs then { pkgs = setWith { }; } else { });
        found = argumentsIn (
          if takesSet value then calledWith (intersectAttrs (functionArgs value) known) value else value
        );
      in
      if found == [ ] then kinds.file path else valueOf null { nixpkgs = { overlays = [ ]; } // head found; };
    # ~/.config/nixpkgs/config.nix
    config =
      path:
      let
        value = import (/. + path);
        config = if takesSet value then called value else if isFunction value then value arguments else value;
      in
      # An overlay may have that name too.
      if isCallable config then
        valueOf null value
      else
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
in
{
  inherit
    applied
    packagesOf
    settingsOf
    unchecked
    kinds
    chosenAt
    chosenIn
    keysIn
    ;
}
