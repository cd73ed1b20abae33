# A path inside of a component.
{ stdenv, docker }:
stdenv.mkDerivation {
  pname = "rootless-script";
  version = "1.0";
  script = "${docker.moby}/libexec/docker/dockerd-rootless.sh";
  meta.platforms = [
    "x86_64-linux"
    "aarch64-linux"
  ];
}
