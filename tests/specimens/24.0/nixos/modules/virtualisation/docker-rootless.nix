# A daemon of docker for each user, in a namespace of that user.
{ config, lib, pkgs, ... }:

with lib;

let
  cfg = config.virtualisation.docker.rootless;
in
{
  options = {
    virtualisation.docker.rootless = {
      enable = mkOption {
        type = types.bool;
        default = false;
        description = lib.mdDoc ''
          Whether users have a docker of their own, which has no right that they do not have.
        '';
      };

      package = mkOption {
        type = types.package;
        default = pkgs.docker;
        defaultText = literalExpression "pkgs.docker";
        description = lib.mdDoc ''
          Whose {command}`dockerd-rootless` is started.
        '';
      };
    };
  };

  config = mkIf cfg.enable {
    # The programs that may write a user's map of ids are security wrappers.
    systemd.user.services.docker = {
      description = "Docker of this user";
      wantedBy = [ "default.target" ];
      path = [ "/run/wrappers" ];
      environment = config.networking.proxy.envVars;
      serviceConfig.ExecStart = "${cfg.package}/bin/dockerd-rootless";
    };

    environment.systemPackages = [ cfg.package ];
  };
}
