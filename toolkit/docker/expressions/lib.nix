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
  zeros = count: builtins.concatStringsSep "" (builtins.genList (_: "0") count);

  trivial = {
    inherit (builtins)
      add
      addErrorContext
      bitAnd
      bitOr
      bitXor
      ceil
      deepSeq
      floor
      fromJSON
      genericClosure
      getAttr
      isBool
      isFloat
      isInt
      isString
      lessThan
      pathExists
      readFile
      seq
      sub
      tryEval
      ;
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
    isInOldestRelease = trivial.oldestSupportedReleaseIsAtLeast;
    oldestSupportedReleaseIsAtLeast = release: release <= trivial.oldestSupportedRelease;
    mergeAttrs = left: right: left // right;
    traceVal = value: value;
    traceIf = _: _: trivial.id;
    info = _: trivial.id;
    warnIfNot = condition: trivial.warnIf (!condition);
    warn = message: builtins.trace "warning: ${message}";
    warnIf = condition: message: if condition then trivial.warn message else trivial.id;
    throwIf = condition: message: if condition then throw message else trivial.id;
    throwIfNot = condition: trivial.throwIf (!condition);
    assertMsg = condition: message: condition || throw message;
    assertOneOf =
      name: value: known:
      trivial.assertMsg (elem value known) "${name} is not one of them";
    checkListOfEnum =
      message: known: given:
      trivial.throwIfNot (builtins.all (value: elem value known) given) message;
    fakeHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    fakeSha256 = zeros 64;
    fakeSha512 = zeros 128;
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
    composeExtensions =
      first: second: final: previous:
      let
        changed = first final previous;
      in
      changed // second final (previous // changed);
    composeManyExtensions = builtins.foldl' trivial.composeExtensions (_: _: { });
    makeExtensible =
      f:
      trivial.fix f
      // {
        extend = overlay: trivial.makeExtensible (trivial.extends overlay f);
      };
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
    foldl = builtins.foldl';
    foldr =
      f: initial: values:
      if values == [ ] then
        initial
      else
        f (builtins.head values) (lists.foldr f initial (builtins.tail values));
    fold = lists.foldr;
    forEach = values: f: map f values;
    genList = builtins.genList;
    groupBy = builtins.groupBy;
    partition = builtins.partition;
    sort = builtins.sort;
    naturalSort = builtins.sort (a: b: compareVersions a b < 0);
    imap0 = f: values: builtins.genList (n: f n (elemAt values n)) (length values);
    imap1 = f: values: builtins.genList (n: f (n + 1) (elemAt values n)) (length values);
    range = first: last: if first > last then [ ] else builtins.genList (n: first + n) (last - first + 1);
    replicate = count: value: builtins.genList (_: value) count;
    reverseList =
      values: builtins.genList (n: elemAt values (length values - 1 - n)) (length values);
    sublist =
      start: count: values:
      let
        left = length values - start;
        size = if left < 0 then 0 else if left < count then left else count;
      in
      builtins.genList (n: elemAt values (start + n)) size;
    take = lists.sublist 0;
    drop = count: values: lists.sublist count (length values) values;
    init = values: lists.take (length values - 1) values;
    count = keep: values: length (filter keep values);
    findFirst =
      keep: fallback: values:
      let
        found = filter keep values;
      in
      if found == [ ] then fallback else builtins.head found;
    zipListsWith =
      f: left: right:
      builtins.genList (n: f (elemAt left n) (elemAt right n)) (
        trivial.min (length left) (length right)
      );
    intersectLists = wanted: filter (value: elem value wanted);
    mutuallyExclusive = left: right: lists.intersectLists left right == [ ];
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
    attrByPath =
      path: fallback: attrs:
      if path == [ ] then
        attrs
      else if attrs ? ${builtins.head path} then
        attrByPath (builtins.tail path) fallback attrs.${builtins.head path}
      else
        fallback;
    hasAttrByPath =
      path: attrs:
      path == [ ]
      || attrs ? ${builtins.head path}
      && hasAttrByPath (builtins.tail path) attrs.${builtins.head path};
    getAttrFromPath = path: attrByPath path (throw "there is no attribute ${toString path}");
    setAttrByPath =
      path: value:
      if path == [ ] then value else { ${builtins.head path} = setAttrByPath (builtins.tail path) value; };
    getAttrs = names: attrs: genAttrs names (name: attrs.${name});
    attrsToList = mapAttrsToList nameValuePair;
    concatMapAttrs = f: attrs: mergeAttrsList (mapAttrsToList f attrs);
    foldlAttrs =
      f: initial: attrs:
      builtins.foldl' (found: name: f found name attrs.${name}) initial (attrNames attrs);
    mapAttrsRecursive =
      f:
      let
        below =
          path:
          mapAttrs (
            name: value: if isAttrs value then below (path ++ [ name ]) value else f (path ++ [ name ]) value
          );
      in
      below [ ];
    zipAttrsWith = builtins.zipAttrsWith;
    zipAttrs = builtins.zipAttrsWith (_: values: values);
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
    getInclude = getOutput "dev";
    chooseDevOutputs = map getDev;
    getMan = getOutput "man";
    getExe' = package: program: "${getBin package}/bin/${program}";
    getExe = package: getExe' package (package.meta.mainProgram or package.pname);
  };

  strings = import ./lib-strings.nix { inherit attrsets lists trivial; };

  versions = {
    inherit splitVersion;
    pad =
      count: version:
      let
        numbers = splitVersion version;
      in
      builtins.concatStringsSep "." (
        lists.take count (numbers ++ lists.replicate (trivial.max 0 (count - length numbers)) "0")
      );
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
    addMetaAttrs = changes: package: package // { meta = package.meta or { } // changes; };
    setName = name: package: package // { inherit name; };
    lowPrio = trivial.id;
    hiPrio = trivial.id;
    setPrio = _: trivial.id;
    platformMatch = platform: pattern: platform.system == pattern;
    availableOn =
      platform: package:
      elem platform.system (package.meta.platforms or platforms.all)
      && !elem platform.system (package.meta.badPlatforms or [ ]);
    cpeFullVersionWithVendor = vendor: version: {
      inherit vendor version;
      update = "*";
    };
  };
  # What is left out of a source makes no difference here: nothing is unpacked.
  sources = {
    cleanSource = trivial.id;
    cleanSourceWith = { src, ... }: src;
    sourceByRegex = source: _: source;
    sourceFilesBySuffices = source: _: source;
  };
in
trivial
// lists
// attrsets
// strings
// overriding
// sources
// {
  inherit
    attrsets
    lists
    meta
    platforms
    sources
    strings
    trivial
    versions
    ;
  inherit (meta)
    addMetaAttrs
    hiPrio
    lowPrio
    setName
    setPrio
    ;
  inherit (versions) splitVersion;
  customisation = overriding;
  recurseIntoAttrs = set: set // { recurseForDerivations = true; };
  systems = {
    inherit elaborate;
    equals = platform: other: platform.system == other.system;
  };
  licenses.asl20.spdxId = "Apache-2.0";
  # Only ever read by a package's meta, which is never forced here.
  maintainers = { };
  sourceTypes = { };
  teams = { };
}
