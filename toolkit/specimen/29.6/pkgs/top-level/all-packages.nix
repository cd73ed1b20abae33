# What is not in by-name: packages from the main directories, and those that are another one with other arguments.
{ lib }:
final: _:
let
  inherit (final) callPackage;

  stub = name: callPackage (import ../stdenv/stub.nix name) { };

  # What docker's file and the packages of by-name need, and nothing is told about here.
  stubs = lib.genAttrs [
    "btrfs-progs"
    "busybox"
    "curl"
    "docker-buildx"
    "docker-compose"
    "docker-init"
    "fuse-overlayfs"
    "go"
    "iproute2"
    "iptables"
    "libseccomp"
    "lvm2"
    "rootlesskit"
    "slirp4netns"
    "sqlite"
    "systemd"
    "tini"
    "util-linuxMinimal"
    "xfsprogs"
  ] stub;
in
stubs
// {
  inherit (callPackage ../applications/virtualization/docker { })
    docker_25
    docker_29
    ;

  docker = final.docker_29;

  containerd = stub "containerd";
  runc = stub "runc";

  glibc = (stub "glibc").overrideAttrs { passthru.static = stub "glibc-static"; };

  containerPackages = lib.recurseIntoAttrs {
    mirror = final.image-mirror.override { docker = final.docker-client; };
    viewer = final.log-viewer;
  };

  nixosTests = import ../../nixos/tests/all-tests.nix { pkgs = final; };
  testers.runNixOSTest = import ../../nixos/lib/testing.nix { pkgs = final; };
}
