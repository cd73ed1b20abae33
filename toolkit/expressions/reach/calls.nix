# What the calls that make an override set.
let
  inherit (builtins)
    attrNames
    concatMap
    isAttrs
    listToAttrs
    ;
  inherit (import ./values.nix)
    guarded
    isPackage
    text
    given'
    ;

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
    argumentsOf
    described
    ;
}
