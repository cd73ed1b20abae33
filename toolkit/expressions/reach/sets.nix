# The set with the overlays, each of which leaves beside what it gives what it was given.
{
  tree,
  system,
  lib,
  place,
}:
let
  inherit (builtins)
    attrNames
    filter
    foldl'
    head
    intersectAttrs
    length
    listToAttrs
    mapAttrs
    ;
  inherit (import ./values.nix)
    at
    ;

  permitting = import ../permitting.nix;
  inherit (import ./observed.nix) leaving observeSet;

  systemOf =
    used:
    let
      named = filter (system: system != null) (map (each: each.system) used);
    in
    if system != "" then
      system
    else if named != [ ] then
      head named
    else
      builtins.currentSystem;

  set = setPermitting permitting;

  setPermitting =
    permitted: used: overlays:
    import (/. + tree) {
      localSystem.system = systemOf used;
      inherit overlays;
      config = permitted // removeAttrs (foldl' (all: each: all // each.config) { } used) [ "packageOverrides" ];
    };

  plain = set [ ] [ ];

  # `keep` says which attributes of an overlay count.
  composed = composedPermitting permitting;

  composedPermitting =
    permitted: used: keep:
    setPermitting permitted used (
      map (
        index: final: prev:
        let
          given = index.function final prev;
          # What an option is set to is in no set.
          kept =
            if index.isApart or false then
              { }
            else
              intersectAttrs (listToAttrs (
                map (name: {
                  inherit name;
                  value = null;
                }) (filter (keep index prev) (attrNames given))
              )) given;
        in
        kept
        // mapAttrs (name: value: if prev ? ${name} then hooks.${name}.mark index.key prev.${name} value else value) (
          intersectAttrs hooks kept
        )
        // {
          ${index.key} = {
            inherit prev given;
            observed = index.function final (mapAttrs (_: observeSet) prev);
          };
        }
      ) used
    );

  # The attributes that hold extensions of a scope elsewhere, and how they are put in.
  hooks = {
    pythonPackagesExtensions = {
      scope = [ "python3Packages" ];
      mark = owner: _: map (each: if each ? owner then each else { inherit owner; __functor = _: leaving owner each; });
    };
    haskell = {
      scope = [ "haskellPackages" ];
      mark =
        owner: _: new:
        new // { ${if place "packageOverrides" new != null then "packageOverrides" else null} = leaving owner new.packageOverrides; };
    };
  };

  joint = used: composed used (_: _: _: true);

  # The same as Nix has it that permits nothing of itself.
  strict = used: composedPermitting { } used (_: _: _: true);

  without = used: index: name: composed used (at: _: each: !(at.key == index.key && each == name));

  alone = used: index: name: composed used (at: prev: each: at.key == index.key && each == name || !prev ? ${each});
in
{
  inherit
    systemOf
    set
    plain
    hooks
    joint
    strict
    without
    alone
    ;
}
