# The dockers of a nixpkgs with an overlay.
# Arguments, each a string: `overlay`, the absolute path of a folder with default.nix; `tree`, that of the nixpkgs; `system`,
# both build and host platform; `releases`, JSON, names.
# Result: release → drvPath, of each that the overlay defines.
{
  overlay,
  tree,
  system,
  releases,
}:
let
  set = import ./set.nix {
    inherit system tree;
    overlays = [
      (
        final: prev:
        let
          added = import (/. + overlay) final prev;
        in
        added // { unletDefined = builtins.attrNames added; }
      )
    ];
  };
  wanted = builtins.filter (name: builtins.elem name set.unletDefined) (builtins.fromJSON releases);
in
builtins.mapAttrs (_: docker: docker.drvPath) (set.lib.genAttrs wanted (name: set.${name}))
