# What privileged-ports.nix makes of some configurations, beside stand-ins for the modules of NixOS that it touches.
let
  lib = import ../../toolkit/specimen/29.6/lib;
  set = overlays: import ./set.nix { inherit overlays; };
  plain = set [ ];
  rewrap = import ../../overlays/rewrap.nix;
  path = package: builtins.unsafeDiscardStringContext package.drvPath;

  option = type: default: lib.mkOption { inherit type default; };
  nixos =
    { pkgs, ... }:
    {
      options = {
        assertions = option lib.types.raw [ ];
        warnings = option lib.types.raw [ ];
        nixpkgs.overlays = option lib.types.raw [ ];
        security.enableWrappers = option lib.types.bool true;
        security.wrappers = option lib.types.raw { };
        systemd.user.services.docker = {
          environment = option lib.types.raw { };
          serviceConfig = option lib.types.raw { };
          path = option lib.types.raw [ ];
        };
        users.groups = option lib.types.raw { } // {
          apply = builtins.mapAttrs (name: group: { inherit name; } // group);
        };
        virtualisation.docker.rootless = {
          enable = option lib.types.bool false;
          exposePrivilegedPorts = option lib.types.bool false;
          package = option lib.types.package pkgs.docker;
        };
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
          ]
          ++ settings;
          specialArgs.pkgs = set config.nixpkgs.overlays;
        })
        config
        ;
      inherit (config) security users virtualisation;
    in
    {
      inherit (config) warnings;
      inherit (security) wrappers;
      groups = map (group: group.name) (builtins.attrValues users.groups);
      failed = map (one: one.message) (builtins.filter (one: !one.assertion) config.assertions);
      docker = path virtualisation.docker.rootless.package;
      overlays = builtins.length config.nixpkgs.overlays;
    };

  with' = settings: [
    {
      virtualisation.docker.rootless = {
        enable = true;
        privilegedPorts = {
          enable = true;
        }
        // settings;
      };
    }
  ];
  and' = settings: more: with' settings ++ [ more ];
  # As one writes it by hand.
  wrapper = name: {
    security.wrappers.${name} = {
      owner = "root";
      group = "root";
      capabilities = "cap_net_bind_service=ep";
      inherit source;
    };
  };
  unit = serviceConfig: { systemd.user.services.docker = { inherit serviceConfig; }; };
  source = builtins.unsafeDiscardStringContext "${plain.rootlesskit}/bin/rootlesskit";
  variable = "DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER";
  driver = name: { systemd.user.services.docker.environment.${variable} = name; };
  network = name: {
    systemd.user.services.docker.environment.DOCKERD_ROOTLESS_ROOTLESSKIT_NET = name;
  };
  # A docker whose wrapper has these programs on its PATH, and slirp4netns not.
  bringing =
    extraUserPath:
    { pkgs, ... }:
    {
      virtualisation.docker.rootless.package = pkgs.docker // {
        moby = pkgs.docker.moby // { inherit extraUserPath; };
      };
    };
  withKit =
    version:
    and' { } (bringing "/nix/store/x-fuse-overlayfs-1/bin")
    ++ [
      {
        nixpkgs.overlays = [
          (_: prev: {
            rootlesskit = prev.rootlesskit // {
              inherit version;
            };
          })
        ];
      }
    ];
  byRewrap.route = "rewrap";

  # The values of the enum.
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

  inherit source;
  plain = path plain.docker;
  rewrapped = path (set [ rewrap ]).docker;
  rewrapped25 = path (set [ rewrap ]).docker_25;

  off = evaluate [ ];
  standard = evaluate (with' { });
  rewrap = evaluate (with' byRewrap);
  group = evaluate (with' {
    group = "docker-rootless";
  });
  groupRewrap = evaluate (with' (byRewrap // { group = "docker-rootless"; }));
  groupThere = evaluate (and' { group = "web"; } { users.groups.web.name = "www"; });
  groupNames =
    lib.genAttrs
      [
        "docker"
        "Docker_2"
        ""
        "2docker"
        "docker users"
        "docker;reboot"
        "docker-users-with-a-name-too-long"
      ]
      (
        group:
        builtins.length (evaluate (and' { inherit group; } { users.groups.${group}.name = "x"; })).failed
      );
  byHand = evaluate (and' { } (wrapper "docker-rootlesskit"));
  byHandRewrap = evaluate (and' byRewrap (wrapper "rootlesskit"));
  # Upstream's option, with its effect written out.
  upstream = evaluate (
    and' { group = "docker-rootless"; } (
      wrapper "docker-rootlesskit" // { virtualisation.docker.rootless.exposePrivilegedPorts = true; }
    )
  );
  ownPackage = evaluate (
    and' byRewrap (
      { pkgs, ... }:
      {
        virtualisation.docker.rootless.package = pkgs.docker_25;
      }
    )
  );
  withOverlay = evaluate (and' byRewrap { nixpkgs.overlays = [ rewrap ]; });

  withoutRootless = evaluate [ { virtualisation.docker.rootless.privilegedPorts.enable = true; } ];
  withoutWrappers = evaluate (and' { } { security.enableWrappers = false; });
  withoutWrapper = evaluate (and' { } { security.wrappers.docker-rootlesskit.enable = false; });
  noNewPrivileges = evaluate (and' { } (unit {
    NoNewPrivileges = true;
  }));
  implied = evaluate (and' { } (unit {
    SystemCallFilter = "~@obsolete";
    RestrictNamespaces = "no";
    ProtectClock = false;
  }));
  unrestricted = evaluate (and' { } (unit {
    NoNewPrivileges = "no";
    SystemCallFilter = [ ];
    ExecStart = "/bin/sh";
  }));
  wrongGroup = evaluate (and' { group = "docker users"; } { });

  portDriver = evaluate (and' { } (driver "slirp4netns"));
  builtin = evaluate (and' { } (driver "builtin"));
  pasta = evaluate (and' { } (network "pasta"));
  pastaOnly = evaluate (and' { } (bringing "/nix/store/x-passt-2026/bin"));
  pastaToo = evaluate (
    and' { } (bringing "/nix/store/x-passt-2026/bin")
    ++ [ { systemd.user.services.docker.path = [ "/nix/store/x-slirp4netns-1.3" ]; } ]
  );
  newNetwork = evaluate (withKit "2.3.6");
  newKit = evaluate (withKit "3.0.2");
  bothWrappers = evaluate (and' { } (wrapper "rootlesskit"));
  bothWrappersRewrap = evaluate (and' byRewrap (wrapper "docker-rootlesskit"));
  bothRoutes = evaluate (and' { } { nixpkgs.overlays = [ rewrap ]; });
}
