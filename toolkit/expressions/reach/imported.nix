# The arguments that a file imports nixpkgs with, wherever in it and whatever it makes of the packages.
#
# The file is read with an `import` that gives, in place of nixpkgs, a set whose packages and functions are all nothing but
# these arguments: a shell that is made of them is the arguments too.
{ tree }:
let
  inherit (builtins)
    attrValues
    concatMap
    isAttrs
    isString
    mapAttrs
    match
    scopedImport
    ;
  inherit (import ./values.nix) guarded;

  absorbed =
    arguments: value:
    (if isAttrs value then mapAttrs (_: absorbed arguments) value else { })
    // {
      "unlet arguments" = arguments;
      __functor = _: _: absorbed arguments { overrideAttrs = { }; };
    };

  setWith =
    arguments:
    let
      set = import (/. + tree) arguments;
      more = overlays: setWith (arguments // { overlays = arguments.overlays or [ ] ++ overlays; });
    in
    absorbed arguments set
    // {
      inherit (set) lib;
      appendOverlays = more;
      extend = overlay: more [ overlay ];
    };

  isNixpkgs = text: match ".*([nN]ix[oO][sS]/nixpkgs|(channels|releases)[.]nixos[.]org|nixos[.]org/channels).*" text != null;

  fetched =
    fetch: arguments:
    if isNixpkgs (if isString arguments then arguments else toString (arguments.url or "")) then tree else fetch arguments;

  # A file with another function in place of nixpkgs, in what it imports too.
  importedWith =
    nixpkgs: path:
    let
      import = importedWith nixpkgs;
      scope = {
        inherit import;
        fetchTarball = fetched fetchTarball;
        builtins = builtins // {
          inherit import;
          fetchTarball = fetched fetchTarball;
          fetchGit = fetched fetchGit;
        };
      };
    in
    if isAttrs path && isNixpkgs (toString (path.url or "")) || toString path == tree then
      nixpkgs
    else
      scopedImport scope path;

  imported = importedWith setWith;

  # The arguments in a value of such a file.
  argumentsIn =
    value:
    if !isAttrs value then
      [ ]
    else
      concatMap (
        each: guarded [ ] (if isAttrs each && each ? "unlet arguments" then [ each."unlet arguments" ] else [ ])
      ) ([ value ] ++ attrValues value);
in
{
  inherit
    argumentsIn
    imported
    importedWith
    setWith
    ;
}
