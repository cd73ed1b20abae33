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
in
{
  stdenv = {
    inherit mkDerivation shell;
    buildPlatform = build;
    hostPlatform = host;
    targetPlatform = host;
    inherit (host) system isLinux isDarwin;
    outPath = builtins.toFile "stdenv" "the specimen's stdenv for ${host.system}";
  };

  fetchFromGitHub = lib.makeOverridable sources.fetchFromGitHub;

  # As nixpkgs' own since 2025 it takes a function of the final attributes as well.
  buildGoModule =
    recipe:
    mkDerivation (
      finalAttributes:
      let
        attributes = lib.toFunction recipe finalAttributes;
      in
      attributes // { nativeBuildInputs = [ final.go ] ++ attributes.nativeBuildInputs or [ ]; }
    );

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
