# A NixOS test → a derivation that holds its machines' configurations and its script, as nixpkgs' testing library
# would give to a driver. Nothing runs them here. A test is a module: a path, a function, or an attribute set.
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
  completed =
    configuration:
    let
      docker = configuration.virtualisation.docker or { };
      wanted = docker.enable or false || docker.rootless.enable or false;
    in
    configuration
    // lib.optionalAttrs wanted { service = docker.rootless.package or docker.package or pkgs.docker; };

  node =
    module:
    completed (
      checked (
        called module {
          inherit lib pkgs;
          config = { };
        }
      )
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
  machines = builtins.toJSON nodes;
  testScript = called made.testScript { inherit nodes; };
  programs = "nothing";
  pname = "vm-test";
  meta.platforms = lib.platforms.linux;
}
