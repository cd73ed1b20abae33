# What the options of a configuration are set to: overrides of packages, wherever in its modules; and the same of a file
# that makes packages of its own, such as a shell.
#
# The modules are read by themselves, without what nixpkgs defines; `arguments` are those of a module but `pkgs` and `config`,
# `calledWith` calls a function with them, `importedWith` reads a file with another function in place of nixpkgs.
{
  tree,
  arguments,
  calledWith,
  importedWith,
}:
let
  inherit (builtins)
    attrNames
    concatMap
    elemAt
    filter
    foldl'
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
    pathExists
    stringLength
    substring
    tail
    unsafeGetAttrPos
    ;
  inherit (import ./values.nix) guarded isCallable isPackage;
  inherit (import ./observed.nix) methods observe;

  isOwn = value: substring 0 (stringLength tree + 1) (toString value) == tree + "/";

  # Packages and sets of them that remember their path, each as `mark` makes it.
  named =
    mark: path: value:
    let
      within = mapAttrs (name: named mark (path ++ [ name ])) value;
    in
    if isPackage value then
      mark [ ] (value // { "unlet path" = path; })
    else if isAttrs value && length path < 2 && !isCallable value then
      if value ? extend then mark [ ] (within // { "unlet path" = path; }) else within
    else
      value;

  # Functions whose arguments have packages: what they make is of no interest.
  gathering = [
    "buildEnv"
    "buildFHSEnv"
    "mkShell"
    "mkShellNoCC"
    "symlinkJoin"
  ];
  gathered = intersectAttrs (listToAttrs (map (name: { inherit name; value = null; }) gathering));

  packagesOf =
    mark: pkgs:
    mapAttrs (name: named mark [ name ]) pkgs // mapAttrs (_: _: given: given) (gathered pkgs);

  # A package whose functions are not called, so that none fails.
  recorded =
    calls: value:
    (if calls == [ ] then value else { type = "derivation"; })
    // {
      "unlet calls" = calls;
    }
    // listToAttrs (
      map (name: {
        inherit name;
        value = _: recorded (calls ++ [ { of = value; } ]) value;
      }) methods
    );

  # The modules in one of flake-parts, each with its place there.
  modulesOf =
    value:
    let
      flake = value.flake or { };
      of =
        place: modules:
        map (name: {
          place = place + name;
          value = modules.${name};
        }) (attrNames modules);
      classes = filter (name: flake ? ${name}) [
        "darwinModules"
        "homeManagerModules"
        "homeModules"
        "nixosModules"
      ];
    in
    concatMap (class: of "flake.modules.${class}." flake.modules.${class}) (attrNames (flake.modules or { }))
    ++ concatMap (class: of "flake.${class}." flake.${class}) classes
    ++ (if value ? perSystem then of "" { inherit (value) perSystem; } else [ ]);

  # The settings of modules and of what they import, but for nixpkgs' own.
  settingsIn =
    given: module:
    let
      isFile = isPath module || isString module;
      value = if isFile then import (/. + module) else module;
      called = if isFunction value then calledWith (intersectAttrs (functionArgs value) given) value else value;
    in
    if isFile && (isOwn module || !pathExists (/. + module)) || !isAttrs called then
      [ ]
    else
      [ (called.config or (removeAttrs called [ "imports" "options" ])) ]
      ++ concatMap (each: settingsIn given each.value) (modulesOf called)
      ++ concatMap (
        each:
        let
          found = settingsIn given each;
        in
        # What does not evaluate fails again where it is looked at.
        guarded [ (head found) ] found
      ) (called.imports or [ ]);

  numbered =
    list:
    listToAttrs (
      genList (number: {
        name = toString number;
        value = elemAt list number;
      }) (length list)
    );

  # What is in a value, and whether its names are those of options.
  openedAt =
    value:
    if isList value then
      { within = numbered value; }
    else if !isAttrs value || isCallable value || isPackage value || value ? "unlet path" || value ? callPackage then
      { within = { }; }
    else if value ? _type then
      { within = numbered (value.contents or (if value ? content then [ value.content ] else [ ])); }
    else if value ? kernel && value ? extend then
      { within = { inherit (value) kernel; }; }
    else
      { within = value; isSet = true; };

  calls = value: if isAttrs value then value."unlet calls" or [ ] else [ ];

  # The overrides in a value that some keys lead to, only along others as far as there are any.
  overridesIn =
    found@{ keys, option, place, isListed }:
    along: value:
    let
      opened = openedAt value;
      inner =
        name:
        overridesIn (
          found
          // { keys = keys ++ [ name ]; }
          // (
            if opened.isSet or false then
              {
                option = option ++ [ name ];
                place = unsafeGetAttrPos name value;
                isListed = false;
              }
            else
              { isListed = isListed || isList value && option != [ ]; }
          )
        ) (if along == [ ] then [ ] else tail along) opened.within.${name};
    in
    if (head (calls value ++ [ { of = { }; } ])).of ? "unlet path" then
      [
        {
          inherit keys option isListed;
          place = if place == null then null else { inherit (place) file line; };
          of = (head (calls value)).of."unlet path";
        }
      ]
    else if length option > 8 then
      [ ]
    else
      concatMap inner (if along == [ ] then attrNames opened.within else [ (head along) ]);

  settings =
    mark: { modules ? [ ], file ? null, config ? { }, ... }: pkgs:
    let
      given = arguments // {
        inherit config;
        pkgs = packagesOf mark pkgs;
      };
    in
    if file == null then concatMap (settingsIn given) modules else [ (valueIn given file) ];

  # What a file makes of packages that it imports, or gets as arguments.
  valueIn =
    given: file:
    let
      value = importedWith (_: given.pkgs) (/. + file);
      names = functionArgs value;
      known = filter (name: given ? ${name} || !names.${name}) (attrNames names);
    in
    if !isFunction value then
      value
    else
      calledWith (intersectAttrs (listToAttrs (map (name: { inherit name; value = null; }) known)) (given.pkgs // given)) value;

  at = foldl' (value: key: (openedAt value).within.${key});
in
{
  inherit modulesOf;

  # The overrides that a configuration's options are set to below some keys, of the packages of a set.
  chosenIn =
    configuration: pkgs: keys:
    overridesIn {
      keys = [ ];
      option = [ ];
      place = null;
      isListed = false;
    } keys (settings recorded configuration pkgs);

  # What is below some keys, for settings that as a whole do not evaluate.
  keysIn =
    configuration: pkgs: keys:
    attrNames (openedAt (at (settings recorded configuration pkgs) keys)).within;

  # The package that some keys lead to.
  chosenAt =
    configuration: pkgs: keys:
    at (settings observe configuration pkgs) keys;
}
