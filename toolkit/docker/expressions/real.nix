# A whole nixpkgs as what a file is evaluated in, for one {build, host} pair of systems.
# Arguments: `tree`, the absolute path of a nixpkgs; `build` and `host`, system names.
# Result: { lib, scope }: nixpkgs' lib; a function from further packages to the callPackage of the set with these.
{
  tree,
  build,
  host,
}:
let
  set = import ./set.nix {
    inherit tree;
    # As in nixpkgs' CI: a name of former times is for those who still use it.
    aliases = false;
    system = build;
    crossSystem = if host == build then "" else host;
  };
  inherit (set) lib;
  strict = import ./strict.nix { inherit lib; };
in
{
  inherit lib;
  scope =
    extra:
    let
      callPackage = function: set.newScope (extra // { inherit callPackage; }) (strict function);
    in
    callPackage;
}
