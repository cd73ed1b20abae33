{ lib, callPackage }:

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
      , stdenv, fetchFromGitHub, buildGoModule
      , makeWrapper, installShellFiles, glibc
      , containerd, runc, tini
      , sqlite, iproute2, docker-buildx, docker-compose, docker-sbom
      , iptables, xz, util-linux, xfsprogs, git
      , procps, rootlesskit, slirp4netns, fuse-overlayfs, nixosTests
      , clientOnly ? !stdenv.isLinux, symlinkJoin
      , withSystemd ? lib.meta.availableOn stdenv.hostPlatform systemd, systemd
      , withBtrfs ? stdenv.isLinux, btrfs-progs
      , withSeccomp ? stdenv.isLinux, libseccomp
      , knownVulnerabilities ? []
    }:
  let
    docker-runc = runc.overrideAttrs {
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
    };

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

    docker-tini = tini.overrideAttrs {
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
    };

    moby-src = fetchFromGitHub {
      owner = "moby";
      repo = "moby";
      rev = mobyRev;
      hash = mobyHash;
    };

    moby = buildGoModule (lib.optionalAttrs stdenv.isLinux rec {
      pname = "moby";
      inherit version;

      src = moby-src;

      vendorHash = null;

      nativeBuildInputs = [ makeWrapper installShellFiles ];
      buildInputs = [ sqlite ]
        ++ lib.optional withBtrfs btrfs-progs
        ++ lib.optional withSystemd systemd
        ++ lib.optional withSeccomp libseccomp;

      extraPath = lib.optionals stdenv.isLinux (lib.makeBinPath [ iproute2 iptables xz xfsprogs procps util-linux git ]);

      extraUserPath = lib.optionals (stdenv.isLinux && !clientOnly) (lib.makeBinPath [ rootlesskit slirp4netns fuse-overlayfs ]);

      postPatch = ''
        patchShebangs hack
      '';

      buildPhase = ''
        AUTO_GOPATH=1 DOCKER_GITCOMMIT=${cliRev} VERSION=${version} hack/make.sh dynbinary
      '';

      installPhase = ''
        runHook preInstall

        mkdir -p $out/bin $out/libexec/docker $out/etc/systemd/system
        install -m755 bundles/dynbinary-daemon/dockerd $out/libexec/docker/
        install -m755 bundles/dynbinary-daemon/docker-proxy $out/libexec/docker/
        makeWrapper $out/libexec/docker/dockerd $out/bin/dockerd \
          --prefix PATH : "$out/libexec/docker:$extraPath"

        # whatever dockerd executes
        ln -s ${docker-containerd}/bin/containerd $out/libexec/docker/
        ln -s ${docker-containerd}/bin/containerd-shim $out/libexec/docker/
        ln -s ${docker-runc}/bin/runc $out/libexec/docker/
        ln -s ${docker-tini}/bin/tini-static $out/libexec/docker/docker-init

        # units
        install -m644 contrib/init/systemd/docker.service $out/etc/systemd/system/
        install -m644 contrib/init/systemd/docker.socket $out/etc/systemd/system/
        substituteInPlace $out/etc/systemd/system/docker.service --replace-fail /usr/bin/dockerd $out/bin/dockerd

        # without root
        install -Dm755 contrib/dockerd-rootless.sh $out/libexec/docker/dockerd-rootless.sh
        makeWrapper $out/libexec/docker/dockerd-rootless.sh $out/bin/dockerd-rootless \
          --prefix PATH : "$out/libexec/docker:$extraPath:$extraUserPath"

        runHook postInstall
      '';

      DOCKER_BUILDTAGS = lib.optional withSystemd "journald"
        ++ lib.optional (!withBtrfs) "exclude_graphdriver_btrfs"
        ++ lib.optional withSeccomp "seccomp";
    });

    plugins = lib.optional buildxSupport docker-buildx
      ++ lib.optional composeSupport docker-compose
      ++ lib.optional sbomSupport docker-sbom;
    pluginsRef = symlinkJoin { name = "docker-plugins"; paths = plugins; };
  in
  buildGoModule (lib.optionalAttrs (!clientOnly) {
    # make the parts known
    # TODO: move packages out of the let...in into top-level to allow proper overrides
    inherit docker-runc docker-containerd docker-tini moby;
  } // rec {
    pname = "docker";
    inherit version;

    src = fetchFromGitHub {
      owner = "docker";
      repo = "cli";
      rev = cliRev;
      hash = cliHash;
    };

    vendorHash = null;

    nativeBuildInputs = [
      makeWrapper installShellFiles
    ];

    buildInputs = plugins ++ lib.optionals (lib.versionAtLeast version "23" && stdenv.isLinux) [
      glibc
      glibc.static
    ];

    postPatch = ''
      patchShebangs man scripts
    '' + lib.optionalString (plugins != []) ''
      substituteInPlace cli-plugins/manager/manager_unix.go \
        --replace-fail /usr/libexec/docker/cli-plugins ${pluginsRef}/libexec/docker/cli-plugins
    '';

    # https://github.com/docker/cli/blob/v${version}/scripts/build/.variables tells the format of BUILDTIME
    buildPhase = ''
      BUILDTIME=1970-01-01T00:00:00Z GITCOMMIT=${cliRev} VERSION=${version} make dynbinary

    '';

    outputs = ["out"] ++ lib.optional (lib.versionOlder version "23") "man";

    installPhase = ''
      runHook preInstall

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

      runHook postInstall
    '';

    passthru = {
      # for tools that make images
      inherit moby-src;
      tests = lib.optionals (!clientOnly) { inherit (nixosTests) docker; };
    };

    meta = with lib; {
      homepage = "https://www.docker.com/";
      description = "Client and daemon for containers (a specimen)";
      license = licenses.asl20;
      maintainers = with maintainers; [ offline vdemeester periklis teutat3s ];
      mainProgram = "docker";
      inherit knownVulnerabilities;
    };
  });

  # For the revisions of the parts see
  # https://github.com/moby/moby/tree/v${version}/hack/dockerfile/install
  docker_24 = callPackage dockerGen rec {
    version = "24.0.9";
    cliRev = "v25.0.5";
    cliHash = "sha256-fake/cli/25/0/5/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    mobyRev = "v${version}";
    mobyHash = "sha256-fake/moby/24/0/9/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    runcRev = "v1.1.12";
    runcHash = "sha256-fake/runc/1/1/12/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    containerdRev = "v1.7.20";
    containerdHash = "sha256-fake/containerd/1/7/20/AAAAAAAAAAAAAAAAAAAA=";
    tiniRev = "v0.19.0";
    tiniHash = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    knownVulnerabilities = [
      "made up, to have one"
    ];
  };

  docker_25 = callPackage dockerGen rec {
    version = "25.0.6";
    cliRev = "v25.0.5";
    cliHash = "sha256-fake/cli/25/0/5/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    mobyRev = "v${version}";
    mobyHash = "sha256-fake/moby/25/0/6/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    runcRev = "v1.1.12";
    runcHash = "sha256-fake/runc/1/1/12/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    containerdRev = "v1.7.20";
    containerdHash = "sha256-fake/containerd/1/7/20/AAAAAAAAAAAAAAAAAAAA=";
    tiniRev = "v0.19.0";
    tiniHash = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    knownVulnerabilities = [
      "made up, to have one"
    ];
  };

  docker_26 = callPackage dockerGen rec {
    version = "26.1.5";
    cliRev = "v25.0.5";
    cliHash = "sha256-fake/cli/25/0/5/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    mobyRev = "v${version}";
    mobyHash = "sha256-fake/moby/26/1/5/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    runcRev = "v1.1.12";
    runcHash = "sha256-fake/runc/1/1/12/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    containerdRev = "v1.7.20";
    containerdHash = "sha256-fake/containerd/1/7/20/AAAAAAAAAAAAAAAAAAAA=";
    tiniRev = "v0.19.0";
    tiniHash = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    knownVulnerabilities = [
      "made up, to have one"
    ];
  };

  docker_27 = callPackage dockerGen rec {
    version = "27.0.3";
    cliRev = "v${version}";
    cliHash = "sha256-fake/cli/27/0/3/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    mobyRev = "v${version}";
    mobyHash = "sha256-fake/moby/27/0/3/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    runcRev = "v1.1.13";
    runcHash = "sha256-fake/runc/1/1/13/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    containerdRev = "v1.7.18";
    containerdHash = "sha256-fake/containerd/1/7/18/AAAAAAAAAAAAAAAAAAAA=";
    tiniRev = "v0.19.0";
    tiniHash = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
  };

}
