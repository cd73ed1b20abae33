# The docker releases that one file exports when it is called with one package set.
# Arguments: `lib`; `stubs`, the result of stubs.nix; `directory`, the absolute path (a string) of
# the folder with default.nix; `conditions`, names → what the package set has under them besides:
# "unrelated" (a package with nothing to do with docker), "throws" (an alias that was removed),
# "from-docker" (the newest docker's attribute of that name, as an overlay may define it).
# Result: { releases, names }: names → packages, and the names from the newest to the oldest. An argument that a package's function does not take is refused by a throw.
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

  # Nix's own error for an argument that a function does not take cannot be caught. Its XML is all that tells of `...`,
  # and it tells of the parameters that setFunctionArgs hides.
  strict =
    function:
    let
      innermost = f: if builtins.isFunction f then f else innermost (f.__functor f);
      accepted = builtins.functionArgs (innermost function);
      isOpen = builtins.match ".*<attrspat( name=[^>]*)?>.*" (builtins.toXML (innermost function)) == null;
      checked =
        arguments:
        let
          unknown = lib.attrNames (removeAttrs arguments (lib.attrNames accepted));
        in
        if isOpen || unknown == [ ] then
          function arguments
        else
          throw "called with unexpected argument '${builtins.head unknown}'";
    in
    lib.setFunctionArgs checked (lib.functionArgs function);

  callPackage =
    package: lib.callPackageWith packages (strict (if lib.isFunction package then package else import package));

  packages =
    stubs.packages
    // {
      inherit callPackage;
      docker = newest;
    }
    // lib.mapAttrs condition conditions;

  exported = callPackage (/. + directory) { };
  isRelease = name: builtins.match "docker_[0-9].*" name != null;
  dotted = builtins.replaceStrings [ "_" ] [ "." ];
  newer = name: other: builtins.compareVersions (dotted name) (dotted other) > 0;
  names = builtins.sort newer (builtins.filter isRelease (lib.attrNames exported));
  newest = exported.${builtins.head names};
in
{
  inherit names;
  releases = lib.genAttrs names (name: exported.${name});
}
