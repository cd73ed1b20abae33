# The layer of the package set that makes derivations of attributes.
{
  lib,
  build,
  host,
  config,
}:
final: _:
let
  tools = builtins.mapAttrs (_: builtins.storePath) (config.tools or { });
  shell = tools.shell or "/bin/sh";

  mkDerivation = import ./generic/make-derivation.nix {
    inherit lib config;
    system = build.system;
    environment = {
      inherit shell;
      busybox = tools.busybox or "/bin/busybox";
      setup = ./generic/setup.sh;
      builder = shell;
      args = [ ./generic/builder.sh ];
    };
  };

  sources = import ./generic/sources.nix { inherit mkDerivation; };

  # As nixpkgs' own since 2025 it takes a function of the final attributes as well, unless the file is of an older one.
  inherit (builtins.fromJSON (builtins.readFile ../top-level/stand-ins.json)) takesFunction;
  goBuilder =
    { go }@arguments:
    {
      outPath = "${go}";
      override = change: goBuilder (arguments // (if lib.isFunction change then change arguments else change));
      __functor =
        _: recipe:
        if lib.isFunction recipe && !takesFunction then
          throw "this nixpkgs' Go builder takes no function of finalAttrs"
        else
          mkDerivation (
            finalAttributes:
            let
              attributes = if lib.isFunction recipe then recipe finalAttributes else recipe;
            in
            removeAttrs attributes [ "overrideModAttrs" ]
            // {
              nativeBuildInputs = [ go ] ++ attributes.nativeBuildInputs or [ ];
              passthru = attributes.passthru or { };
            }
          );
    };
in
{
  stdenv = {
    inherit mkDerivation shell;
    buildPlatform = build;
    hostPlatform = host;
    targetPlatform = host;
    inherit (host)
      system
      isLinux
      isDarwin
      isAarch64
      isx86_64
      ;
    cc = final.callPackage (import ./stub.nix "cc-wrapper") { } // {
      isGNU = host.isLinux;
      isClang = host.isDarwin;
      targetPrefix = if build == host then "" else "${host.config}-";
    };
    outPath = builtins.toFile "stdenv" "the specimen's stdenv for ${host.system}";
  };

  fetchFromGitHub = lib.makeOverridable sources.fetchFromGitHub;

  buildGoModule = goBuilder { inherit (final) go; };

  symlinkJoin =
    { paths, ... }@arguments:
    mkDerivation (
      removeAttrs arguments [ "paths" ]
      // {
        inherit paths;
        installPhase = ''
          joinPaths $paths
          eval "$postBuild"
        '';
      }
    );
}
