# What a value is: a package by its derivation, anything else by its kind; and what differs of two.
let
  inherit (builtins)
    attrNames
    concatMap
    deepSeq
    filter
    isAttrs
    toJSON
    unsafeDiscardStringContext
    ;
  inherit (import ./values.nix)
    guarded
    at
    has
    isPackage
    isCallable
    text
    ;

  kindOf =
    value:
    if value == null then
      "nothing"
    else if isPackage value then
      "package"
    else if isCallable value then
      "function"
    else if isAttrs value then
      "set"
    else
      "value";

  facts =
    value:
    { kind = kindOf value; }
    // (
      if isPackage value then { drv = unsafeDiscardStringContext value.drvPath; } else { }
    );

  # The same of what a path leads to, which may be missing, or have been removed, or be a package that fails.
  factsAt =
    path: set:
    let
      value = facts (at path set);
      failing = guarded false (isPackage (at path set));
    in
    if has path set then
      guarded (if failing then { kind = "package"; } else facts null) (deepSeq value value)
    else
      facts null;

  # What is the same as before though its derivation's meta or passthru is not.
  shown =
    before: after:
    let
      # An option's package remembers how it is made.
      plain = value: removeAttrs value [ "unlet calls" "unlet path" ];
      old = plain before;
      new = plain after;
      metaOf = value: guarded null (toJSON (removeAttrs (value.meta or { }) [ "position" ]));
    in
    {
      meta = metaOf old != metaOf new;
      passthru = filter (
        name:
        let
          here = guarded null new.${name};
          there = guarded null (old.${name} or null);
        in
        !(old ? ${name}) || isPackage here && isPackage there && guarded null here.drvPath != guarded null there.drvPath
      ) (attrNames new)
      ++ filter (name: !(new ? ${name})) (attrNames old);
    };

  # The paths of packages that differ in two sets, or in sets within them that are no package sets.
  changedIn =
    depth: old: new:
    concatMap (
      name:
      let
        here = guarded null new.${name};
        there = guarded null (old.${name} or null);
        drv = value: guarded null (text value.drvPath);
      in
      if isPackage here then
        if isPackage there && drv here == drv there then [ ] else [ [ name ] ]
      else if depth > 0 && isAttrs here && isAttrs there && !isCallable here && !(here ? stdenv) then
        map (rest: [ name ] ++ rest) (changedIn (depth - 1) there here)
      else
        [ ]
    ) (attrNames new);
in
{
  inherit
    kindOf
    facts
    factsAt
    shown
    changedIn
    ;
}
