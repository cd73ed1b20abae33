# What a package is made of, as its derivation has it.
# Argument: `lib`. Result: functions of packages, see below. Their texts keep their context.
{ lib }:
let
  inherit (builtins)
    concatStringsSep
    isAttrs
    isList
    isPath
    mapAttrs
    toJSON
    unsafeDiscardStringContext
    ;
in
rec {
  # As the value goes into the derivation. Unlike toString, "${path}" gives the path in the store.
  text =
    value:
    if isList value then
      concatStringsSep " " (map text value)
    else if isPath value then
      "${value}"
    else if isAttrs value && !(value ? outPath) then
      toJSON value
    else
      toString value;

  attributes =
    package:
    mapAttrs (_: text) (
      lib.filterAttrs (_: value: value != null) (
        removeAttrs (package.drvAttrs or { }) [
          "__ignoreNulls"
          "args"
          "builder"
          "system"
        ]
      )
    );

  identity = package: unsafeDiscardStringContext (package.drvPath or package.outPath);

  # The steps that make up the result: unlike an attribute, what they name is really used.
  scripts =
    package:
    map (step: text (package.${step} or "")) [
      "preInstall"
      "installPhase"
      "postInstall"
      "preFixup"
      "postFixup"
    ];
}
