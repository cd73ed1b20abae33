{ lib, callPackage }:

let
  dockerGen =
    {
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
      initSupport ? false,
      extraPlugins ? [ ],
      # the rest comes from nixpkgs
      stdenv,
      fetchFromGitHub,
      buildGoModule,
      makeBinaryWrapper,
      installShellFiles,
      glibc,
      containerd,
      runc,
      tini,
      sqlite,
      docker-buildx,
      docker-compose,
      docker-init,
      iptables,
      util-linuxMinimal,
      xfsprogs,
      rootlesskit,
      slirp4netns,
      fuse-overlayfs,
      nixosTests,
      clientOnly ? !stdenv.hostPlatform.isLinux,
      symlinkJoin,
      withSystemd ? lib.meta.availableOn stdenv.hostPlatform systemd,
      systemd,
      withLvm ? stdenv.hostPlatform.isLinux,
      lvm2,
      withSeccomp ? stdenv.hostPlatform.isLinux,
      libseccomp,
      knownVulnerabilities ? [ ],
      versionCheckHook,
    }:
    let
      docker-meta = {
        license = lib.licenses.asl20;
        maintainers = with lib.maintainers; [
          vdemeester
          teutat3s
        ];
      };

      docker-runc = runc.overrideAttrs {
        pname = "docker-runc";
        inherit version;

        src = fetchFromGitHub {
          owner = "opencontainers";
          repo = "runc";
          tag = runcRev;
          hash = runcHash;
        };

        preBuild = ''
          sed -i "s,/bin/bash,${stdenv.shell},g" Makefile
        '';

        # meant for another runc
        patches = [ ];
      };

      docker-containerd = containerd.overrideAttrs (oldAttrs: {
        pname = "docker-containerd";
        inherit version;

        # no manual pages: only its programs are used
        outputs = [ "out" ];

        src = fetchFromGitHub {
          owner = "containerd";
          repo = "containerd";
          tag = containerdRev;
          hash = containerdHash;
        };

        buildInputs = oldAttrs.buildInputs ++ lib.optionals withSeccomp [ libseccomp ];

        installTargets = "install";
      });

      docker-tini = tini.overrideAttrs {
        pname = "docker-tini";
        inherit version;

        src = fetchFromGitHub {
          owner = "krallin";
          repo = "tini";
          rev = tiniRev;
          hash = tiniHash;
        };

        # keep the static build, which the ordinary package turns off
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
        tag = mobyRev;
        hash = mobyHash;
      };

      moby = buildGoModule (
        lib.optionalAttrs stdenv.hostPlatform.isLinux {
          pname = "moby";
          inherit version;

          src = moby-src;

          vendorHash = null;

          nativeBuildInputs = [ makeBinaryWrapper ];

          buildInputs = [
            sqlite
          ]
          ++ lib.optionals withLvm [ lvm2 ]
          ++ lib.optionals withSystemd [ systemd ]
          ++ lib.optionals withSeccomp [ libseccomp ];

          extraPath = lib.optionals stdenv.hostPlatform.isLinux (
            lib.makeBinPath [
              iptables
              xfsprogs
              util-linuxMinimal
            ]
          );

          extraUserPath = lib.optionals (stdenv.hostPlatform.isLinux && !clientOnly) (
            lib.makeBinPath [
              rootlesskit
              slirp4netns
              fuse-overlayfs
            ]
          );

          buildPhase = ''
            runHook preBuild

            patchShebangs hack
            AUTO_GOPATH=1 DOCKER_GITCOMMIT=${cliRev} VERSION=${version} hack/make.sh dynbinary

            runHook postBuild
          '';

          installPhase = ''
            runHook preInstall

            mkdir -p $out/bin $out/libexec/docker
            install -m755 bundles/dynbinary-daemon/dockerd bundles/dynbinary-daemon/docker-proxy $out/libexec/docker/
            makeWrapper $out/libexec/docker/dockerd $out/bin/dockerd \
              --prefix PATH : "$out/libexec/docker:$extraPath"

            ln -s ${docker-containerd}/bin/containerd ${docker-containerd}/bin/containerd-shim $out/libexec/docker/
            ln -s ${docker-runc}/bin/runc $out/libexec/docker/
            ln -s ${docker-tini}/bin/tini-static $out/libexec/docker/docker-init

            # units
            mkdir -p $out/etc/systemd/system
            install -m644 contrib/init/systemd/docker.service contrib/init/systemd/docker.socket $out/etc/systemd/system/
            substituteInPlace $out/etc/systemd/system/docker.service --replace-fail /usr/bin $out/bin

            # for users without root
            install -m755 contrib/dockerd-rootless.sh $out/libexec/docker/
            makeWrapper $out/libexec/docker/dockerd-rootless.sh $out/bin/dockerd-rootless \
              --prefix PATH : "$out/libexec/docker:$extraPath:$extraUserPath"

            runHook postInstall
          '';

          env.DOCKER_BUILDTAGS = toString (
            lib.optionals withSystemd [ "journald" ]
            ++ lib.optionals (!withLvm) [ "exclude_graphdriver_devicemapper" ]
            ++ lib.optionals withSeccomp [ "seccomp" ]
          );

          meta = docker-meta // {
            homepage = "https://mobyproject.org/";
            description = "Daemon that runs containers";
          };
        }
      );

      # Compose gets this list itself, so it cannot be in it.
      pluginsWithoutCompose =
        lib.optionals buildxSupport [ docker-buildx ]
        ++ lib.optionals initSupport [ docker-init ]
        ++ extraPlugins;

      plugins =
        pluginsWithoutCompose
        ++ lib.optionals composeSupport [
          (docker-compose.override { extraPlugins = pluginsWithoutCompose; })
        ];

      pluginsRef = symlinkJoin {
        name = "docker-plugins";
        paths = plugins;
      };
    in
    buildGoModule (
      {
        pname = "docker";
        inherit version;

        src = fetchFromGitHub {
          owner = "docker";
          repo = "cli";
          # some releases are a bare commit
          rev = cliRev;
          hash = cliHash;
        };

        patches = [ ./cli-without-user-agent.patch ];

        vendorHash = null;

        nativeBuildInputs = [
          makeBinaryWrapper
          installShellFiles
        ];

        buildInputs =
          plugins
          ++ lib.optionals (stdenv.hostPlatform.isLinux) [
            glibc
            glibc.static
          ];

        postPatch = ''
          patchShebangs scripts
        ''
        + lib.optionalString (plugins != [ ]) ''
          substituteInPlace cli-plugins/manager/manager_unix.go \
            --replace-fail /usr/libexec/docker/cli-plugins ${pluginsRef}/libexec/docker/cli-plugins
        '';

        # see scripts/build/.variables in https://github.com/docker/cli/tree/v${version}
        buildPhase = ''
          runHook preBuild

          BUILDTIME=1970-01-01T00:00:00Z GITCOMMIT=${cliRev} VERSION=${version} make dynbinary

          runHook postBuild
        '';

        outputs = [ "out" ];

        installPhase = ''
          runHook preInstall

          install -Dm755 build/docker $out/libexec/docker/docker
          makeWrapper $out/libexec/docker/docker $out/bin/docker \
            --prefix PATH : "$out/libexec/docker:$extraPath"
        ''
        + lib.optionalString (!clientOnly) ''
          # commands and units of the daemon
          mkdir -p $out/etc/systemd/system
          ln -s ${moby}/bin/* $out/bin/
          ln -s ${moby}/etc/systemd/system/* $out/etc/systemd/system/
        ''
        # not for cross builds
        + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
          installShellCompletion --cmd docker --bash <($out/bin/docker completion bash)
        ''
        + ''
          runHook postInstall
        '';

        doInstallCheck = true;
        nativeInstallCheckInputs = [ versionCheckHook ];

        passthru = {
          # the source is of use elsewhere
          inherit moby-src;
          tests = lib.optionalAttrs (!clientOnly) { inherit (nixosTests) docker; };
        };

        meta = docker-meta // {
          homepage = "https://www.docker.com/";
          description = "Client and daemon for containers (a specimen)";
          mainProgram = "docker";
          inherit knownVulnerabilities;
        };
      }
      // lib.optionalAttrs (!clientOnly) {
        # the parts are attributes too
        # TODO: move packages out of the let...in into top-level to allow proper overrides
        inherit
          docker-runc
          docker-containerd
          docker-tini
          moby
          ;
      }
    );
in
{
  # For the revisions see hack/dockerfile/install in
  # https://github.com/moby/moby/tree/v${version}
  docker_25 =
    let
      version = "25.0.13";
    in
    callPackage dockerGen {
      inherit version;
      # without a tag of its own
      cliRev = "2500130000000000000000000000000000000c11";
      cliHash = "sha256-fake/cli/25/0/13/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
      mobyRev = "v${version}";
      mobyHash = "sha256-fake/moby/25/0/13/AAAAAAAAAAAAAAAAAAAAAAAAA=";
      runcRev = "v1.2.5";
      runcHash = "sha256-fake/runc/1/2/5/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
      containerdRev = "v1.7.27";
      containerdHash = "sha256-fake/containerd/1/7/27/AAAAAAAAAAAAAAAAAAAA=";
      tiniRev = "0019000000000000000000000000000000000000";
      tiniHash = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    };

  docker_28 =
    let
      version = "28.4.0";
    in
    callPackage dockerGen {
      inherit version;
      cliRev = "v${version}";
      cliHash = "sha256-fake/cli/28/4/0/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
      mobyRev = "v${version}";
      mobyHash = "sha256-fake/moby/28/4/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
      runcRev = "v1.3.0";
      runcHash = "sha256-fake/runc/1/3/0/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
      containerdRev = "v1.7.28";
      containerdHash = "sha256-fake/containerd/1/7/28/AAAAAAAAAAAAAAAAAAAA=";
      tiniRev = "0019000000000000000000000000000000000000";
      tiniHash = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    };

}
