# stdenv.mkDerivation: an attribute set, or a function of the final one, to a package. Its meta decides whether
# it may be used: only then has it a drvPath and an outPath.
{
  lib,
  config,
  system,
  environment,
}:
let
  # Old libraries have none.
  toFunction = value: if lib.isFunction value then value else _: value;

  problem =
    meta:
    if meta.broken or false && !(config.allowBroken or false) then
      "is marked as broken"
    else if unfree meta then
      "has an unfree license"
    else if !(builtins.elem system (meta.platforms or lib.platforms.all)) then
      "is not available on ${system}"
    else
      null;

  unfree =
    meta:
    !(meta.license.free or true)
    && !(config.allowUnfree or false)
    && !(config.allowUnfreePredicate or (_: false) meta)
    && builtins.getEnv "NIXPKGS_ALLOW_UNFREE" != "1";

  insecure =
    package: meta:
    meta.knownVulnerabilities or [ ] != [ ]
    && !(config.allowInsecurePredicate or (_: false) package)
    && builtins.getEnv "NIXPKGS_ALLOW_INSECURE" != "1";

  # `recipe` is a function of the final attributes.
  make =
    recipe:
    let
      attributes = recipe (attributes // { finalPackage = package; });
      meta = attributes.meta or { };
      place = builtins.unsafeGetAttrPos (if attributes ? pname then "pname" else "name") attributes;
      position = if place == null then { } else { position = "${place.file}:${toString place.line}"; };
      name =
        attributes.name or (
          if attributes ? pname && attributes ? version then
            "${attributes.pname}-${attributes.version}"
          else
            throw "mkDerivation: neither name nor pname and version are given"
        );
      raw = derivation (
        {
          outputs = [ "out" ];
        }
        // removeAttrs attributes [
          "env"
          "meta"
          "passthru"
        ]
        // attributes.env or { }
        // environment
        // {
          inherit name system;
        }
      );
      allowed =
        if problem meta != null then
          throw "package '${name}' ${problem meta}"
        else if insecure package meta then
          throw "package '${name}' is marked as insecure"
        else
          raw;
      package =
        raw
        // {
          inherit (allowed) drvPath outPath;
          out = package;
        }
        // attributes.passthru or { }
        // {
          meta = meta // position;
          passthru = attributes.passthru or { };
          overrideAttrs =
            change:
            make (
              final:
              let
                old = recipe final;
                changed = toFunction change old;
              in
              # A function of the old attributes alone, or of the final ones and the old ones.
              old // (if lib.isFunction changed then change final old else changed)
            );
        };
    in
    package;
in
recipe: make (toFunction recipe)
