# A NixOS module: containers of rootless docker may publish ports below 1024.
#
#   imports = [ ./privileged-ports.nix ];
#   virtualisation.docker.rootless.enable = true;
#   virtualisation.docker.rootless.privilegedPorts.enable = true;
#
# dockerd-rootless takes `docker-rootlesskit` from PATH if there is one, else `rootlesskit`. By the route
# `wrapper-name` the security wrapper has the first name, which nothing hides. By the route `rewrap` it has the
# second, and docker's package is changed by rewrap.nix, beside this file, so that its own rootlesskit comes last.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  rootless = config.virtualisation.docker.rootless;
  cfg = rootless.privilegedPorts;

  byRewrap = cfg.route == "rewrap";
  name = if byRewrap then "rootlesskit" else "docker-rootlesskit";
  otherName = if byRewrap then "docker-rootlesskit" else "rootlesskit";

  # The overlay applied to one package: nothing else that has docker in it is built again.
  rewrapped =
    package:
    (import ./rewrap.nix pkgs {
      inherit (pkgs) lib;
      docker = package;
    }).docker;

  variable = "DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER";
  environment = config.systemd.user.services.docker.environment or { };
  portDriver = if environment.${variable} or null == null then "builtin" else environment.${variable};

  option = "virtualisation.docker.rootless.privilegedPorts";
in
{
  options.virtualisation.docker.rootless = {
    privilegedPorts = {
      enable = lib.mkOption {
        type = lib.types.bool;
        default = false;
        example = true;
        description = ''
          Whether containers of rootless docker may publish ports below 1024.

          RootlessKit, which listens on those ports for the daemon, gets the capability CAP_NET_BIND_SERVICE by a
          security wrapper. A capability knows no range: it is for all ports from 1 to 1023. Whoever may start the
          wrapper can listen on any of them that is free, with any program, see `group`; nobody gets any other
          right by it.

          The alternative, which is not chosen here, needs neither wrapper nor this module:
          `boot.kernel.sysctl."net.ipv4.ip_unprivileged_port_start" = 80`. It can begin at 80 or 443 and so leave
          the ports below it to root, but it holds for every process of every user, and for IPv6 as well.
        '';
      };

      route = lib.mkOption {
        type = lib.types.enum [
          "wrapper-name"
          "rewrap"
        ];
        default = "wrapper-name";
        description = ''
          How dockerd-rootless comes to use the security wrapper.

          `wrapper-name`: the wrapper is called `docker-rootlesskit`, which dockerd-rootless looks for first. Docker
          stays the package that it is. It works before and after nixpkgs changes its PATH.

          `rewrap`: the wrapper is called `rootlesskit`, and dockerd-rootless is wrapped once more so that docker's
          own rootlesskit is the last on its PATH; nothing is compiled. For those who use the wrapper for other
          programs as well, such as rootless containerd.
        '';
      };

      group = lib.mkOption {
        type = lib.types.nullOr lib.types.str;
        default = null;
        example = "docker-rootless";
        description = ''
          The group whose members may use the security wrapper, `null` for every user of this machine. The
          dockers of other users run all the same, and cannot publish ports below 1024.
        '';
      };
    };

    # A second declaration, beside that of NixOS, for what is done to the package whatever it is set to.
    package = lib.mkOption {
      apply = package: if cfg.enable && byRewrap then rewrapped package else package;
    };
  };

  config = lib.mkIf cfg.enable {
    security.wrappers.${name} = {
      owner = "root";
      group = if cfg.group == null then "root" else cfg.group;
      permissions = if cfg.group == null then "u+rx,g+x,o+x" else "u+rx,g+x";
      capabilities = "cap_net_bind_service+ep";
      source = "${lib.getBin pkgs.rootlesskit}/bin/rootlesskit";
    };

    assertions = [
      {
        assertion = rootless.enable;
        message = ''
          ${option}.enable has no effect without rootless docker:
          set virtualisation.docker.rootless.enable = true as well.
        '';
      }
      {
        assertion = portDriver == "builtin";
        message = ''
          ${option}.enable has no effect with RootlessKit's port driver '${portDriver}', which is set by
          systemd.user.services.docker.environment.${variable}: the capability helps the driver 'builtin' alone.
          Set that, or net.ipv4.ip_unprivileged_port_start instead of this option.
        '';
      }
      {
        assertion = !(config.security.wrappers ? ${otherName});
        message = ''
          ${option}.route is '${cfg.route}', with the security wrapper '${name}', but there is also
          security.wrappers.${otherName}, which is the other route. dockerd-rootless would take
          'docker-rootlesskit'. Remove one of the two.
        '';
      }
      {
        assertion = byRewrap || !(rootless.package ? rewrapped);
        message = ''
          ${option}.route is 'wrapper-name', but virtualisation.docker.rootless.package is changed by
          rewrap.nix, which is the other route. Take rewrap.nix out of nixpkgs.overlays, or set the route 'rewrap'.
        '';
      }
    ];
  };
}
