# Names of former times; config.allowAliases leaves them out.
{ lib }:
final: _: {
  docker-edge = lib.warn "'docker-edge' is called 'docker'" final.docker;
  docker_20_10 = throw "'docker_20_10' was removed, it gets no more fixes";
  docker_24 = throw "'docker_24' was removed, it gets no more fixes";
  moby = throw "'moby' was removed, it is 'docker.moby'";
}
