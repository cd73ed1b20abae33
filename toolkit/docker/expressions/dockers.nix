# A docker of a nixpkgs, by its changed file and by an overlay, to be built and compared:
#   nix-build dockers.nix --argstr tree /path --argstr series /path --argstr attribute docker_29 … -A plain.moby -A series
# Arguments, each a string: `tree`, the absolute path of the nixpkgs; `series`, that of the changed one, and `overlay`, that of
# an overlay for the unchanged one, each "" for none; `attribute`, the docker's; `system`; `tools`, JSON, what config.tools
# is (see the specimen), or "".
# Result: { plain, series, overlay, drvPaths }: the packages, and the derivations of the last two.
{
  tree,
  series ? "",
  overlay ? "",
  attribute ? "docker",
  system ? builtins.currentSystem,
  tools ? "",
}@arguments:
let
  docker =
    tree: overlays:
    (import ./set.nix {
      inherit
        overlays
        system
        tools
        tree
        ;
      # As in nixpkgs' CI: a name of former times is for those who still use it.
      aliases = false;
    }).${attribute};
  changed =
    (if series == "" then { } else { series = docker series [ ]; })
    // (
      if overlay == "" then { } else { overlay = docker tree [ (import (/. + arguments.overlay)) ]; }
    );
in
{
  plain = docker tree [ ];
}
// changed
// {
  drvPaths = builtins.mapAttrs (
    _: package: builtins.unsafeDiscardStringContext package.drvPath
  ) changed;
}
