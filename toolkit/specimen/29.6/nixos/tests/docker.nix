# The daemon of root starts, and a client that is installed beside it reaches it.
{
  name = "docker";

  nodes.machine =
    { pkgs, ... }:
    {
      virtualisation.docker.enable = true;
      environment.systemPackages = [ pkgs.docker-client ];
    };

  testScript = ''
    machine.wait_for_unit("docker.service")
    machine.succeed("docker info")
  '';
}
