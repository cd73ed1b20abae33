# A service with options of several kinds.
{
  config,
  lib,
  pkgs,
  types,
  moved,
  ...
}:
let
  cfg = config.services.board;
in
{
  imports = [ ];

  options.services.board = {
    enable = lib.mkOption {
      type = types.bool;
      default = false;
      description = "Whether the board runs.";
    };
    port = lib.mkOption {
      type = types.port;
      default = 8080;
      description = "Where it listens.";
    };
    openFirewall = lib.mkOption {
      type = types.bool;
      default = false;
      description = "Whether others reach it.";
    };
    level = lib.mkOption {
      type = types.enum [
        "low"
        "high"
      ];
      default = "low";
      description = "How much it says.";
    };
    title = lib.mkOption {
      type = types.str;
      default = "board";
      description = "What it is called.";
    };
    owner = lib.mkOption {
      type = types.str;
      default = "nobody";
      description = "Who owns it.";
    };
    limit = lib.mkOption {
      type = types.int;
      default = 10;
      description = "How many it shows.";
    };
    style = lib.mkOption {
      type = types.submodule {
        colour = lib.mkOption {
          type = types.str;
          default = "red";
          description = "Its colour.";
        };
      };
      default = { };
      description = "How it looks.";
    };
  };

  config = lib.mkIf cfg.enable {
    systemd.units."board.service" = {
      enable = true;
      wantedBy = [ "multi-user.target" ];
      text = ''
        [Service]
        ExecStart=${pkgs.notes-server}/bin/notes --port ${toString cfg.port}
        NoNewPrivileges=true
      '';
    };
    networking.firewall.allowedTCPPorts = if cfg.openFirewall then [ cfg.port ] else [ ];
    environment.etc."board.conf" = {
      mode = "0644";
      user = "root";
      group = "root";
      text = "level=${cfg.level}\n";
    };
    users.users.board.isSystemUser = true;
  };
}
