# The fixed outputs that a package is made from, and what else its attributes name of the store.
# Arguments: functions of judge.nix about a value.
# Result: `fetches`, those of the attributes, so deep; `shownFetches`, those of what the package shows; `texts`, what its texts
# name; `input`, an attribute as what comes of it.
{
  attempt,
  inValue,
  isPackage,
  orElse,
  output,
  path,
  plain,
  shown,
  summary,
  without,
}:
let
  inherit (builtins)
    attrNames
    concatLists
    concatStringsSep
    elemAt
    filter
    genList
    getContext
    isList
    isPath
    isString
    length
    mapAttrs
    match
    pathExists
    split
    stringLength
    ;

  tools = [
    "builder"
    "buildInputs"
    "curl"
    "curlVersion"
    "depsBuildBuild"
    "depsBuildBuildPropagated"
    "depsBuildTarget"
    "depsBuildTargetPropagated"
    "depsHostHost"
    "depsHostHostPropagated"
    "depsTargetTarget"
    "depsTargetTargetPropagated"
    "mirrorsFile"
    "nativeBuildInputs"
    "nixpkgsVersion"
    "propagatedBuildInputs"
    "propagatedNativeBuildInputs"
    "stdenv"
    "system"
  ];

  # What something is made from: the contents of an input count, and not how they were made.
  input =
    written: given:
    let
      value = attempt given;
    in
    if isPackage value then
      output value
    else if isList value then
      map (input written) value
    else if isPath value && pathExists value then
      plain "${value}"
    else
      summary 2 (if isString value then written value else value);
  # A long text is hashed, and nothing can be made of the store paths in it then.
  unhashed =
    text:
    if stringLength text > 400 then
      concatStringsSep "/nix/store/…-" (filter isString (split "/nix/store/[0-9a-z]{32}-" text))
    else
      text;

  # stdenv runs a builder that is a file; another command may be the fetch itself.
  usual =
    attributes:
    let
      given = orElse [ ] (attributes.args or [ ]);
    in
    if given == [ ] || orElse "" (elemAt given 0) == "-e" then [ "args" ] else [ ];

  # The fixed outputs that a package is made from: its own, and those that its attributes hold.
  fetches =
    depth: name: package:
    let
      attributes = orElse { } (package.drvAttrs or { });
      values = without (tools ++ usual attributes) attributes;
      each =
        inner: given:
        let
          value = orElse null given;
        in
        if isPackage value then
          fetches (depth - 1) inner value
        else if isList value then
          concatLists (genList (n: each "${inner}.${toString n}" (elemAt value n)) (length value))
        else
          [ ];
    in
    if (orElse null (attributes.outputHash or null)) != null then
      [
        {
          inherit name;
          drv = path package;
          out = attempt (plain package.outPath);
          attributes = mapAttrs (_: input unhashed) (
            values
            // {
              url = package.url or null;
            }
            // (if values ? urls then { } else { urls = package.urls or null; })
          );
        }
      ]
    else if depth == 0 then
      [ ]
    else
      concatLists (
        map (inner: each (if name == "" then inner else "${name}.${inner}") values.${inner}) (
          attrNames values
        )
      );
  # Those of what it shows beside them: its own, which its scripts may use, and what a package of it is made from.
  shownFetches =
    leaving: package:
    let
      others = without leaving (shown package);
      fetch =
        name:
        let
          value = orElse null others.${name};
        in
        if isPackage value then fetches 1 name value else [ ];
    in
    concatLists (map (name: inValue name (fetch name)) (attrNames others));

  # What its texts name of the store, and by which derivations.
  texts =
    package:
    let
      attributes = without ([ "args" ] ++ tools) (orElse { } (package.drvAttrs or { }));
      text =
        given:
        let
          value = orElse null given;
        in
        if isString value then
          value
        else if isList value then
          concatStringsSep " " (filter isString (map (orElse null) value))
        else
          "";
      held =
        name: value:
        let
          derivations = filter (path: match ".*\\.drv" path != null) (attrNames (getContext value));
        in
        if derivations == [ ] then
          [ ]
        else
          [
            {
              inherit derivations name;
              outputs = concatLists (
                filter isList (split "(/nix/store/[0-9a-z]{32}-[A-Za-z0-9.+_?=-]+)" (plain value))
              );
            }
          ];
    in
    concatLists (map (name: held name (text attributes.${name})) (attrNames attributes));
in
{
  inherit
    fetches
    input
    shownFetches
    texts
    ;
}
