# A docker of a nixpkgs, of the changed one, and of the nixpkgs with an overlay, to be built:
#   nix-build dockers.nix --argstr tree /path --argstr series /path --argstr attribute docker_29 … -A plain.moby -A series
# Arguments, each a string: `tree`, the absolute path of the nixpkgs; `series`, that of the changed one; `overlay`, that of the
# overlay; `attribute`, the docker's; `tools`, JSON, what config.tools is (see the specimen). Either of `series` and `overlay`
# may be left out.
# Result: { plain, series, overlay }, for this system.
{
  tree,
  attribute,
  tools,
  series ? tree,
  overlay ? "",
}@arguments:
let
  docker =
    tree: overlays:
    (import ./set.nix {
      inherit overlays tools tree;
      system = builtins.currentSystem;
      # As in nixpkgs' CI: a name of former times is for those who still use it.
      aliases = false;
    }).${attribute};
in
{
  plain = docker tree [ ];
  series = docker series [ ];
  overlay = docker tree [ (import (/. + arguments.overlay)) ];
}
