# A small lib with what docker files of all eras use, for trees of which only that file is at hand.
# No argument. Result: an attribute set to pass as `lib`; each name means what it does in nixpkgs.
let
  inherit (builtins)
    compareVersions
    concatMap
    elem
    elemAt
    filter
    isList
    length
    splitVersion
    ;

  overriding = import ./overriding.nix;
  elaborate = import ./platforms.nix;

  trivial = {
    inherit (builtins) isString isBool isInt;
    inherit (overriding)
      functionArgs
      isFunction
      setFunctionArgs
      toFunction
      ;
    id = value: value;
    const = value: _: value;
    flip =
      f: a: b:
      f b a;
    pipe = builtins.foldl' (value: f: f value);
    defaultTo = fallback: value: if value == null then fallback else value;
    mapNullable = f: value: if value == null then null else f value;
    warn = message: builtins.trace "warning: ${message}";
    warnIf = condition: message: if condition then trivial.warn message else trivial.id;
    throwIf = condition: message: if condition then throw message else trivial.id;
    throwIfNot = condition: trivial.throwIf (!condition);
    assertMsg = condition: message: condition || throw message;
    fix =
      f:
      let
        self = f self;
      in
      self;
    extends =
      overlay: f: final:
      let
        previous = f final;
      in
      previous // overlay final previous;
  };

  lists = {
    inherit (builtins)
      all
      any
      concatLists
      concatMap
      elem
      elemAt
      filter
      foldl'
      head
      isList
      length
      map
      tail
      ;
    optional = condition: value: if condition then [ value ] else [ ];
    optionals = condition: values: if condition then values else [ ];
    singleton = value: [ value ];
    toList = value: if isList value then value else [ value ];
    flatten = value: if isList value then concatMap lists.flatten value else [ value ];
    remove = value: filter (other: other != value);
    subtractLists = unwanted: filter (value: !elem value unwanted);
    last = values: elemAt values (length values - 1);
    unique = builtins.foldl' (seen: value: if elem value seen then seen else seen ++ [ value ]) [ ];
  };

  attrsets = rec {
    inherit (builtins)
      attrNames
      attrValues
      catAttrs
      getAttr
      hasAttr
      intersectAttrs
      isAttrs
      listToAttrs
      mapAttrs
      removeAttrs
      ;
    nameValuePair = name: value: { inherit name value; };
    optionalAttrs = condition: attrs: if condition then attrs else { };
    genAttrs = names: f: listToAttrs (map (name: nameValuePair name (f name)) names);
    filterAttrs =
      keep: attrs: removeAttrs attrs (filter (name: !keep name attrs.${name}) (attrNames attrs));
    mapAttrs' = f: attrs: listToAttrs (attrValues (mapAttrs f attrs));
    mapAttrsToList = f: attrs: attrValues (mapAttrs f attrs);
    mergeAttrsList = builtins.foldl' (merged: attrs: merged // attrs) { };
    recursiveUpdate =
      left: right:
      left
      // mapAttrs (
        name: value:
        if isAttrs value && isAttrs (left.${name} or null) then
          recursiveUpdate left.${name} value
        else
          value
      ) right;
    isDerivation = value: value.type or null == "derivation";
    getOutput =
      output: package:
      if package.outputSpecified or false then package else package.${output} or package.out or package;
    getBin = getOutput "bin";
    getLib = getOutput "lib";
    getDev = getOutput "dev";
    getMan = getOutput "man";
    getExe' = package: program: "${getBin package}/bin/${program}";
    getExe = package: getExe' package (package.meta.mainProgram or package.pname);
  };

  strings = rec {
    inherit (builtins)
      concatStringsSep
      isString
      replaceStrings
      stringLength
      substring
      toJSON
      ;
    optionalString = condition: text: if condition then text else "";
    concatStrings = concatStringsSep "";
    concatMapStrings = f: values: concatStrings (map f values);
    concatMapStringsSep =
      separator: f: values:
      concatStringsSep separator (map f values);
    concatLines = concatMapStrings (line: line + "\n");
    hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
    hasSuffix =
      suffix: text:
      let
        surplus = stringLength text - stringLength suffix;
      in
      surplus >= 0 && substring surplus (-1) text == suffix;
    hasInfix = infix: text: length (builtins.split (escapeRegex infix) text) > 1;
    removePrefix =
      prefix: text: if hasPrefix prefix text then substring (stringLength prefix) (-1) text else text;
    removeSuffix =
      suffix: text:
      if hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
    escape = characters: replaceStrings characters (map (character: "\\" + character) characters);
    escapeRegex = escape [
      "\\"
      "["
      "]"
      "{"
      "}"
      "("
      ")"
      "^"
      "$"
      "."
      "*"
      "+"
      "?"
      "|"
    ];
    escapeShellArg = text: "'${replaceStrings [ "'" ] [ "'\\''" ] (toString text)}'";
    escapeShellArgs = concatMapStringsSep " " escapeShellArg;
    makeSearchPath =
      directory: packages:
      concatMapStringsSep ":" (package: "${package}/${directory}") (
        filter (package: package != null) packages
      );
    makeSearchPathOutput =
      output: directory: packages:
      makeSearchPath directory (map (attrsets.getOutput output) packages);
    makeBinPath = makeSearchPathOutput "bin" "bin";
    makeLibraryPath = makeSearchPathOutput "lib" "lib";
    versionOlder = version: other: compareVersions other version == 1;
    versionAtLeast = version: other: !versionOlder version other;
    getName =
      package:
      if isString package then
        (builtins.parseDrvName package).name
      else
        package.pname or (getName package.name);
    getVersion =
      package:
      if isString package then
        (builtins.parseDrvName package).version
      else
        package.version or (getVersion package.name);
  };

  versions = {
    major = version: elemAt (splitVersion version) 0;
    minor = version: elemAt (splitVersion version) 1;
    patch = version: elemAt (splitVersion version) 2;
    majorMinor = version: "${versions.major version}.${versions.minor version}";
  };

  platforms = rec {
    linux = map (machine: "${machine}-linux") [
      "aarch64"
      "armv7l"
      "i686"
      "loongarch64"
      "powerpc64le"
      "riscv64"
      "s390x"
      "x86_64"
    ];
    darwin = [
      "aarch64-darwin"
      "x86_64-darwin"
    ];
    unix = linux ++ darwin;
    all = unix;
  };

  meta = {
    availableOn =
      platform: package:
      elem platform.system (package.meta.platforms or platforms.all)
      && !elem platform.system (package.meta.badPlatforms or [ ]);
    cpeFullVersionWithVendor = vendor: version: {
      inherit vendor version;
      update = "*";
    };
  };
in
trivial
// lists
// attrsets
// strings
// overriding
// {
  inherit
    attrsets
    lists
    meta
    platforms
    strings
    trivial
    versions
    ;
  customisation = overriding;
  systems = {
    inherit elaborate;
    equals = platform: other: platform.system == other.system;
  };
  licenses.asl20.spdxId = "Apache-2.0";
  # Only ever read by a package's meta, which is never forced here.
  maintainers = { };
  teams = { };
}
