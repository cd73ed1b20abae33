# A package set with what the overlay and the module look at, and the answers that the tests ask for.
{ overlays }:
let
  lib = {
    inherit (builtins)
      filter
      attrNames
      isString
      partition
      concatStringsSep
      ;
    splitString = separator: text: builtins.filter builtins.isString (builtins.split separator text);
    hasInfix = infix: text: builtins.match ".*${infix}.*" text != null;
    escapeShellArg = text: "'${text}'";
    optional = condition: value: if condition then [ value ] else [ ];
    getAttrs =
      names: set:
      builtins.listToAttrs (
        map (name: {
          inherit name;
          value = set.${name};
        }) names
      );
    genAttrs =
      names: function:
      builtins.listToAttrs (
        map (name: {
          inherit name;
          value = function name;
        }) names
      );
    getBin = package: package;
    mkIf = condition: content: { inherit condition content; };
    mkOption = option: option;
    mkEnableOption = text: text;
    types.enum = values: values;
  };

  package = name: rec {
    inherit name;
    type = "derivation";
    outPath = "/nix/store/${name}";
  };

  docker =
    {
      version,
      clientOnly ? false,
      entries ? "/nix/store/x-rootlesskit-2.3/bin:/nix/store/x-slirp4netns-1/bin",
    }@arguments:
    package "docker-${version}"
    // {
      pname = "docker";
      inherit version;
      meta = {
        mainProgram = "docker";
        outputsToInstall = [ "out" ];
      };
      passthru.tests = "tests";
      override = changes: docker (arguments // changes);
      overrideAttrs = _: docker (arguments // { version = "${version}-changed"; });
    }
    // (
      if clientOnly then
        { }
      else
        {
          moby = package "moby-${version}" // {
            extraPath = "/nix/store/x-iproute2/bin:/nix/store/x-git/bin";
            extraUserPath = entries;
          };
          docker-runc = package "docker-runc";
        }
    );

  prev = {
    inherit lib;
    docker_29 = docker { version = "29.6.1"; };
    docker_28 = docker {
      version = "28.0.0";
      entries = [ ];
    };
    docker_20_10 = throw "docker_20_10 was removed";
    docker = final.docker_29;
    docker-client = final.docker.override { clientOnly = true; };
    docker-compose = throw "not to be looked at";
  };

  final =
    prev
    // added
    // {
      symlinkJoin = joined: package joined.name // joined;
      makeWrapper = package "makeWrapper";
    };

  added = import (overlays + "/rewrap.nix") final prev;

  module =
    route:
    (import (overlays + "/privileged-ports.nix") {
      inherit lib;
      config.virtualisation.docker.rootless.privilegedPorts = {
        enable = true;
        inherit route;
      };
      pkgs.rootlesskit = package "rootlesskit";
    }).config.content;
in
{
  names = builtins.attrNames added;
  script = final.docker_29.postBuild;
  meta = final.docker_29.meta;
  tests = final.docker_29.tests;
  runc = final.docker_29.docker-runc.name;
  twice = final.docker.paths == final.docker_29.paths;
  client = final.docker-client ? rewrapped;
  withoutRootless = final.docker_28 ? rewrapped;
  overridden = (final.docker.override { version = "30"; }).postBuild;
  changed = (final.docker.overrideAttrs (_: { })).name;
  removed = (builtins.tryEval final.docker_20_10).success;
  wrappers =
    builtins.attrNames (module "rewrap").security.wrappers
    ++ builtins.attrNames (module "wrapper-name").security.wrappers;
  wrapper = (module "wrapper-name").security.wrappers.docker-rootlesskit;
  overlayed = map (route: (module route).nixpkgs.overlays.condition) [
    "rewrap"
    "wrapper-name"
  ];
}
