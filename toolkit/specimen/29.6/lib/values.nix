# Functions of values, strings, lists and attribute sets that packages use, those of older nixpkgs among them.
let
  inherit (builtins)
    any
    attrNames
    attrValues
    compareVersions
    concatLists
    concatMap
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    genList
    head
    isAttrs
    isList
    isString
    length
    listToAttrs
    mapAttrs
    replaceStrings
    splitVersion
    stringLength
    substring
    tail
    ;

  zeros = count: concatStringsSep "" (genList (_: "0") count);

  self = builtins // {
    # values
    id = value: value;
    const = value: _: value;
    flip = f: a: b: f b a;
    pipe = foldl' (value: f: f value);
    defaultTo = fallback: value: if value == null then fallback else value;
    mapNullable = f: value: if value == null then null else f value;
    and = a: b: a && b;
    or = a: b: a || b;
    xor = a: b: a != b;
    min = a: b: if a < b then a else b;
    max = a: b: if a > b then a else b;
    mod = base: divisor: base - divisor * (base / divisor);
    boolToString = value: if value then "true" else "false";
    boolToYesNo = value: if value then "yes" else "no";
    importJSON = path: builtins.fromJSON (builtins.readFile path);
    importTOML = path: builtins.fromTOML (builtins.readFile path);
    inNixShell = false;
    version = "26.11pre-git";
    release = "26.11";
    oldestSupportedRelease = 2605;
    oldestSupportedReleaseIsAtLeast = release: release <= self.oldestSupportedRelease;
    isInOldestRelease = self.oldestSupportedReleaseIsAtLeast;
    mergeAttrs = left: right: left // right;
    traceVal = self.id;
    traceIf = _: _: self.id;
    info = _: self.id;
    warn = text: builtins.trace "evaluation warning: ${text}";
    warnIf = condition: text: if condition then self.warn text else self.id;
    warnIfNot = condition: self.warnIf (!condition);
    throwIf = condition: text: if condition then throw text else self.id;
    throwIfNot = condition: self.throwIf (!condition);
    assertMsg = condition: text: condition || throw text;
    assertOneOf = name: value: known: self.assertMsg (elem value known) "${name} is not one of them";
    checkListOfEnum = text: known: given: self.throwIfNot (builtins.all (value: elem value known) given) text;
    fakeHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    fakeSha256 = zeros 64;
    fakeSha512 = zeros 128;

    # lists
    optional = wanted: one: self.optionals wanted [ one ];
    optionals = wanted: many: if wanted then many else [ ];
    singleton = value: [ value ];
    toList = value: if isList value then value else [ value ];
    last = many: elemAt many (length many - 1);
    init = many: self.take (length many - 1) many;
    foldl = foldl';
    foldr = f: initial: many: if many == [ ] then initial else f (head many) (self.foldr f initial (tail many));
    fold = self.foldr;
    forEach = many: f: map f many;
    imap0 = f: many: genList (n: f n (elemAt many n)) (length many);
    imap1 = f: self.imap0 (n: f (n + 1));
    range = first: end: if first > end then [ ] else genList (n: first + n) (end - first + 1);
    replicate = count: value: genList (_: value) count;
    reverseList = many: genList (n: elemAt many (length many - 1 - n)) (length many);
    sublist =
      start: count: many:
      genList (n: elemAt many (start + n)) (self.max 0 (self.min count (length many - start)));
    take = self.sublist 0;
    drop = count: many: self.sublist count (length many) many;
    count = keep: many: length (filter keep many);
    findFirst = keep: fallback: many: head (filter keep many ++ [ fallback ]);
    zipListsWith =
      f: left: right:
      genList (n: f (elemAt left n) (elemAt right n)) (self.min (length left) (length right));
    intersectLists = wanted: filter (value: elem value wanted);
    mutuallyExclusive = left: right: self.intersectLists left right == [ ];
    subtractLists = unwanted: filter (value: !elem value unwanted);
    remove = value: filter (other: other != value);
    flatten = value: if isList value then concatMap self.flatten value else [ value ];
    unique = foldl' (seen: value: if elem value seen then seen else seen ++ [ value ]) [ ];
    naturalSort = builtins.sort (a: b: compareVersions a b < 0);

    # attribute sets
    optionalAttrs = wanted: set: if wanted then set else { };
    genAttrs = names: value: listToAttrs (map (name: self.nameValuePair name (value name)) names);
    nameValuePair = name: value: { inherit name value; };
    attrsToList = self.mapAttrsToList self.nameValuePair;
    filterAttrs = keep: set: removeAttrs set (filter (name: !keep name set.${name}) (attrNames set));
    getAttrs = names: set: self.genAttrs names (name: set.${name});
    mapAttrs' = f: set: listToAttrs (self.mapAttrsToList f set);
    mapAttrsToList = f: set: attrValues (mapAttrs f set);
    concatMapAttrs = f: set: self.mergeAttrsList (self.mapAttrsToList f set);
    mergeAttrsList = foldl' (all: more: all // more) { };
    foldlAttrs = f: initial: set: foldl' (found: name: f found name set.${name}) initial (attrNames set);
    hasAttrByPath = path: set: path == [ ] || set ? ${head path} && self.hasAttrByPath (tail path) set.${head path};
    attrByPath =
      path: fallback: set:
      if path == [ ] then
        set
      else if set ? ${head path} then
        self.attrByPath (tail path) fallback set.${head path}
      else
        fallback;
    getAttrFromPath = path: self.attrByPath path (throw "there is no attribute ${toString path}");
    setAttrByPath = path: value: foldl' (inner: name: { ${name} = inner; }) value (self.reverseList path);
    recursiveUpdate =
      left: right:
      left
      // mapAttrs (
        name: value:
        if isAttrs value && isAttrs (left.${name} or null) then self.recursiveUpdate left.${name} value else value
      ) right;
    zipAttrs = builtins.zipAttrsWith (_: values: values);
    isDerivation = value: isAttrs value && value.type or null == "derivation";
    recurseIntoAttrs = set: set // { recurseForDerivations = true; };
    dontRecurseIntoAttrs = set: set // { recurseForDerivations = false; };

    # strings
    optionalString = wanted: text: if wanted then text else "";
    concatStrings = concatStringsSep "";
    concatMapStrings = self.concatMapStringsSep "";
    concatMapStringsSep = between: f: many: concatStringsSep between (map f many);
    concatImapStrings = self.concatImapStringsSep "";
    concatImapStringsSep = between: f: many: concatStringsSep between (self.imap1 f many);
    concatMapAttrsStringSep = between: f: set: concatStringsSep between (self.mapAttrsToList f set);
    concatLines = self.concatMapStrings (line: line + "\n");
    join = concatStringsSep;
    hasPrefix = start: text: substring 0 (stringLength start) text == start;
    hasSuffix =
      end: text: stringLength text >= stringLength end && substring (stringLength text - stringLength end) (-1) text == end;
    hasInfix = part: text: replaceStrings [ part ] [ "" ] text != text;
    removePrefix = start: text: if self.hasPrefix start text then substring (stringLength start) (-1) text else text;
    removeSuffix =
      end: text: if self.hasSuffix end text then substring 0 (stringLength text - stringLength end) text else text;
    replaceString = old: new: replaceStrings [ old ] [ new ];
    splitString = at: text: filter isString (builtins.split (self.escapeRegex at) text);
    stringToCharacters = text: genList (n: substring n 1 text) (stringLength text);
    lowerChars = self.stringToCharacters "abcdefghijklmnopqrstuvwxyz";
    upperChars = self.stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    toLower = replaceStrings self.upperChars self.lowerChars;
    toUpper = replaceStrings self.lowerChars self.upperChars;
    trim = text: head (builtins.match "[ \t\r\n]*(|.*[^ \t\r\n])[ \t\r\n]*" text);
    toInt = builtins.fromJSON;
    fileContents = path: self.removeSuffix "\n" (builtins.readFile path);
    escape = characters: replaceStrings characters (map (character: "\\" + character) characters);
    escapeRegex = self.escape (self.stringToCharacters "\\[]{}()^$.*+?|");
    escapeShellArg = text: "'${replaceStrings [ "'" ] [ "'\\''" ] "${toString text}"}'";
    escapeShellArgs = self.concatMapStringsSep " " self.escapeShellArg;
    toShellVar = name: value: "${name}=${self.escapeShellArg value}";
    toShellVars = self.concatMapAttrsStringSep "\n" self.toShellVar;
    enableFeature = enable: feature: "--${if enable then "enable" else "disable"}-${feature}";
    withFeature = enable: feature: "--${if enable then "with" else "without"}-${feature}";
    cmakeBool = feature: enable: "-D${feature}:BOOL=${if enable then "TRUE" else "FALSE"}";
    cmakeFeature = feature: value: "-D${feature}:STRING=${value}";
    mesonBool = feature: enable: "-D${feature}=${self.boolToString enable}";
    mesonEnable = feature: enable: "-D${feature}=${if enable then "enabled" else "disabled"}";

    # packages
    makeSearchPath = directory: packages: concatStringsSep ":" (map (package: "${package}/${directory}") packages);
    makeBinPath = packages: self.makeSearchPath "bin" (map self.getBin (filter (package: package != null) packages));
    makeLibraryPath = packages: self.makeSearchPath "lib" (map self.getLib packages);
    getOutput = output: package: package.${output} or package.out or package;
    getBin = self.getOutput "bin";
    getLib = self.getOutput "lib";
    getDev = self.getOutput "dev";
    getMan = self.getOutput "man";
    getExe' = package: program: "${self.getBin package}/bin/${program}";
    getExe = package: self.getExe' package (package.meta.mainProgram or package.pname);
    getName = package: if isString package then (builtins.parseDrvName package).name else package.pname;
    getVersion = package: if isString package then (builtins.parseDrvName package).version else package.version;
    addMetaAttrs = changes: package: package // { meta = package.meta or { } // changes; };
    lowPrio = self.id;
    hiPrio = self.id;
    versionAtLeast = version: least: compareVersions version least >= 0;
    versionOlder = version: than: compareVersions version than < 0;
    versions = {
      inherit splitVersion;
      pad =
        count: version:
        let
          numbers = splitVersion version;
        in
        concatStringsSep "." (self.take count (numbers ++ self.replicate (self.max 0 (count - length numbers)) "0"));
      major = version: head (splitVersion version);
      minor = version: elemAt (splitVersion version) 1;
      patch = version: elemAt (splitVersion version) 2;
      majorMinor = version: concatStringsSep "." (self.take 2 (splitVersion version));
    };

    # sources: what is left out of one makes no difference, nothing is unpacked
    cleanSource = self.id;
    cleanSourceWith = { src, ... }: src;
    sourceByRegex = source: _: source;
    sourceFilesBySuffices = source: _: source;
  };
in
self
