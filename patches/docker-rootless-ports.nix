# Rootless docker publishes ports below 1024 if rootlesskit has a security wrapper with
# CAP_NET_BIND_SERVICE, under its own name or under the one that dockerd-rootless.sh looks for first.
{ lib, pkgs, ... }:
let
  machine = wrapper: {
    virtualisation.docker.rootless.enable = true;

    users.users.alice = {
      isNormalUser = true;
      uid = 1000;
    };

    environment.systemPackages = [ pkgs.curl ];

    security.wrappers = lib.optionalAttrs (wrapper != null) {
      ${wrapper} = {
        owner = "root";
        group = "root";
        capabilities = "cap_net_bind_service+ep";
        source = "${lib.getBin pkgs.rootlesskit}/bin/rootlesskit";
      };
    };
  };
in
{
  name = "docker-rootless-ports";

  nodes = {
    none = machine null;
    rootlesskit = machine "rootlesskit";
    docker_rootlesskit = machine "docker-rootlesskit";
  };

  testScript = ''
    import shlex


    def as_alice(command: str) -> str:
        environment = "XDG_RUNTIME_DIR=/run/user/1000 DOCKER_HOST=unix:///run/user/1000/docker.sock"
        return f"su --login --command {shlex.quote(f'{environment} {command}')} alice"


    def publish(port: int) -> str:
        return as_alice(
            f"docker run --detach --name=web{port} --publish={port}:8000 --volume=/nix/store:/nix/store"
            " empty ${pkgs.busybox}/bin/busybox httpd -f -p 8000 -h ${pkgs.busybox}"
        )


    start_all()
    for machine in machines:
        machine.wait_for_unit("multi-user.target")
        machine.succeed("loginctl enable-linger alice")
        machine.wait_until_succeeds(as_alice("systemctl --user is-active docker.service"))
        machine.succeed("tar --create --files-from=/dev/null | " + as_alice("docker import - empty"))

        with subtest("an unprivileged port answers"):
            machine.succeed(publish(8080))
            machine.wait_until_succeeds("curl --fail http://127.0.0.1:8080/bin/busybox --output /dev/null")

    with subtest("a privileged port is refused without a security wrapper"):
        none.fail(publish(80))

    for machine in [rootlesskit, docker_rootlesskit]:
        with subtest("a privileged port answers with a security wrapper"):
            machine.succeed(publish(80))
            machine.wait_until_succeeds("curl --fail http://127.0.0.1:80/bin/busybox --output /dev/null")
  '';
}
