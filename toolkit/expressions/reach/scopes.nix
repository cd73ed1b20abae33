# What an overlay does to a scope, by its extensions: its members, and the calls that make them.
{ place, hooks }:
let
  inherit (builtins)
    any
    attrNames
    elemAt
    filter
    foldl'
    genList
    head
    isAttrs
    length
    listToAttrs
    match
    tail
    unsafeGetAttrPos
    ;
  inherit (import ./values.nix)
    guarded
    at
    isPackage
    ;

  inherit (import ./observed.nix) scopeIn;

  # What a scope says of its extensions, the last first.
  extensionsIn = scope: filter (each: isAttrs each.given) (scope."unlet scope" or [ ]);

  # Of `python3Packages` the extensions are those of the interpreter that it is made of.
  observedScope =
    observed: name:
    let
      interpreter = match "(python3[0-9]*)Packages" name;
      value = observed.${name};
      own = if !isAttrs value then { } else if scopeIn value ? "unlet scope" then scopeIn value else value;
    in
    if own ? "unlet scope" || interpreter == null || !observed ? ${head interpreter} then
      own
    else
      scopeIn observed.${head interpreter};

  # The extensions that an overlay adds with an attribute, without those that others have added.
  extensionsOf =
    scope: index: name:
    let
      inherit (entry index scope) prev observed;
      before = guarded null (prev.${name} or null);
      earlier = if isPackage before then scopeIn before else if isAttrs before then before else { };
      all =
        if hooks ? ${name} then extensionsIn (at hooks.${name}.scope scope) else extensionsIn (observedScope observed name);
    in
    if hooks ? ${name} then
      ownOf index.key all
    else
      genList (elemAt all) (length all - length (extensionsIn earlier));

  # An overlay's extensions among all, the last first, without the members of earlier ones that they are composed of.
  ownOf =
    key: all:
    let
      last = head all;
      isEarlier = member: any (other: unsafeGetAttrPos member other.given == unsafeGetAttrPos member last.given) (tail all);
      own = last // {
        given = removeAttrs last.given (filter isEarlier (attrNames last.given));
      };
    in
    if all == [ ] then [ ] else (if last.owner == key then [ own ] else [ ]) ++ ownOf key (tail all);

  membersBy =
    extensions:
    foldl' (
      all: { given, ... }:
      listToAttrs (
        map (name: {
          inherit name;
          value = place name given;
        }) (filter (name: name != "unlet scope") (attrNames given))
      )
      // all
    ) { } extensions;

  membersOf =
    old: new:
    listToAttrs (
      map (name: {
        inherit name;
        value = place name new;
      }) (filter (name: place name new != null || !old ? ${name}) (attrNames new))
    );

  entry = index: scope: scope.${index.key};

  memberOf = scope: index: name: member: head (filter (each: each.given ? ${member}) (extensionsOf scope index name));

  callsOf =
    scope: index: name: member:
    let
      observed =
        if member == "" then (entry index scope).observed.${name} else (memberOf scope index name member).observed.${member};
    in
    callsIn observed;

  callsIn = observed: if isAttrs observed then observed."unlet calls" or [ ] else [ ];

  # The calls that make what a path leads to, in a set that an overlay gives.
  callsAt =
    scope: index: path:
    callsIn (at path (entry index scope).observed);
in
{
  inherit
    extensionsOf
    membersBy
    membersOf
    entry
    memberOf
    callsOf
    callsAt
    ;
}
