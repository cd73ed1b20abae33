{ stdenv, lib, callPackage, fetchFromGitHub }:

with lib;

rec {
  dockerGen = {
      version, rev, sha256
      , moby-src
      , runcRev, runcSha256
      , containerdRev, containerdSha256
      , tiniRev, tiniSha256, buildxSupport ? true, composeSupport ? true
      # found in nixpkgs
      , stdenv, fetchFromGitHub, buildGoPackage
      , makeWrapper, installShellFiles, pkg-config, glibc
      , go-md2man, go, containerd, runc, docker-proxy, tini
      , sqlite, iproute2, lvm2, systemd, docker-buildx, docker-compose
      , btrfs-progs, iptables, util-linux, xfsprogs, git
      , procps, libseccomp, rootlesskit, slirp4netns, fuse-overlayfs
      , nixosTests
      , clientOnly ? !stdenv.isLinux, symlinkJoin
    }:
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
      # made for the runc of nixpkgs
      patches = [];
    });

    docker-containerd = containerd.overrideAttrs (oldAttrs: {
      name = "docker-containerd-${version}";
      inherit version;
      src = fetchFromGitHub {
        owner = "containerd";
        repo = "containerd";
        rev = containerdRev;
        sha256 = containerdSha256;
      };
      buildInputs = oldAttrs.buildInputs ++ [ libseccomp ];
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

      # otherwise tini-static would be left out
      postPatch = "";

      buildInputs = [ glibc glibc.static ];

      NIX_CFLAGS_COMPILE = "-DMINIMAL=ON";
    });

    moby = buildGoPackage ((optionalAttrs (stdenv.isLinux)) rec {
      name = "moby-${version}";
      inherit version;
      inherit docker-runc docker-containerd docker-proxy docker-tini;

      src = moby-src;

      goPackagePath = "github.com/docker/docker";

      nativeBuildInputs = [ makeWrapper pkg-config go-md2man go installShellFiles ];
      buildInputs = [ sqlite lvm2 btrfs-progs systemd libseccomp ];

      extraPath = optionals (stdenv.isLinux) (makeBinPath [ iproute2 iptables xfsprogs procps util-linux git ]);

      extraUserPath = optionals (stdenv.isLinux && !clientOnly) (makeBinPath [ rootlesskit slirp4netns fuse-overlayfs ]);

      postPatch = ''
        patchShebangs hack
      '';

      buildPhase = ''
        cd ./go/src/${goPackagePath}
        AUTO_GOPATH=1 DOCKER_GITCOMMIT=${rev} VERSION=${version} hack/make.sh dynbinary
        cd -
      '';

      installPhase = ''
        cd ./go/src/${goPackagePath}
        install -Dm755 bundles/dynbinary-daemon/dockerd $out/libexec/docker/dockerd
        makeWrapper $out/libexec/docker/dockerd $out/bin/dockerd \
          --prefix PATH : "$out/libexec/docker:$extraPath"

        # the programs that it runs
        ln -s ${docker-containerd}/bin/containerd $out/libexec/docker/
        ln -s ${docker-containerd}/bin/containerd-shim $out/libexec/docker/
        ln -s ${docker-runc}/bin/runc $out/libexec/docker/
        ln -s ${docker-proxy}/bin/docker-proxy $out/libexec/docker/
        ln -s ${docker-tini}/bin/tini-static $out/libexec/docker/docker-init

        install -Dm644 contrib/init/systemd/docker.service $out/etc/systemd/system/docker.service
        install -Dm644 contrib/init/systemd/docker.socket $out/etc/systemd/system/docker.socket
        substituteInPlace $out/etc/systemd/system/docker.service --replace /usr/bin/dockerd $out/bin/dockerd

        # rootless mode
        install -Dm755 contrib/dockerd-rootless.sh $out/libexec/docker/dockerd-rootless.sh
        makeWrapper $out/libexec/docker/dockerd-rootless.sh $out/bin/dockerd-rootless \
          --prefix PATH : "$out/libexec/docker:$extraPath:$extraUserPath"
      '';

      DOCKER_BUILDTAGS = []
        ++ optional (systemd != null) [ "journald" ]
        ++ optional (btrfs-progs == null) "exclude_graphdriver_btrfs"
        ++ optional (libseccomp != null) "seccomp";
    });

    plugins = optionals buildxSupport [ docker-buildx ]
      ++ optionals composeSupport [ docker-compose ];
    pluginsRef = symlinkJoin { name = "docker-plugins"; paths = plugins; };
  in
    buildGoPackage ((optionalAttrs (!clientOnly) {

    inherit docker-runc docker-containerd docker-proxy docker-tini moby;

   }) // rec {
    inherit version rev;

    pname = "docker";

    src = fetchFromGitHub {
      owner = "docker";
      repo = "cli";
      rev = "v${version}";
      sha256 = sha256;
    };

    goPackagePath = "github.com/docker/cli";

    nativeBuildInputs = [
      makeWrapper pkg-config go-md2man go installShellFiles
    ];
    buildInputs = optionals (!clientOnly) [
      sqlite lvm2 btrfs-progs systemd libseccomp
    ] ++ plugins;

    postPatch = ''
      patchShebangs man scripts
    '' + optionalString (plugins != []) ''
      substituteInPlace cli-plugins/manager/manager_unix.go \
        --replace /usr/libexec/docker/cli-plugins ${pluginsRef}/libexec/docker/cli-plugins
    '';

    # its variables: https://github.com/docker/cli/blob/v${version}/scripts/build/.variables
    buildPhase = ''
      cd ./go/src/${goPackagePath}
      BUILDTIME=1970-01-01T00:00:00Z GITCOMMIT=${rev} VERSION=${version} make dynbinary
      cd -
    '';

    outputs = ["out" "man"];

    installPhase = ''
      cd ./go/src/${goPackagePath}
      install -Dm755 build/docker $out/libexec/docker/docker
      makeWrapper $out/libexec/docker/docker $out/bin/docker \
        --prefix PATH : "$out/libexec/docker:$extraPath"
    '' + optionalString (!clientOnly) ''
      # the daemon and its units
      mkdir -p $out/etc/systemd/system
      ln -s ${moby}/bin/dockerd ${moby}/bin/dockerd-rootless $out/bin/
      ln -s ${moby}/etc/systemd/system/* $out/etc/systemd/system/
    '' + lib.optionalString (stdenv.hostPlatform == stdenv.buildPlatform) ''
      # manuals
      mkdir -p man/man1
      go build -o build/manuals github.com/docker/cli/man
      build/manuals --target man/man1
      installManPage man/*/*.[1-9]
    '' + ''
      installShellCompletion --bash contrib/completion/bash/docker
      installShellCompletion --zsh  contrib/completion/zsh/_docker
    '';

    passthru.tests = lib.optionals (!clientOnly) { inherit (nixosTests) docker; };

    meta = {
      homepage = "https://www.docker.com/";
      description = "Client and daemon for containers (a specimen)";
      license = licenses.asl20;
      maintainers = with maintainers; [ offline vdemeester ];
      platforms = with platforms; linux ++ darwin;
    };

    # the image tools need one script of it
    inherit moby-src;
  });

  # The revisions of the parts are in
  # https://github.com/moby/moby/tree/v${version}/hack/dockerfile/install
  docker_20_10 = callPackage dockerGen rec {
    version = "20.10.14";
    rev = "v${version}";
    sha256 = "sha256-fake/cli/20/10/14/AAAAAAAAAAAAAAAAAAAAAAAAA=";
    moby-src = fetchFromGitHub {
      owner = "moby";
      repo = "moby";
      rev = "v${version}";
      sha256 = "sha256-fake/moby/20/10/14/AAAAAAAAAAAAAAAAAAAAAAAA=";
    };
    runcRev = "v1.0.3"; # v1.0.3
    runcSha256 = "0r0nc10300000000000000000000000000000000000000000000";
    containerdRev = "v1.5.11"; # v1.5.11
    containerdSha256 = "sha256-fake/containerd/1/5/11/AAAAAAAAAAAAAAAAAAAA=";
    tiniRev = "v0.19.0"; # v0.19.0
    tiniSha256 = "01n1019000000000000000000000000000000000000000000000";
  };
}
