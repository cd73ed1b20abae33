# What privileged-ports.nix makes of some configurations, beside stand-ins for the modules of NixOS that it touches.
# Argument: `library`, the absolute path of nixpkgs' lib, whose module system is taken; "" for our own.
{ library }:
let
  plain = import ./set.nix { overlays = [ ]; };
  lib =
    if library == "" then import ./evaluation.nix { inherit (plain) lib; } else import (/. + library);
  rewrap = import ../../overlays/rewrap.nix;
  path = package: builtins.unsafeDiscardStringContext package.drvPath;

  option = type: default: lib.mkOption { inherit type default; };
  nixos =
    { config, pkgs, ... }:
    {
      options = {
        assertions = option (lib.types.listOf lib.types.raw) [ ];
        nixpkgs.overlays = option (lib.types.listOf lib.types.raw) [ ];
        security.wrappers = option (lib.types.attrsOf lib.types.raw) { };
        systemd.user.services.docker.environment = option (lib.types.attrsOf lib.types.str) { };
        virtualisation.docker.rootless.enable = option lib.types.bool false;
        virtualisation.docker.rootless.package = option lib.types.package pkgs.docker;
      };
    };

  evaluate =
    settings:
    let
      inherit
        (lib.evalModules {
          modules = [
            nixos
            ../../overlays/privileged-ports.nix
            settings
          ];
          specialArgs.pkgs = import ./set.nix { inherit (config.nixpkgs) overlays; };
        })
        config
        ;
      inherit (config) security virtualisation;
    in
    {
      inherit (security) wrappers;
      failed = map (one: one.message) (builtins.filter (one: !one.assertion) config.assertions);
      docker = path virtualisation.docker.rootless.package;
      overlays = builtins.length config.nixpkgs.overlays;
    };

  with' = settings: { ... }: {
    virtualisation.docker.rootless = {
      enable = true;
      privilegedPorts = {
        enable = true;
      }
      // settings;
    };
  };
  and' = settings: more: { ... }@arguments: with' settings arguments // more;
  wrapper = name: {
    security.wrappers.${name} = {
      source = "/bin/sh";
    };
  };
  variable = "DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER";
  driver = name: { systemd.user.services.docker.environment.${variable} = name; };
  byRewrap.route = "rewrap";

  # The values of the enum, which the types of the two libraries do not tell alike.
  routes =
    (import ../../overlays/privileged-ports.nix {
      config = { };
      pkgs = { };
      lib = lib // {
        types = lib.types // {
          enum = values: values;
        };
      };
    }).options.virtualisation.docker.rootless.privilegedPorts.route.type;
in
{
  byRoute = lib.genAttrs routes (route: evaluate (with' { inherit route; }));

  source = builtins.unsafeDiscardStringContext "${plain.rootlesskit}/bin/rootlesskit";
  plain = path plain.docker;
  rewrapped = path (import ./set.nix { overlays = [ rewrap ]; }).docker;
  rewrapped25 = path (import ./set.nix { overlays = [ rewrap ]; }).docker_25;

  off = evaluate { };
  standard = evaluate (with' { });
  rewrap = evaluate (with' byRewrap);
  group = evaluate (with' {
    group = "docker-rootless";
  });
  ownPackage = evaluate (
    { pkgs, ... }@arguments:
    {
      virtualisation.docker.rootless = (with' byRewrap arguments).virtualisation.docker.rootless // {
        package = pkgs.docker_25;
      };
    }
  );
  withOverlay = evaluate (and' byRewrap { nixpkgs.overlays = [ rewrap ]; });

  withoutRootless = evaluate { virtualisation.docker.rootless.privilegedPorts.enable = true; };
  portDriver = evaluate (and' { } (driver "slirp4netns"));
  builtin = evaluate (and' { } (driver "builtin"));
  bothWrappers = evaluate (and' { } (wrapper "rootlesskit"));
  bothWrappersRewrap = evaluate (and' byRewrap (wrapper "docker-rootlesskit"));
  bothRoutes = evaluate (and' { } { nixpkgs.overlays = [ rewrap ]; });
}
