# A path inside of a component.
{
  lib,
  stdenv,
  docker,
}:
stdenv.mkDerivation {
  pname = "rootless-script";
  version = "1.0";
  script = lib.optionalString stdenv.hostPlatform.isLinux "${docker.moby}/libexec/docker/dockerd-rootless.sh";
  meta.platforms = [
    "x86_64-linux"
    "aarch64-linux"
  ];
}
