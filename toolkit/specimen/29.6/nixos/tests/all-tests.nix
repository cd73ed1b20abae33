# The tests that packages name in their passthru.tests.
{ pkgs }:
let
  runTest = import ../lib/testing.nix { inherit pkgs; };
  runTestOn =
    systems: test: if builtins.elem pkgs.stdenv.hostPlatform.system systems then runTest test else { };
in
{
  docker = runTest ./docker.nix;
  docker-rootless = runTestOn [ "aarch64-linux" "x86_64-linux" ] ./docker-rootless.nix;
  docker-tools = runTest {
    name = "docker-tools";
    nodes.machine.virtualisation.docker.enable = true;
    testScript = ''machine.succeed("docker load")'';
  };
  sqlite = runTest {
    name = "sqlite";
    nodes.machine =
      { pkgs, ... }:
      {
        environment.systemPackages = [ pkgs.sqlite ];
      };
    testScript = ''machine.succeed("sqlite3 --version")'';
  };
}
