# What a package is built from, in its own words, so that two versions of it can be compared.
# Arguments: functions of judge.nix about a value.
# Result: `build`, a function of the names that lead through inputs to another package, and of the package: its attributes, with
# `env.` before those of env. An input is { name, drv, out }, and { urls, hash } too if it is fetched; a path is { name, out };
# a text that names store paths is { text, inputs }.
{
  attempt,
  isPackage,
  orElse,
  output,
  path,
  plain,
}:
let
  inherit (builtins)
    attrNames
    attrValues
    baseNameOf
    concatLists
    concatStringsSep
    elem
    filter
    getContext
    head
    isAttrs
    isList
    isPath
    isString
    listToAttrs
    mapAttrs
    pathExists
    split
    stringLength
    substring
    tail
    typeOf
    ;

  most = 20000;
  bare = text: concatStringsSep "/nix/store/…-" (filter isString (split "/nix/store/[0-9a-z]{32}-" text));
  named = package: orElse "" (plain (package.pname or package.name or ""));
  attributesOf = package: orElse { } (package.drvAttrs or { });

  text =
    value:
    let
      shown = bare (plain value);
      inputs = attrNames (getContext value);
      long = if stringLength shown > most then substring 0 most shown else shown;
    in
    if inputs == [ ] then long else { text = long; inherit inputs; };

  show =
    depth: given:
    let
      value = attempt given;
    in
    if isPackage value then
      {
        name = named value;
        drv = path value;
        out = output value;
      }
      // (
        if orElse null (value.drvAttrs.outputHash or null) == null then
          { }
        else
          {
            urls = orElse [ ] (value.urls or value.drvAttrs.urls or [ (value.url or value.drvAttrs.url) ]);
            hash = orElse "" (plain "${value.drvAttrs.outputHash}");
          }
      )
    else if isList value then
      map (show depth) value
    else if isPath value then
      {
        name = baseNameOf value;
        out = if pathExists value then plain "${value}" else null;
      }
    else if isString value then
      text value
    else if isAttrs value then
      if depth == 0 then { "{" = attrNames value; } else mapAttrs (_: show (depth - 1)) value
    else if typeOf value == "lambda" then
      "a function"
    else
      value;

  # Nixpkgs merges them into the others; an override sees them.
  environment =
    package:
    orElse [ ]
      (package.overrideAttrs (old: {
        passthru = old.passthru or { } // {
          unletEnvironment = attrNames (old.env or { });
        };
      })).unletEnvironment;

  inputsOf =
    package:
    let
      inputs = value: if isPackage (orElse null value) then [ value ] else if isList (orElse null value) then concatLists (map inputs value) else [ ];
    in
    concatLists (map inputs (attrValues (attributesOf package)));
  through =
    names: package:
    let
      next = filter (input: named input == head names) (inputsOf package);
    in
    if names == [ ] then
      package
    else if next == [ ] then
      null
    else
      through (tail names) (head next);
in
{
  build =
    names: outer:
    let
      package = through names outer;
      attributes = attributesOf package;
      env = filter (name: attributes ? ${name}) (environment package);
    in
    if package == null then
      { }
    else
      listToAttrs (
        map (name: {
          name = if elem name env then "env.${name}" else name;
          value = show 2 attributes.${name};
        }) (attrNames attributes)
      );
}
