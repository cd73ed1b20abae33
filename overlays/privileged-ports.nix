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
  # NixOS before 21.11 has no rootless docker.
  enabled = rootless.enable or false;
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

  service = config.systemd.user.services.docker or { };
  variables = "DOCKERD_ROOTLESS_ROOTLESSKIT";
  variable =
    name: default:
    let
      value = service.environment."${variables}_${name}" or null;
    in
    if value == null then default else value;

  # Without the variable, dockerd-rootless takes the first of these programs that is on its PATH, which docker's wrapper
  # and the unit compose. RootlessKit 3 needs none of them: gvisor-tap-vsock is a part of it.
  onPath = "${toString (rootless.package.moby.extraUserPath or "slirp4netns")} ${toString (service.path or [ ])}";
  isOnPath = program: builtins.match ".*${program}.*" onPath != null;
  defaultNetwork =
    if isOnPath "slirp4netns" then
      "slirp4netns"
    else if isOnPath "passt" then
      "pasta"
    else if isOnPath "vpnkit" then
      "vpnkit"
    else
      "gvisor-tap-vsock";
  network = variable "NET" defaultNetwork;
  portDriver = variable "PORT_DRIVER" (if network == "pasta" then "implicit" else "builtin");
  kit = pkgs.rootlesskit.version or "3";

  # What implies NoNewPrivileges in a unit of a user's systemd, see systemd.exec(5): no program that the service starts
  # then gets a capability by its file.
  restrictions = [
    "DynamicUser"
    "LockPersonality"
    "MemoryDenyWriteExecute"
    "NoNewPrivileges"
    "PrivateDevices"
    "ProtectClock"
    "ProtectHostname"
    "ProtectKernelLogs"
    "ProtectKernelModules"
    "ProtectKernelTunables"
    "RestrictAddressFamilies"
    "RestrictNamespaces"
    "RestrictRealtime"
    "RestrictSUIDSGID"
    "SystemCallArchitectures"
    "SystemCallFilter"
    "SystemCallLog"
  ];
  isOff =
    value:
    builtins.elem value [
      null
      false
      [ ]
      ""
      "0"
      "f"
      "false"
      "n"
      "no"
      "off"
    ];
  restricting = builtins.filter (
    name: !(isOff (service.serviceConfig.${name} or null))
  ) restrictions;

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

          A security wrapper gives RootlessKit, which listens on those ports for the daemon, the capability
          CAP_NET_BIND_SERVICE. A capability has no range: it covers all ports from 1 to 1023. Whoever may start
          the wrapper can listen on any of them that is free, with any program; see `group`. The wrapper gives no
          other right.

          The alternative needs neither a wrapper nor this module:
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

          `wrapper-name`: the wrapper is called `docker-rootlesskit`, which dockerd-rootless looks for first. The
          package of docker does not change. This works before and after nixpkgs changes its PATH.

          `rewrap`: the wrapper is called `rootlesskit`, and dockerd-rootless is wrapped once more so that docker's
          own rootlesskit is the last on its PATH; nothing is compiled. Choose it if other programs use the wrapper as
          well, such as rootless containerd.
        '';
      };

      group = lib.mkOption {
        type = lib.types.nullOr lib.types.str;
        default = null;
        example = "docker-rootless";
        description = ''
          The group whose members may use the security wrapper, `null` for every user of this machine. The group is
          created if there is none, and `users.users.NAME.extraGroups` puts a user into it. The dockers of other
          users still run, but cannot publish ports below 1024.
        '';
      };
    };

    # A second declaration, beside that of NixOS, for what is done to the package whatever it is set to.
    package = lib.mkOption {
      apply = package: if cfg.enable && byRewrap then rewrapped package else package;
    };
  };

  config = lib.mkIf cfg.enable {
    # One script of NixOS makes all security wrappers. It stops at the first fault, and at boot there is then no sudo,
    # su or newuidmap. So the group has to exist, and nothing may be joined to the capabilities: NixOS joins several
    # definitions by a comma, which setcap refuses.
    security.wrappers.${name} = {
      owner = lib.mkForce "root";
      group = lib.mkForce (if cfg.group == null then "root" else config.users.groups.${cfg.group}.name);
      permissions = lib.mkForce (if cfg.group == null then "u+rx,g+x,o+x" else "u+rx,g+x");
      capabilities = lib.mkForce "cap_net_bind_service+ep";
      source = "${lib.getBin pkgs.rootlesskit}/bin/rootlesskit";
    };

    users.groups = lib.optionalAttrs (cfg.group != null) { ${cfg.group} = { }; };

    warnings = lib.optional (rootless.exposePrivilegedPorts or false) ''
      ${option}.enable and virtualisation.docker.rootless.exposePrivilegedPorts, which NixOS itself has, do the same.
      Remove ${option}, unless you set its group or route: these hold as long as both are enabled.
    '';

    assertions = [
      {
        assertion = cfg.group == null || builtins.match "[a-zA-Z_][a-zA-Z0-9_-]{0,30}" cfg.group != null;
        message = ''
          ${option}.group is '${toString cfg.group}', which cannot be the name of a group. A name has at most 31
          characters: letters, digits, '_' and '-', and no digit or '-' at its beginning.
        '';
      }
      {
        assertion =
          (config.security.enableWrappers or true) && (config.security.wrappers.${name}.enable or true);
        message = ''
          ${option}.enable has no effect without the security wrapper '${name}', which
          security.enableWrappers or security.wrappers.${name}.enable turns off.
        '';
      }
      {
        assertion = restricting == [ ];
        message = ''
          ${option}.enable has no effect with these settings in systemd.user.services.docker.serviceConfig:
          ${builtins.concatStringsSep ", " restricting}. With them, no security wrapper, not even that of newuidmap, can
          give the service privileges. Remove them.
        '';
      }
      {
        assertion = enabled;
        message = ''
          ${option}.enable has no effect without rootless docker:
          set virtualisation.docker.rootless.enable = true as well.
        '';
      }
      {
        assertion = portDriver == "builtin" && network != "pasta";
        message = ''
          ${option}.enable has no effect with RootlessKit's network driver '${network}' and port driver
          '${portDriver}': the capability helps the port driver 'builtin' alone, which does not go with pasta. Both are
          set by ${variables}_NET and ${variables}_PORT_DRIVER in
          systemd.user.services.docker.environment; without them pasta is used if slirp4netns is not on the service's
          PATH. Add pkgs.slirp4netns to systemd.user.services.docker.path and remove both, or set
          net.ipv4.ip_unprivileged_port_start instead of this option.
        '';
      }
      {
        assertion = !enabled || network != "gvisor-tap-vsock" || builtins.compareVersions kit "3" >= 0;
        message = ''
          ${option}.enable would start RootlessKit ${kit} as the security wrapper, and it does not know the
          network driver 'gvisor-tap-vsock' of this docker, which came with RootlessKit 3. Take docker and rootlesskit
          from the same nixpkgs, or add pkgs.slirp4netns to systemd.user.services.docker.path.
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
        assertion = byRewrap || !enabled || !(rootless.package ? rewrapped);
        message = ''
          ${option}.route is 'wrapper-name', but virtualisation.docker.rootless.package is changed by
          rewrap.nix, which is the other route. Take rewrap.nix out of nixpkgs.overlays, or set the route 'rewrap'.
        '';
      }
    ];
  };
}
