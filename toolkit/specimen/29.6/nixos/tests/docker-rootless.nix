# The daemon of an ordinary user starts.
{
  name = "docker-rootless";

  nodes.machine = {
    virtualisation.docker.rootless.enable = true;
    users.users.someone.isNormalUser = true;
  };

  testScript = ''
    machine.wait_for_unit("multi-user.target")
    machine.succeed("loginctl enable-linger someone")
    machine.wait_until_succeeds("sudo --user someone systemctl --user is-active docker.service")
    machine.succeed("sudo --user someone docker run --detach --name=idle empty /bin/sleep 10")
  '';
}
