# What a real NixOS makes of some configurations.
# Arguments, each a string: `tree`, the absolute path of a nixpkgs; `cases`, JSON, the absolute paths of the modules of
# each configuration by its name.
# Result: the same names with { wrappers, groups, failed, warnings, path, start, docker, moby, script }: the security
# wrappers for rootlesskit; the names of all groups; the assertions that fail, and the warnings; the service's PATH and
# command; the drvPaths; the script that makes all security wrappers.
{ tree, cases }:
let
  lib = import (/. + tree + "/lib");
  pkgs = import (/. + tree) {
    system = "x86_64-linux";
    overlays = [ ];
    config.allowInsecurePredicate = _: true;
  };
  evaluate = import (/. + tree + "/nixos/lib/eval-config.nix");
  machine = {
    nixpkgs.pkgs = pkgs;
    boot.isContainer = true;
    system.stateVersion = lib.trivial.release;
  };
  path = package: builtins.unsafeDiscardStringContext package.drvPath;

  see =
    modules:
    let
      inherit
        (evaluate {
          system = null;
          modules = [ machine ] ++ map (module: /. + module) modules;
        })
        config
        ;
      service = config.systemd.user.services.docker;
      docker = config.virtualisation.docker.rootless.package;
    in
    {
      wrappers = builtins.mapAttrs (
        _: wrapper: {
          inherit (wrapper)
            owner
            group
            permissions
            capabilities
            source
            ;
        }
      ) (lib.filterAttrs (name: _: lib.hasSuffix "rootlesskit" name) config.security.wrappers);
      groups = map (group: group.name) (builtins.attrValues config.users.groups);
      failed = map (one: one.message) (builtins.filter (one: !one.assertion) config.assertions);
      inherit (config) warnings;
      path = service.environment.PATH;
      start = service.serviceConfig.ExecStart;
      docker = path docker;
      moby = path docker.moby;
      script = config.systemd.services.suid-sgid-wrappers.script or "";
    };
in
builtins.mapAttrs (_: see) (builtins.fromJSON cases)
