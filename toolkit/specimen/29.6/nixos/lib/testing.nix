# A NixOS test → a derivation that holds its machines' configurations and its script, as nixpkgs' testing library
# would give to a driver, with `nodes`, the machines as their modules make them. Nothing runs them here. A test is a
# module: a path, a function, or an attribute set.
{ pkgs }:
let
  inherit (pkgs) lib;

  called = value: arguments: if lib.isFunction value then value arguments else value;
  loaded = test: arguments: called (if builtins.isPath test then import test else test) arguments;

  # The options that a machine of the specimen knows, by their first two names.
  known = {
    boot.kernel = true;
    environment.systemPackages = true;
    networking.firewall = true;
    security.wrappers = true;
    systemd = {
      services = true;
      user = true;
    };
    users.users = true;
    virtualisation = {
      diskSize = true;
      docker = true;
      memorySize = true;
    };
  };

  checked =
    configuration:
    builtins.mapAttrs (
      first:
      builtins.mapAttrs (
        second: value:
        if known ? ${first}.${second} then value else throw "The option '${first}.${second}' does not exist"
      )
    ) configuration;

  # What docker's modules do: without a package of its own the service takes the set's.
  declared = configuration: rec {
    enable = configuration.virtualisation.docker.enable or false;
    package = configuration.virtualisation.docker.package or pkgs.docker;
    rootless = {
      enable = false;
      inherit package;
    }
    // configuration.virtualisation.docker.rootless or { };
  };
  completed =
    configuration:
    let
      docker = declared configuration;
    in
    configuration
    // lib.optionalAttrs (docker.enable || docker.rootless.enable) {
      service = if docker.rootless.enable then docker.rootless.package else docker.package;
    };

  node =
    module:
    checked (
      called module {
        inherit lib pkgs;
        config = { };
      }
    );
in
test:
let
  made = loaded test {
    inherit lib pkgs;
    config = { };
  };
  nodes = builtins.mapAttrs (_: node) made.nodes;
in
pkgs.stdenv.mkDerivation {
  name = "vm-test-run-${made.name}";
  machines = builtins.toJSON (builtins.mapAttrs (_: completed) nodes);
  testScript = called made.testScript { inherit nodes; };
  programs = "nothing";
  pname = "vm-test";
  meta.platforms = lib.platforms.linux;
  passthru.nodes = builtins.mapAttrs (
    _: configuration:
    configuration
    // {
      virtualisation = configuration.virtualisation or { } // {
        docker = declared configuration;
      };
    }
  ) nodes;
}
