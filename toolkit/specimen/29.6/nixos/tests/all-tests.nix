# The tests that packages name in their passthru.tests.
{ pkgs }:
let
  test = import ../lib/testing.nix { inherit pkgs; };
in
{
  docker = test ./docker.nix;
  docker-rootless = test ./docker-rootless.nix;
  docker-tools = test {
    name = "docker-tools";
    nodes.machine.virtualisation.docker.enable = true;
    testScript = ''machine.succeed("docker load")'';
  };
  sqlite = test {
    name = "sqlite";
    nodes.machine =
      { pkgs, ... }:
      {
        environment.systemPackages = [ pkgs.sqlite ];
      };
    testScript = ''machine.succeed("sqlite3 --version")'';
  };
}
