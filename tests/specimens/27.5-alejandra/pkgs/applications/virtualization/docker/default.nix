{
  lib,
  callPackage,
}: rec {
  dockerGen = {
    version,
    cliRev,
    cliHash,
    mobyRev,
    mobyHash,
    runcRev,
    runcHash,
    containerdRev,
    containerdHash,
    tiniRev,
    tiniHash,
    buildxSupport ? true,
    composeSupport ? true,
    sbomSupport ? false,
    initSupport ? false,
    # what callPackage fills in
    stdenv,
    fetchFromGitHub,
    buildGoModule,
    makeWrapper,
    installShellFiles,
    glibc,
    containerd,
    runc,
    tini,
    bash,
    sqlite,
    iproute2,
    docker-buildx,
    docker-compose,
    docker-sbom,
    docker-init,
    iptables,
    xfsprogs,
    gitMinimal,
    rootlesskit,
    slirp4netns,
    fuse-overlayfs,
    nixosTests,
    clientOnly ? !stdenv.hostPlatform.isLinux,
    symlinkJoin,
    withSystemd ? lib.meta.availableOn stdenv.hostPlatform systemd,
    systemd,
    withBtrfs ? stdenv.hostPlatform.isLinux,
    btrfs-progs,
    withSeccomp ? stdenv.hostPlatform.isLinux,
    libseccomp,
    knownVulnerabilities ? [],
  }: let
    docker-meta = {
      license = lib.licenses.asl20;
      maintainers = with lib.maintainers; [
        periklis
        teutat3s
      ];
    };

    docker-runc = runc.overrideAttrs {
      pname = "docker-runc";
      inherit version;

      src = fetchFromGitHub {
        owner = "opencontainers";
        repo = "runc";
        rev = runcRev;
        hash = runcHash;
      };

      preBuild = ''
        sed -i "s,/bin/bash,${lib.getExe bash},g" Makefile
      '';

      # none of those for the runc package
      patches = [];
    };

    docker-containerd = containerd.overrideAttrs (oldAttrs: {
      pname = "docker-containerd";
      inherit version;

      # programs only
      outputs = ["out"];

      src = fetchFromGitHub {
        owner = "containerd";
        repo = "containerd";
        rev = containerdRev;
        hash = containerdHash;
      };

      buildInputs = oldAttrs.buildInputs ++ lib.optionals withSeccomp [libseccomp];

      # likewise
      installTargets = "install";
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

      # do not let the package's own patching make it dynamic
      postPatch = "";

      buildInputs = [
        glibc
        glibc.static
      ];

      env.NIX_CFLAGS_COMPILE = "-DMINIMAL=ON";
    };

    moby-src = fetchFromGitHub {
      owner = "moby";
      repo = "moby";
      rev = mobyRev;
      hash = mobyHash;
    };

    moby = buildGoModule (
      lib.optionalAttrs stdenv.hostPlatform.isLinux rec {
        pname = "moby";
        inherit version;

        src = moby-src;

        vendorHash = null;

        nativeBuildInputs = [makeWrapper];
        buildInputs =
          [sqlite]
          ++ lib.optional withBtrfs btrfs-progs
          ++ lib.optional withSystemd systemd
          ++ lib.optional withSeccomp libseccomp;

        extraPath = lib.optionals stdenv.hostPlatform.isLinux (
          lib.makeBinPath [
            iproute2
            iptables
            xfsprogs
            gitMinimal
          ]
        );

        extraUserPath = lib.optionals (stdenv.hostPlatform.isLinux && !clientOnly) (
          lib.makeBinPath [
            rootlesskit
            slirp4netns
            fuse-overlayfs
          ]
        );

        postPatch = ''
          patchShebangs hack
        '';

        buildPhase = ''
          AUTO_GOPATH=1 DOCKER_GITCOMMIT=${cliRev} VERSION=${version} hack/make.sh dynbinary
        '';

        installPhase = ''
          install -d $out/libexec/docker $out/etc/systemd/system
          install -m755 bundles/dynbinary-daemon/dockerd $out/libexec/docker/
          install -m755 bundles/dynbinary-daemon/docker-proxy $out/libexec/docker/
          makeWrapper $out/libexec/docker/dockerd $out/bin/dockerd \
            --prefix PATH : "$out/libexec/docker:$extraPath"

          # helpers of the daemon
          ln -s ${docker-containerd}/bin/containerd $out/libexec/docker/
          ln -s ${docker-containerd}/bin/containerd-shim $out/libexec/docker/
          ln -s ${docker-runc}/bin/runc $out/libexec/docker/
          ln -s ${docker-tini}/bin/tini-static $out/libexec/docker/docker-init

          # units
          install -m644 contrib/init/systemd/docker.socket $out/etc/systemd/system/
          install -m644 contrib/init/systemd/docker.service $out/etc/systemd/system/
          substituteInPlace $out/etc/systemd/system/docker.service --replace-fail /usr/bin/ $out/bin/

          # rootless
          install -m755 contrib/dockerd-rootless.sh $out/libexec/docker/
          makeWrapper $out/libexec/docker/dockerd-rootless.sh $out/bin/dockerd-rootless \
            --prefix PATH : "$out/libexec/docker:$extraPath:$extraUserPath"
        '';

        DOCKER_BUILDTAGS =
          lib.optional withSystemd "journald"
          ++ lib.optional (!withBtrfs) "exclude_graphdriver_btrfs"
          ++ lib.optional withSeccomp "seccomp";

        meta =
          docker-meta
          // {
            homepage = "https://mobyproject.org/";
            description = "The daemon that runs containers";
          };
      }
    );

    plugins =
      lib.optional buildxSupport docker-buildx
      ++ lib.optional composeSupport docker-compose
      ++ lib.optional sbomSupport docker-sbom
      ++ lib.optional initSupport docker-init;
    pluginsRef = symlinkJoin {
      name = "docker-plugins";
      paths = plugins;
    };
  in
    buildGoModule (
      lib.optionalAttrs (!clientOnly) {
        # what can be overridden
        # TODO: move packages out of the let...in into top-level to allow proper overrides
        inherit
          docker-runc
          docker-containerd
          docker-tini
          moby
          ;
      }
      // rec {
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
          makeWrapper
          installShellFiles
        ];

        buildInputs =
          plugins
          ++ lib.optionals (stdenv.hostPlatform.isLinux) [
            glibc
            glibc.static
          ];

        postPatch =
          ''
            patchShebangs scripts
          ''
          + lib.optionalString (plugins != []) ''
            substituteInPlace cli-plugins/manager/manager_unix.go \
              --replace-fail /usr/libexec/docker/cli-plugins ${pluginsRef}/libexec/docker/cli-plugins
          '';

        # compare https://github.com/docker/cli/blob/v${version}/scripts/build/.variables
        buildPhase = ''
          BUILDTIME=1970-01-01T00:00:00Z GITCOMMIT=${cliRev} VERSION=${version} make dynbinary

        '';

        outputs = ["out"];

        installPhase =
          ''
            install -Dm755 build/docker $out/libexec/docker/docker
            makeWrapper $out/libexec/docker/docker $out/bin/docker \
              --prefix PATH : "$out/libexec/docker:$extraPath"
          ''
          + lib.optionalString (!clientOnly) ''
            # daemon
            mkdir -p $out/etc/systemd/system
            ln -s ${moby}/bin/dockerd $out/bin/
            ln -s ${moby}/bin/dockerd-rootless $out/bin/
            ln -s ${moby}/etc/systemd/system/* $out/etc/systemd/system/
          ''
          + ''
            # completion
            installShellCompletion --bash contrib/completion/bash/docker
            installShellCompletion --zsh contrib/completion/zsh/_docker
          '';

        passthru = {
          # for the image tools
          inherit moby-src;
          tests = lib.optionalAttrs (!clientOnly) {inherit (nixosTests) docker;};
        };

        meta =
          docker-meta
          // {
            homepage = "https://www.docker.com/";
            description = "Client and daemon for containers (a specimen)";
            longDescription = ''
              This tree has the shape of the real package and none of its contents.

              On NixOS, `virtualisation.docker.enable` is the option that starts the daemon.
            '';
            mainProgram = "docker";
            inherit knownVulnerabilities;
          };
      }
    );

  # The revisions come from
  # https://github.com/moby/moby/tree/v${version}/hack/dockerfile/install
  docker_26 = callPackage dockerGen rec {
    version = "26.1.5";
    cliRev = "v${version}";
    cliHash = "sha256-fake/cli/26/1/5/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    mobyRev = "v${version}";
    mobyHash = "sha256-fake/moby/26/1/5/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    runcRev = "v1.1.12";
    runcHash = "sha256-fake/runc/1/1/12/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    containerdRev = "v1.7.18";
    containerdHash = "sha256-fake/containerd/1/7/18/AAAAAAAAAAAAAAAAAAAA=";
    tiniRev = "v0.19.0";
    tiniHash = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    knownVulnerabilities = ["made up, to have one"];
  };

  docker_27 = callPackage dockerGen rec {
    version = "27.5.1";
    cliRev = "v${version}";
    cliHash = "sha256-fake/cli/27/5/1/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    mobyRev = "v${version}";
    mobyHash = "sha256-fake/moby/27/5/1/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    runcRev = "v1.2.4";
    runcHash = "sha256-fake/runc/1/2/4/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    containerdRev = "v1.7.25";
    containerdHash = "sha256-fake/containerd/1/7/25/AAAAAAAAAAAAAAAAAAAA=";
    tiniRev = "v0.19.0";
    tiniHash = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
  };
}
