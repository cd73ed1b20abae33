{ lib, callPackage, fetchFromGitHub }:

rec {
  dockerGen = {
      version, rev, sha256
      , moby-src
      , runcRev, runcSha256
      , containerdRev, containerdSha256
      , tiniRev, tiniSha256, buildxSupport ? true, composeSupport ? true
      # found in nixpkgs
      , stdenv, fetchFromGitHub, fetchpatch, buildGoPackage, buildGo119Module
      , makeWrapper, installShellFiles, glibc
      , containerd, runc, docker-proxy, tini
      , sqlite, iproute2, docker-buildx, docker-compose
      , iptables, util-linux, xfsprogs, git, procps
      , rootlesskit, slirp4netns, fuse-overlayfs, nixosTests
      , clientOnly ? !stdenv.isLinux, symlinkJoin
      , withSystemd ? lib.meta.availableOn stdenv.hostPlatform systemd, systemd
      , withBtrfs ? stdenv.isLinux, btrfs-progs
      , withLvm ? stdenv.isLinux, lvm2
      , withSeccomp ? stdenv.isLinux, libseccomp
    }:
  let
    docker-runc = (runc.overrideAttrs (oldAttrs: {
      pname = "docker-runc";
      inherit version;

      src = fetchFromGitHub {
        owner = "opencontainers";
        repo = "runc";
        rev = runcRev;
        sha256 = runcSha256;
      };

      # made for the runc of nixpkgs
      patches = [];
    })).override {
      buildGoModule = buildGo119Module;
    };

    docker-containerd = containerd.overrideAttrs (oldAttrs: {
      pname = "docker-containerd";
      inherit version;

      src = fetchFromGitHub {
        owner = "containerd";
        repo = "containerd";
        rev = containerdRev;
        sha256 = containerdSha256;
      };

      buildInputs = oldAttrs.buildInputs
        ++ lib.optionals withSeccomp [ libseccomp ];
    });

    docker-tini = tini.overrideAttrs (oldAttrs: {
      pname = "docker-init";
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

    moby = buildGoPackage (lib.optionalAttrs stdenv.isLinux rec {
      pname = "moby";
      inherit version;

      src = moby-src;

      goPackagePath = "github.com/docker/docker";

      nativeBuildInputs = [ makeWrapper installShellFiles ];
      buildInputs = [ sqlite ]
        ++ lib.optional withLvm lvm2
        ++ lib.optional withBtrfs btrfs-progs
        ++ lib.optional withSystemd systemd
        ++ lib.optional withSeccomp libseccomp;

      extraPath = lib.optionals stdenv.isLinux (lib.makeBinPath [ iproute2 iptables xfsprogs procps util-linux git ]);

      extraUserPath = lib.optionals (stdenv.isLinux && !clientOnly) (lib.makeBinPath [ rootlesskit slirp4netns fuse-overlayfs ]);

      patches = [
        # from a pull request that was open at the time
        (fetchpatch {
          name = "example.patch";
          url = "https://example.org/moby/example.patch";
          sha256 = "sha256-fake/patch/example/AAAAAAAAAAAAAAAAAAAAAAAA=";
        })
      ];

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
        for program in containerd containerd-shim; do
          ln -s ${docker-containerd}/bin/$program $out/libexec/docker/$program
        done
        ln -s ${docker-runc}/bin/runc $out/libexec/docker/runc
        ln -s ${docker-proxy}/bin/docker-proxy $out/libexec/docker/docker-proxy
        ln -s ${docker-tini}/bin/tini-static $out/libexec/docker/docker-init

        install -Dm644 contrib/init/systemd/docker.service $out/etc/systemd/system/docker.service
        install -Dm644 contrib/init/systemd/docker.socket $out/etc/systemd/system/docker.socket
        substituteInPlace $out/etc/systemd/system/docker.service --replace /usr/bin/dockerd $out/bin/dockerd

        # rootless mode
        install -Dm755 contrib/dockerd-rootless.sh $out/libexec/docker/dockerd-rootless.sh
        makeWrapper $out/libexec/docker/dockerd-rootless.sh $out/bin/dockerd-rootless \
          --prefix PATH : "$out/libexec/docker:$extraPath:$extraUserPath"
      '';

      DOCKER_BUILDTAGS = lib.optional withSystemd "journald"
        ++ lib.optional (!withBtrfs) "exclude_graphdriver_btrfs"
        ++ lib.optional (!withLvm) "exclude_graphdriver_devicemapper"
        ++ lib.optional withSeccomp "seccomp";
    });

    plugins = lib.optional buildxSupport docker-buildx
      ++ lib.optional composeSupport docker-compose;
    pluginsRef = symlinkJoin { name = "docker-plugins"; paths = plugins; };
  in
  buildGoPackage (lib.optionalAttrs (!clientOnly) {
    # for overrides
    # TODO: move packages out of the let...in into top-level to allow proper overrides
    inherit docker-runc docker-containerd docker-proxy docker-tini moby;
  } // rec {
    pname = "docker";
    inherit version;

    src = fetchFromGitHub {
      owner = "docker";
      repo = "cli";
      rev = "v${version}";
      sha256 = sha256;
    };

    goPackagePath = "github.com/docker/cli";

    nativeBuildInputs = [
      makeWrapper installShellFiles
    ];
    buildInputs = lib.optional (!clientOnly) sqlite
      ++ lib.optional withLvm lvm2
      ++ lib.optional withBtrfs btrfs-progs
      ++ lib.optional withSystemd systemd
      ++ lib.optional withSeccomp libseccomp
      ++ plugins;

    postPatch = ''
      patchShebangs man scripts
    '' + lib.optionalString (plugins != []) ''
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
    '' + lib.optionalString (!clientOnly) ''
      # the daemon and its units
      mkdir -p $out/etc/systemd/system
      ln -s ${moby}/bin/dockerd ${moby}/bin/dockerd-rootless $out/bin/
      ln -s ${moby}/etc/systemd/system/* $out/etc/systemd/system/
    '' + ''
      installShellCompletion --bash contrib/completion/bash/docker
      installShellCompletion --zsh  contrib/completion/zsh/_docker
      installManPage man/*/*.[1-9]
    '';

    passthru = {
      # the image tools need one script of it
      inherit moby-src;
      tests = lib.optionals (!clientOnly) { inherit (nixosTests) docker; };
    };

    meta = with lib; {
      homepage = "https://www.docker.com/";
      description = "Client and daemon for containers (a specimen)";
      license = licenses.asl20;
      maintainers = with maintainers; [ offline vdemeester ];
    };
  });

  # The revisions of the parts are in
  # https://github.com/moby/moby/tree/v${version}/hack/dockerfile/install
  docker_20_10 = callPackage dockerGen rec {
    version = "20.10.21";
    rev = "v${version}";
    sha256 = "sha256-fake/cli/20/10/21/AAAAAAAAAAAAAAAAAAAAAAAAA=";
    moby-src = fetchFromGitHub {
      owner = "moby";
      repo = "moby";
      rev = "v${version}";
      sha256 = "sha256-fake/moby/20/10/21/AAAAAAAAAAAAAAAAAAAAAAAA=";
    };
    runcRev = "v1.1.4";
    runcSha256 = "sha256-fake/runc/1/1/4/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    containerdRev = "v1.6.9";
    containerdSha256 = "sha256-fake/containerd/1/6/9/AAAAAAAAAAAAAAAAAAAAA=";
    tiniRev = "v0.19.0";
    tiniSha256 = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
  };
}
