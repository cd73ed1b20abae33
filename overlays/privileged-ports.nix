# A NixOS module: containers of rootless docker may publish ports below 1024.
#
#   imports = [ ./privileged-ports.nix ];
#   virtualisation.docker.rootless.enable = true;
#   virtualisation.docker.rootless.privilegedPorts.enable = true;
#
# dockerd-rootless takes `docker-rootlesskit` from PATH if there is one, else `rootlesskit`. The route
# `wrapper-name` gives the security wrapper the first name, which nothing hides; it needs no overlay. The route
# `rewrap` gives it the second name, and lets it be found by the overlay beside this file.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.virtualisation.docker.rootless.privilegedPorts;
  wrapper = if cfg.route == "rewrap" then "rootlesskit" else "docker-rootlesskit";
in
{
  options.virtualisation.docker.rootless.privilegedPorts = {
    enable = lib.mkEnableOption "ports below 1024 for containers of rootless docker";

    route = lib.mkOption {
      type = lib.types.enum [
        "wrapper-name"
        "rewrap"
      ];
      default = "wrapper-name";
      description = ''
        How dockerd-rootless comes to use the security wrapper: by its name `docker-rootlesskit`
        (`wrapper-name`), or by an overlay that looks up `rootlesskit` last (`rewrap`).
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    security.wrappers.${wrapper} = {
      owner = "root";
      group = "root";
      capabilities = "cap_net_bind_service+ep";
      source = "${lib.getBin pkgs.rootlesskit}/bin/rootlesskit";
    };

    nixpkgs.overlays = lib.mkIf (cfg.route == "rewrap") [ (import ./rewrap.nix) ];
  };
}
