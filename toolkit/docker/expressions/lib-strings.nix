# The functions of lib.nix about strings, paths and versions of packages.
# Arguments: other parts of that lib. Result: an attribute set, `lib.strings`.
{
  attrsets,
  lists,
  trivial,
}:
let
  inherit (builtins)
    compareVersions
    filter
    length
    ;
in
rec {
  inherit (builtins)
    concatStringsSep
    fromJSON
    isPath
    isString
    match
    readFile
    replaceStrings
    split
    stringLength
    substring
    toJSON
    unsafeDiscardStringContext
    ;
  join = concatStringsSep;
  concatImapStrings = f: values: concatStrings (lists.imap1 f values);
  concatImapStringsSep =
    separator: f: values:
    concatStringsSep separator (lists.imap1 f values);
  concatMapAttrsStringSep =
    separator: f: attrs:
    concatStringsSep separator (attrsets.mapAttrsToList f attrs);
  fileContents = path: removeSuffix "\n" (builtins.readFile path);
  stringToCharacters = text: builtins.genList (n: substring n 1 text) (stringLength text);
  replaceString = old: new: builtins.replaceStrings [ old ] [ new ];
  splitString = separator: text: filter isString (builtins.split (escapeRegex separator) text);
  trim =
    text:
    let
      found = builtins.match "[ \t\r\n]*(.*[^ \t\r\n])[ \t\r\n]*" text;
    in
    if found == null then "" else builtins.head found;
  toLower = replaceStrings upper lower;
  toUpper = replaceStrings lower upper;
  lower = stringToCharacters "abcdefghijklmnopqrstuvwxyz";
  upper = stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  toInt = builtins.fromJSON;
  toIntBase10 = text: builtins.fromJSON (builtins.head (builtins.match "0*([0-9]+)" text));
  toShellVar = name: value: "${name}=${escapeShellArg value}";
  toShellVars = concatMapAttrsStringSep "\n" toShellVar;
  enableFeature = enable: feature: "--${if enable then "enable" else "disable"}-${feature}";
  enableFeatureAs =
    enable: feature: value:
    enableFeature enable feature + optionalString enable "=${value}";
  withFeature = with': feature: "--${if with' then "with" else "without"}-${feature}";
  withFeatureAs =
    with': feature: value:
    withFeature with' feature + optionalString with' "=${value}";
  cmakeBool = feature: enable: "-D${feature}:BOOL=${if enable then "TRUE" else "FALSE"}";
  cmakeFeature = feature: value: "-D${feature}:STRING=${value}";
  mesonBool = feature: enable: "-D${feature}=${trivial.boolToString enable}";
  mesonEnable = feature: enable: "-D${feature}=${if enable then "enabled" else "disabled"}";
  mesonOption = feature: value: "-D${feature}=${value}";
  nameFromURL =
    url: separator:
    builtins.head (splitString separator (lists.last (splitString "/" url)));
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
}
