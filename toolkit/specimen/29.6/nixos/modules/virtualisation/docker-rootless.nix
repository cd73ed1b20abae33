# A daemon of docker for each user, in a namespace of that user.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.virtualisation.docker.rootless;
  json = pkgs.formats.json { };
in
{
  options.virtualisation.docker.rootless = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether users have a docker of their own, which has no right that they do not have.
      '';
    };

    setSocketVariable = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether {command}`docker` asks the user's own daemon, by the variable `DOCKER_HOST`.
      '';
    };

    daemon.settings = lib.mkOption {
      type = json.type;
      default = { };
      example = {
        dns = [ "192.0.2.53" ];
      };
      description = ''
        What the daemon reads as its file of settings.
      '';
    };

    package = lib.mkPackageOption pkgs "docker" { };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];

    environment.extraInit = lib.optionalString cfg.setSocketVariable ''
      : "''${DOCKER_HOST:=unix://$XDG_RUNTIME_DIR/docker.sock}"
      export DOCKER_HOST
    '';

    # The programs that may write a user's map of ids are security wrappers.
    systemd.user.services.docker = {
      description = "Docker of this user";
      wantedBy = [ "default.target" ];
      path = [ "/run/wrappers" ];
      environment = config.networking.proxy.envVars;
      unitConfig.ConditionUser = "!root";
      serviceConfig = {
        ExecStart = "${cfg.package}/bin/dockerd-rootless --config-file=${json.generate "daemon.json" cfg.daemon.settings}";
        ExecReload = "${pkgs.procps}/bin/kill -HUP $MAINPID";
        Delegate = true;
        KillMode = "mixed";
        Type = "notify";
      };
    };
  };
}
