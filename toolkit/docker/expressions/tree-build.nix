# Docker as a whole nixpkgs builds it: by the patched tree, and by the tree as it was with an overlay.
#   nix-build tree-build.nix --argstr tree /path --argstr base /path --argstr overlay /path … -A series -A overlay
# Arguments, each a string: `tree` and `base`, absolute paths of a nixpkgs with and without the change; `overlay`, that
# of a folder with default.nix, or "" for none; `system`; `tools`, JSON, what config.tools is (see the specimen),
# or "".
# Result: { series, overlay, drvPaths }: the package by either way, and what the drvPath of each is.
{
  tree,
  base,
  system,
  overlay ? "",
  tools ? "",
}@arguments:
let
  docker = tree: overlays: (import ./set.nix { inherit overlays system tools tree; }).docker;

  packages = {
    series = docker tree [ ];
  }
  // (
    if overlay == "" then { } else { overlay = docker base [ (import (/. + arguments.overlay)) ]; }
  );
in
packages
// {
  drvPaths = builtins.mapAttrs (
    _: package: builtins.unsafeDiscardStringContext package.drvPath
  ) packages;
}
