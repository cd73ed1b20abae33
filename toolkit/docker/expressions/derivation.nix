# mkDerivation: a package's attributes → a real derivation, so that equal attributes mean equal
# drvPaths. Arguments: `lib`; `system`, the name of the system that builds; `native`, whether it can
# run what it builds; `program`, a function from the attributes to the { builder, args } for them.
# Result: a function like stdenv.mkDerivation of nixpkgs (attribute set, or function of finalAttrs).
{
  lib,
  system,
  native,
  program,
}:
let
  # Trees of the first eras have no toFunction in their lib.
  inherit (import ./overriding.nix) isFunction toFunction;

  inputLists = [
    "buildInputs"
    "configureFlags"
    "depsBuildBuild"
    "depsBuildTarget"
    "depsHostHost"
    "depsTargetTarget"
    "nativeBuildInputs"
    "patches"
    "propagatedBuildInputs"
    "propagatedNativeBuildInputs"
  ];

  # What nixpkgs passes even when a package is silent: naming such a value must not change a hash.
  defaults = lib.genAttrs inputLists (_: [ ]) // {
    doCheck = false;
    doInstallCheck = false;
    outputs = [ "out" ];
    strictDeps = false;
  };

  outsideTheBuild = [
    "checkInputs"
    "env"
    "installCheckInputs"
    "meta"
    "nativeCheckInputs"
    "nativeInstallCheckInputs"
    "passthru"
    "pos"
  ];

  variableTypes = [
    "bool"
    "int"
    "string"
  ];

  variable =
    name: value:
    if lib.isDerivation value || builtins.elem (builtins.typeOf value) variableTypes then
      value
    else
      throw "mkDerivation: env.${name} is a ${builtins.typeOf value}";

  environment =
    attrs: beside:
    let
      variables = lib.mapAttrs variable (attrs.env or { });
      clashes = lib.attrNames (builtins.intersectAttrs variables beside);
    in
    if clashes != [ ] then
      throw "mkDerivation: set both in env and beside it: ${toString clashes}"
    else if attrs.__structuredAttrs or false then
      { env = variables; }
    else
      variables;

  nameOf =
    attrs:
    if attrs ? name then
      attrs.name
    else if attrs ? pname && attrs ? version then
      "${attrs.pname}-${attrs.version}"
    else
      throw "mkDerivation: neither name nor pname and version are given";

  arguments =
    attrs:
    let
      doCheck = native && attrs.doCheck or false;
      doInstallCheck = native && attrs.doInstallCheck or false;
      checked =
        inputs: check: installCheck:
        inputs
        ++ lib.optionals doCheck (attrs.${check} or [ ])
        ++ lib.optionals doInstallCheck (attrs.${installCheck} or [ ]);
      beside = removeAttrs attrs outsideTheBuild;
    in
    defaults
    // beside
    // environment attrs beside
    // program attrs
    // {
      buildInputs = checked (attrs.buildInputs or [ ]) "checkInputs" "installCheckInputs";
      nativeBuildInputs =
        checked (attrs.nativeBuildInputs or [ ]) "nativeCheckInputs"
          "nativeInstallCheckInputs";
      inherit doCheck doInstallCheck system;
      name = nameOf attrs;
      __ignoreNulls = true;
    };

  # overrideAttrs takes a set, a function of the old attributes, or one of the final and the old.
  overlay =
    change: final: previous:
    let
      changed = toFunction change previous;
    in
    if isFunction change && isFunction changed then change final previous else changed;

  make =
    recipe:
    let
      attrs = recipe (attrs // { finalPackage = package; });
      package =
        derivation (arguments attrs)
        // attrs.passthru or { }
        // {
          meta = attrs.meta or { };
          passthru = attrs.passthru or { };
          overrideAttrs =
            change:
            make (
              final:
              let
                previous = recipe final;
              in
              previous // overlay change final previous
            );
        };
    in
    package;
in
attrs: make (toFunction attrs)
