{ stdenv, lib, fetchFromGitHub, makeWrapper, removeReferencesTo, pkgconfig
, go, containerd, runc, docker-proxy, tini
, sqlite, iproute, lvm2, systemd
, btrfs-progs, iptables, utillinux, xfsprogs
, libseccomp
}:

with lib;

rec {
  dockerGen = {
      version, rev, sha256
      , runcRev, runcSha256
      , containerdRev, containerdSha256
      , tiniRev, tiniSha256
    } :
  let
    docker-runc = runc.overrideAttrs (oldAttrs: {
      name = "docker-runc-${version}";
      inherit version;
      src = fetchFromGitHub {
        owner = "opencontainers";
        repo = "runc";
        rev = runcRev;
        sha256 = runcSha256;
      };
      # they are for another revision
      patches = [];
    });

    docker-containerd = containerd.overrideAttrs (oldAttrs: {
      name = "docker-containerd-${version}";
      inherit version;
      src = fetchFromGitHub {
        owner = "docker";
        repo = "containerd";
        rev = containerdRev;
        sha256 = containerdSha256;
      };
    });

    docker-tini = tini.overrideAttrs  (oldAttrs: {
      name = "docker-init-${version}";
      inherit version;
      src = fetchFromGitHub {
        owner = "krallin";
        repo = "tini";
        rev = tiniRev;
        sha256 = tiniSha256;
      };

      # nothing to patch, it stays static
      patchPhase = ''
      '';

      NIX_CFLAGS_COMPILE = "-DMINIMAL=ON";
    });
  in
    stdenv.mkDerivation ((optionalAttrs (stdenv.isLinux) {

    inherit docker-runc docker-containerd docker-proxy docker-tini;

    DOCKER_BUILDTAGS = []
      ++ optional (systemd != null) [ "journald" ]
      ++ optional (btrfs-progs == null) "exclude_graphdriver_btrfs"
      ++ optional (libseccomp != null) "seccomp";

   }) // {
    inherit version rev;

    name = "docker-${version}";

    src = fetchFromGitHub {
      owner = "docker";
      repo = "docker-ce";
      rev = "v${version}";
      sha256 = sha256;
    };

    nativeBuildInputs = [ pkgconfig ];
    buildInputs = [
      makeWrapper removeReferencesTo go
    ] ++ optionals (stdenv.isLinux) [
      sqlite lvm2 btrfs-progs systemd libseccomp
    ];

    buildPhase = optionalString (stdenv.isLinux) ''
      # engine
      DOCKER_GITCOMMIT=${rev} VERSION=${version} make -C components/engine dynbinary
    '' + ''
      # client
      GITCOMMIT=${rev} VERSION=${version} make -C components/cli dynbinary
    '';

    outputs = ["out" "man"];

    extraPath = optionals (stdenv.isLinux) (makeBinPath [ iproute iptables xfsprogs utillinux ]);

    installPhase = optionalString (stdenv.isLinux) ''
      install -Dm755 components/engine/bundles/dynbinary-daemon/dockerd $out/libexec/docker/dockerd
      makeWrapper $out/libexec/docker/dockerd $out/bin/dockerd \
        --prefix PATH : "$out/libexec/docker:$extraPath"

      # helpers of the engine
      ln -s ${docker-containerd}/bin/containerd $out/libexec/docker/
      ln -s ${docker-runc}/bin/runc $out/libexec/docker/
      ln -s ${docker-proxy}/bin/docker-proxy $out/libexec/docker/
      ln -s ${docker-tini}/bin/tini-static $out/libexec/docker/docker-init
    '' + ''
      install -Dm755 components/cli/docker $out/libexec/docker/docker
      makeWrapper $out/libexec/docker/docker $out/bin/docker \
        --prefix PATH : "$out/libexec/docker:$extraPath"

      mkdir -p $man/share/man
      cp -r components/cli/man/man? $man/share/man/
    '';

    preFixup = ''
      remove-references-to -t ${go} $out/libexec/docker/docker*
    '';

    meta = {
      homepage = https://www.docker.com/;
      description = "Client and daemon for containers (a specimen)";
      license = licenses.asl20;
      maintainers = with maintainers; [ offline vdemeester ];
      platforms = with platforms; linux ++ darwin;
    };
  });

  # The revisions of the parts are in
  # https://github.com/docker/docker-ce/tree/v${version}/components/engine/hack/dockerfile/install

  docker_18_09 = makeOverridable dockerGen {
    version = "18.09.9";
    rev = "1809090000000000000000000000000000000c11";
    sha256 = "0d0ck3r180900000000000000000000000000000000000000000";
    runcRev = "1809090000000000000000000000000000000bbb";
    runcSha256 = "0r0nc18090000000000000000000000000000000000000000000";
    containerdRev = "1809090000000000000000000000000000000ccc";
    containerdSha256 = "0c0n1a1n3rd18090000000000000000000000000000000000000";
    tiniRev = "0018000000000000000000000000000000000000";
    tiniSha256 = "01n1018000000000000000000000000000000000000000000000";
  };

  docker_19_03 = makeOverridable dockerGen {
    version = "19.03.8";
    rev = "1903080000000000000000000000000000000c11";
    sha256 = "0d0ck3r190300000000000000000000000000000000000000000";
    runcRev = "1903080000000000000000000000000000000bbb"; # v1.0.0-rc10
    runcSha256 = "0r0nc19030000000000000000000000000000000000000000000";
    containerdRev = "1903080000000000000000000000000000000ccc"; # v1.2.13
    containerdSha256 = "0c0n1a1n3rd19030000000000000000000000000000000000000";
    tiniRev = "0018000000000000000000000000000000000000"; # v0.18.0
    tiniSha256 = "01n1018000000000000000000000000000000000000000000000";
  };
}
