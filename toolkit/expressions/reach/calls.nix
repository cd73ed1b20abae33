# What the calls that make an override set.
let
  inherit (builtins)
    attrNames
    concatMap
    filter
    isAttrs
    listToAttrs
    unsafeGetAttrPos
    ;
  inherit (import ./values.nix)
    guarded
    isPackage
    text
    given'
    ;

  argumentsOf = value: guarded [ ] (attrNames (value.override.__functionArgs or { }));

  # A call's own words: its method, and the names of what it sets.
  described =
    { method, argument, of }:
    let
      old =
        if method == "override" then
          { }
        else if method == "overridePythonAttrs" then
          of
        else
          of.drvAttrs or { } // of;
      given = given' argument old old;
      # What `old // { … }` hands on is not set by the call.
      isHandedOn =
        name: old ? ${name} && unsafeGetAttrPos name given != null && unsafeGetAttrPos name given == unsafeGetAttrPos name old;
    in
    {
      inherit method;
      names = guarded [ ] (if isAttrs given then filter (name: !isHandedOn name) (attrNames given) else [ ]);
      packages =
        if method == "override" && isAttrs given then
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
