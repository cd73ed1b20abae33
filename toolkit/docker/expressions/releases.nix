# The docker releases that one file exports when it is called with one package set.
# Arguments: `lib`; `world`, the result of real.nix; `directory`, the absolute path (a string) of
# the folder with default.nix; `arguments`, those that the file is called with besides.
# Result: { releases, names }: names → packages, and the names of those that evaluate, from the newest to the oldest.
{
  lib,
  world,
  directory,
  arguments ? { },
}:
let
  callPackage = world.scope { docker = newest; };
  exported = callPackage (/. + directory) arguments;
  isRelease = name: builtins.match "docker_[0-9].*" name != null;
  dotted = builtins.replaceStrings [ "_" ] [ "." ];
  newer = name: other: builtins.compareVersions (dotted name) (dotted other) > 0;
  releases = lib.genAttrs (builtins.filter isRelease (lib.attrNames exported)) (name: exported.${name});
  # Evaluation may end with a throw, as that of the alias for a release which was removed.
  names = builtins.filter (name: (builtins.tryEval releases.${name}.drvPath).success) (
    builtins.sort newer (lib.attrNames releases)
  );
  newest = releases.${builtins.head names};
in
{
  inherit names releases;
}
