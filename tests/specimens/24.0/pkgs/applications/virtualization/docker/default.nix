{ lib, callPackage, fetchFromGitHub }:

rec {
  dockerGen = {
      version
      , cliRev, cliHash
      , mobyRev, mobyHash
      , runcRev, runcHash
      , containerdRev, containerdHash
      , tiniRev, tiniHash
      , buildxSupport ? true, composeSupport ? true, sbomSupport ? false
      # out of the package set
      , stdenv, fetchFromGitHub, fetchpatch, buildGoPackage
      , makeWrapper, installShellFiles, glibc
      , go, containerd, runc, docker-proxy, tini
      , sqlite, iproute2, docker-buildx, docker-compose, docker-sbom
      , iptables, e2fsprogs, util-linux, xfsprogs, git
      , procps, rootlesskit, slirp4netns, fuse-overlayfs, nixosTests
      , clientOnly ? !stdenv.isLinux, symlinkJoin
      , withSystemd ? lib.meta.availableOn stdenv.hostPlatform systemd, systemd
      , withBtrfs ? stdenv.isLinux, btrfs-progs
      , withLvm ? stdenv.isLinux, lvm2
      , withSeccomp ? stdenv.isLinux, libseccomp
    }:
  let
    docker-runc = runc.overrideAttrs (oldAttrs: {
      pname = "docker-runc";
      inherit version;

      src = fetchFromGitHub {
        owner = "opencontainers";
        repo = "runc";
        rev = runcRev;
        hash = runcHash;
      };

      # no patch of the other release
      patches = [];
    });

    docker-containerd = containerd.overrideAttrs (oldAttrs: {
      pname = "docker-containerd";
      inherit version;

      src = fetchFromGitHub {
        owner = "containerd";
        repo = "containerd";
        rev = containerdRev;
        hash = containerdHash;
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
        hash = tiniHash;
      };

      # containers get a static init
      postPatch = "";

      buildInputs = [ glibc glibc.static ];

      env.NIX_CFLAGS_COMPILE = "-DMINIMAL=ON";
    });

    moby-src = fetchFromGitHub {
      owner = "moby";
      repo = "moby";
      rev = mobyRev;
      hash = mobyHash;
    };

    moby = buildGoPackage (lib.optionalAttrs stdenv.isLinux rec {
      pname = "moby";
      inherit version;

      src = moby-src;

      goPackagePath = "github.com/docker/docker";

      nativeBuildInputs = [ makeWrapper go installShellFiles ];
      buildInputs = [ sqlite ]
        ++ lib.optional withLvm lvm2
        ++ lib.optional withBtrfs btrfs-progs
        ++ lib.optional withSystemd systemd
        ++ lib.optional withSeccomp libseccomp;

      extraPath = lib.optionals stdenv.isLinux (lib.makeBinPath [ iproute2 iptables e2fsprogs xfsprogs procps util-linux git ]);

      extraUserPath = lib.optionals (stdenv.isLinux && !clientOnly) (lib.makeBinPath [ rootlesskit slirp4netns fuse-overlayfs ]);

      patches = lib.optionals (lib.versionOlder version "23") [
        # for the oldest release
        (fetchpatch {
          name = "old.patch";
          url = "https://example.org/moby/old.patch";
          hash = "sha256-fake/patch/old/AAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        })
      ] ++ lib.optionals (lib.versions.major version == "24") [
        # for docker_24 alone, the next one has it
        (fetchpatch {
          name = "units.patch";
          url = "https://example.org/moby/units.patch";
          hash = "sha256-fake/patch/units/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
        })
      ];

      postPatch = ''
        patchShebangs hack
      '';

      buildPhase = ''
        cd ./go/src/${goPackagePath}
        AUTO_GOPATH=1 DOCKER_GITCOMMIT=${cliRev} VERSION=${version} hack/make.sh dynbinary
        cd -
      '';

      installPhase = ''
        cd ./go/src/${goPackagePath}
        mkdir -p $out/bin $out/libexec/docker $out/etc/systemd/system
        install -m755 bundles/dynbinary-daemon/dockerd $out/libexec/docker/
        makeWrapper $out/libexec/docker/dockerd $out/bin/dockerd \
          --prefix PATH : "$out/libexec/docker:$extraPath"

        # whatever dockerd executes
        ln -s ${docker-containerd}/bin/containerd $out/libexec/docker/
        ln -s ${docker-containerd}/bin/containerd-shim $out/libexec/docker/
        ln -s ${docker-runc}/bin/runc $out/libexec/docker/
        ln -s ${docker-proxy}/bin/docker-proxy $out/libexec/docker/
        ln -s ${docker-tini}/bin/tini-static $out/libexec/docker/docker-init

        # units
        install -m644 contrib/init/systemd/docker.service $out/etc/systemd/system/
        install -m644 contrib/init/systemd/docker.socket $out/etc/systemd/system/
        substituteInPlace $out/etc/systemd/system/docker.service --replace /usr/bin/dockerd $out/bin/dockerd

        # without root
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
      ++ lib.optional composeSupport docker-compose
      ++ lib.optional sbomSupport docker-sbom;
    pluginsRef = symlinkJoin { name = "docker-plugins"; paths = plugins; };
  in
  buildGoPackage (lib.optionalAttrs (!clientOnly) {
    # make the parts known
    # TODO: move packages out of the let...in into top-level to allow proper overrides
    inherit docker-runc docker-containerd docker-proxy docker-tini moby;
  } // rec {
    pname = "docker";
    inherit version;

    src = fetchFromGitHub {
      owner = "docker";
      repo = "cli";
      rev = cliRev;
      hash = cliHash;
    };

    goPackagePath = "github.com/docker/cli";

    nativeBuildInputs = [
      makeWrapper go installShellFiles
    ];

    buildInputs = plugins ++ lib.optionals (lib.versionAtLeast version "23" && stdenv.isLinux) [
      glibc
      glibc.static
    ];

    postPatch = ''
      patchShebangs man scripts
    '' + lib.optionalString (plugins != []) ''
      substituteInPlace cli-plugins/manager/manager_unix.go \
        --replace /usr/libexec/docker/cli-plugins ${pluginsRef}/libexec/docker/cli-plugins
    '';

    # https://github.com/docker/cli/blob/v${version}/scripts/build/.variables tells the format of BUILDTIME
    buildPhase = ''
      cd ./go/src/${goPackagePath}
      BUILDTIME=1970-01-01T00:00:00Z GITCOMMIT=${cliRev} VERSION=${version} make dynbinary
      cd -
    '';

    outputs = ["out"] ++ lib.optional (lib.versionOlder version "23") "man";

    installPhase = ''
      cd ./go/src/${goPackagePath}
      install -Dm755 build/docker $out/libexec/docker/docker
      makeWrapper $out/libexec/docker/docker $out/bin/docker \
        --prefix PATH : "$out/libexec/docker:$extraPath"
    '' + lib.optionalString (!clientOnly) ''
      # and the daemon
      mkdir -p $out/etc/systemd/system
      ln -s ${moby}/bin/dockerd $out/bin/
      ln -s ${moby}/bin/dockerd-rootless $out/bin/
      ln -s ${moby}/etc/systemd/system/* $out/etc/systemd/system/
    '' + ''
      # completion
      installShellCompletion --bash contrib/completion/bash/docker
      installShellCompletion --zsh  contrib/completion/zsh/_docker
    '' + lib.optionalString (stdenv.hostPlatform == stdenv.buildPlatform && lib.versionOlder version "23") ''
      # manuals, which the newer ones build elsewhere
      mkdir -p man/man1
      go build -o build/manuals github.com/docker/cli/man
      build/manuals --target man/man1
      installManPage man/*/*.[1-9]
    '';

    passthru = {
      # for tools that make images
      inherit moby-src;
      tests = lib.optionals (!clientOnly) { inherit (nixosTests) docker; };
    };

    meta = with lib; {
      homepage = "https://www.docker.com/";
      description = "Client and daemon for containers (a specimen)";
      longDescription = ''
        This tree has the shape of the real package and none of its contents.

        On NixOS, `virtualisation.docker.enable` is the option that starts the daemon.
      '';
      license = licenses.asl20;
      maintainers = with maintainers; [ offline vdemeester periklis ];
      mainProgram = "docker";
    };
  });

  # For the revisions of the parts see
  # https://github.com/moby/moby/tree/v${version}/hack/dockerfile/install
  docker_20_10 = callPackage dockerGen rec {
    version = "20.10.26";
    cliRev = "v${version}";
    cliHash = "sha256-fake/cli/20/10/26/AAAAAAAAAAAAAAAAAAAAAAAAA=";
    mobyRev = "v${version}";
    mobyHash = "sha256-fake/moby/20/10/26/AAAAAAAAAAAAAAAAAAAAAAAA=";
    runcRev = "v1.1.8";
    runcHash = "sha256-fake/runc/1/1/8/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    containerdRev = "v1.6.22";
    containerdHash = "sha256-fake/containerd/1/6/22/AAAAAAAAAAAAAAAAAAAA=";
    tiniRev = "v0.19.0";
    tiniHash = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
  };

  docker_24 = callPackage dockerGen rec {
    version = "24.0.5";
    cliRev = "v${version}";
    cliHash = "sha256-fake/cli/24/0/5/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    mobyRev = "v${version}";
    mobyHash = "sha256-fake/moby/24/0/5/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    runcRev = "v1.1.8";
    runcHash = "sha256-fake/runc/1/1/8/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    containerdRev = "v1.7.1";
    containerdHash = "sha256-fake/containerd/1/7/1/AAAAAAAAAAAAAAAAAAAAA=";
    tiniRev = "v0.19.0";
    tiniHash = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
  };
}
