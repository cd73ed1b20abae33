# What the calls that make an override set, and other ways to write the last of them.
{
  lib,
  callsOf,
}:
let
  inherit (builtins)
    attrNames
    concatMap
    intersectAttrs
    isAttrs
    listToAttrs
    ;
  inherit (import ./values.nix)
    guarded
    isPackage
    text
    given'
    ;

  # Other ways to write the last `overrideAttrs` of an override, by the name of the way.
  ways =
    scope: index: name: member:
    let
      call = lib.last (callsOf scope index name member);
      package = call.of;
      change = call.argument;
      set = old: given' change old old;
      also = more: package.overrideAttrs (old: set old // more old (old // set old));
      fake = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    in
    {
      overridePythonAttrs = package.overridePythonAttrs change;
      unwrapped = package.override {
        "${name}-unwrapped" = scope."${name}-unwrapped".overrideAttrs change;
      };
      unwrappedAttribute = scope."${name}-unwrapped".overrideAttrs change;
      override = package.override (intersectAttrs (package.override.__functionArgs or { }) (given' change package.drvAttrs package));
      vendorHash = also (_: _: { vendorHash = fake; });
      fetchCargoVendor = also (
        _: new: {
          cargoDeps = scope.rustPlatform.fetchCargoVendor {
            inherit (new) src;
            name = "${new.pname}-${new.version}";
            hash = fake;
          };
        }
      );
      cargoDeps = also (
        old: new: {
          cargoDeps = old.cargoDeps.overrideAttrs (_: {
            inherit (new) src;
            outputHash = fake;
          });
        }
      );
      npmDepsHash = also (_: _: { npmDepsHash = fake; });
      fetchNpmDeps = also (
        _: new: {
          npmDeps = scope.fetchNpmDeps {
            inherit (new) src;
            hash = fake;
          };
        }
      );
      src = also (
        _: new: {
          src = package.src.override {
            ${if package.src ? tag then "tag" else "rev"} = "v${new.version}";
            hash = fake;
          };
        }
      );
      oldSrc = also (
        _: new: {
          src = package.src.overrideAttrs (_: {
            outputHash = fake;
            urls = [ "https://example.org/${new.version}" ];
          });
        }
      );
    };

  argumentsOf = value: guarded [ ] (attrNames (value.override.__functionArgs or { }));

  # A call's own words: its door, and the names of what it sets.
  described =
    { door, argument, of }:
    let
      old =
        if door == "override" then
          { }
        else if door == "overridePythonAttrs" then
          of
        else
          of.drvAttrs or { } // of;
      given = given' argument old old;
    in
    {
      inherit door;
      names = guarded [ ] (if isAttrs given then attrNames given else [ ]);
      packages =
        if door == "override" && isAttrs given then
          listToAttrs (
            concatMap (
              name:
              let
                value = guarded null given.${name};
                drv = if isPackage value then guarded null (text value.drvPath) else null;
              in
              if drv == null then [ ] else [ { inherit name; value = drv; } ]
            ) (attrNames given)
          )
        else
          { };
      arguments = argumentsOf of;
    };
in
{
  inherit
    ways
    argumentsOf
    described
    ;
}
