# Strings, lists and attribute sets.
let
  self = builtins // {
    # lists
    optional = wanted: one: self.optionals wanted [ one ];
    optionals = wanted: many: if wanted then many else [ ];
    last = many: builtins.elemAt many (builtins.length many - 1);

    # attribute sets
    optionalAttrs = wanted: set: if wanted then set else { };
    genAttrs =
      names: value: builtins.listToAttrs (map (name: self.nameValuePair name (value name)) names);
    nameValuePair = name: value: { inherit name value; };
    filterAttrs =
      keep: set:
      removeAttrs set (builtins.filter (name: !keep name set.${name}) (builtins.attrNames set));
    mergeAttrsList = builtins.foldl' (all: more: all // more) { };
    isDerivation = value: builtins.isAttrs value && value.type or null == "derivation";
    recurseIntoAttrs = set: set // { recurseForDerivations = true; };
    dontRecurseIntoAttrs = set: set // { recurseForDerivations = false; };

    # strings
    optionalString = wanted: text: if wanted then text else "";
    concatMapStringsSep =
      between: f: many:
      builtins.concatStringsSep between (map f many);
    hasPrefix = start: text: builtins.substring 0 (builtins.stringLength start) text == start;
    hasInfix = part: text: builtins.replaceStrings [ part ] [ "" ] text != text;
    splitString = at: text: builtins.filter builtins.isString (builtins.split at text);
    escapeShellArg = text: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] "${text}"}'";
    makeBinPath = self.concatMapStringsSep ":" (package: "${self.getBin package}/bin");
    getBin = package: package.bin or package.out or package;
    versionAtLeast = version: least: builtins.compareVersions version least >= 0;
    versionOlder = version: than: builtins.compareVersions version than < 0;
    warn = text: builtins.trace "evaluation warning: ${text}";
  };
in
self
