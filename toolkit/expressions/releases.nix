# The docker releases that one file exports when it is called with one package set.
# Arguments: `lib`; `stubs`, the result of stubs.nix; `directory`, the absolute path (a string) of
# the folder with default.nix; `conditions`, names → what the package set has under them besides:
# "unrelated" (a package with nothing to do with docker), "throws" (an alias that was removed),
# "from-docker" (the newest docker's attribute of that name, as an overlay may define it).
# Result: release names → packages, each with `parameters`, those of the function that makes it.
{
  lib,
  stubs,
  directory,
  conditions ? { },
}:
let
  condition =
    name: kind:
    {
      unrelated = stubs.plain "unrelated-${name}" { };
      throws = throw "the package set has no '${name}' any more";
      from-docker = packages.docker.${name};
    }
    .${kind};

  callPackage =
    package: explicit:
    let
      result = lib.callPackageWith packages package explicit;
      function = if lib.isFunction package then package else import package;
    in
    result // { parameters = lib.functionArgs function; };

  packages =
    stubs.packages
    // {
      inherit callPackage;
      docker = newest;
    }
    // lib.mapAttrs condition conditions;

  exported = callPackage (/. + directory) { };
  isRelease = name: builtins.match "docker_[0-9].*" name != null;
  names = builtins.filter isRelease (lib.attrNames exported);
  newest = exported.${builtins.elemAt (builtins.sort newer names) 0};
  newer = name: other: builtins.compareVersions (dotted name) (dotted other) > 0;
  dotted = builtins.replaceStrings [ "_" ] [ "." ];
in
lib.genAttrs names (name: exported.${name})
