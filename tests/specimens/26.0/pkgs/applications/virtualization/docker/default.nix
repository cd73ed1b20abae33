{
  lib,
  callPackage,
  fetchFromGitHub,
}:

rec {
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
      sbomSupport ? false,
      # other packages
      stdenv,
      fetchFromGitHub,
      fetchpatch,
      buildGoPackage,
      makeWrapper,
      installShellFiles,
      glibc,
      go,
      containerd,
      runc,
      tini,
      sqlite,
      iproute2,
      docker-buildx,
      docker-compose,
      docker-sbom,
      iptables,
      xz,
      xfsprogs,
      git,
      rootlesskit,
      slirp4netns,
      fuse-overlayfs,
      nixosTests,
      clientOnly ? !stdenv.isLinux,
      symlinkJoin,
      withSystemd ? lib.meta.availableOn stdenv.hostPlatform systemd,
      systemd,
      withLvm ? stdenv.isLinux,
      lvm2,
      withSeccomp ? stdenv.isLinux,
      libseccomp,
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

        # the package's own patches belong to its own version
        patches = [ ];
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

        buildInputs = oldAttrs.buildInputs ++ lib.optionals withSeccomp [ libseccomp ];
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

        # leave the make files alone, they build a static program
        postPatch = "";

        buildInputs = [
          glibc
          glibc.static
        ];

        env.NIX_CFLAGS_COMPILE = "-DMINIMAL=ON";
      });

      moby-src = fetchFromGitHub {
        owner = "moby";
        repo = "moby";
        rev = mobyRev;
        hash = mobyHash;
      };

      moby = buildGoPackage (
        lib.optionalAttrs stdenv.isLinux rec {
          pname = "moby";
          inherit version;

          src = moby-src;

          goPackagePath = "github.com/docker/docker";

          nativeBuildInputs = [
            makeWrapper
            go
          ];
          buildInputs =
            [ sqlite ]
            ++ lib.optional withLvm lvm2
            ++ lib.optional withSystemd systemd
            ++ lib.optional withSeccomp libseccomp;

          extraPath = lib.optionals stdenv.isLinux (
            lib.makeBinPath [
              iproute2
              iptables
              xz
              xfsprogs
              git
            ]
          );

          extraUserPath = lib.optionals (stdenv.isLinux && !clientOnly) (
            lib.makeBinPath [
              rootlesskit
              slirp4netns
              fuse-overlayfs
            ]
          );

          patches =
            lib.optionals (lib.versionOlder version "23") [
              # only a release before those below would need it
              (fetchpatch {
                name = "old.patch";
                url = "https://example.org/moby/old.patch";
                hash = "sha256-fake/patch/old/AAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
              })
            ]
            ++ lib.optionals (lib.versions.major version == "24") [
              # docker_25 has it already
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
            for program in dockerd docker-proxy; do
              install -Dm755 bundles/dynbinary-daemon/$program $out/libexec/docker/$program
            done
            makeWrapper $out/libexec/docker/dockerd $out/bin/dockerd \
              --prefix PATH : "$out/libexec/docker:$extraPath"

            # found by the daemon, since it looks in its own directory
            ln -s ${docker-containerd}/bin/containerd $out/libexec/docker/
            ln -s ${docker-containerd}/bin/containerd-shim $out/libexec/docker/
            ln -s ${docker-runc}/bin/runc $out/libexec/docker/
            ln -s ${docker-tini}/bin/tini-static $out/libexec/docker/docker-init

            for unit in docker.service docker.socket; do
              install -Dm644 contrib/init/systemd/$unit $out/etc/systemd/system/$unit
            done
            substituteInPlace $out/etc/systemd/system/docker.service --replace /usr/bin $out/bin

            # the same for users
            install -Dm755 contrib/dockerd-rootless.sh $out/libexec/docker/dockerd-rootless.sh
            makeWrapper $out/libexec/docker/dockerd-rootless.sh $out/bin/dockerd-rootless \
              --prefix PATH : "$out/libexec/docker:$extraPath:$extraUserPath"
          '';

          DOCKER_BUILDTAGS =
            lib.optional withSystemd "journald"
            ++ lib.optional (!withLvm) "exclude_graphdriver_devicemapper"
            ++ lib.optional withSeccomp "seccomp";
        }
      );

      plugins =
        lib.optional buildxSupport docker-buildx
        ++ lib.optional composeSupport docker-compose
        ++ lib.optional sbomSupport docker-sbom;
      pluginsRef = symlinkJoin {
        name = "docker-plugins";
        paths = plugins;
      };
    in
    buildGoPackage (
      lib.optionalAttrs (!clientOnly) {
        # to be overridden
        # TODO: move packages out of the let...in into top-level to allow proper overrides
        inherit docker-runc docker-containerd docker-tini moby;
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

        goPackagePath = "github.com/docker/cli";

        nativeBuildInputs = [
          makeWrapper
          installShellFiles
        ];

        buildInputs =
          plugins
          ++ lib.optionals (lib.versionAtLeast version "23" && stdenv.isLinux) [
            glibc
            glibc.static
          ];

        postPatch =
          ''
            patchShebangs man scripts
          ''
          + lib.optionalString (plugins != [ ]) ''
            substituteInPlace cli-plugins/manager/manager_unix.go \
              --replace /usr/libexec/docker/cli-plugins ${pluginsRef}/libexec/docker/cli-plugins
          '';

        # BUILDTIME: see https://github.com/docker/cli/blob/v${version}/scripts/build/.variables
        buildPhase = ''
          cd ./go/src/${goPackagePath}
          BUILDTIME=1970-01-01T00:00:00Z GITCOMMIT=${cliRev} VERSION=${version} make dynbinary
          cd -
        '';

        outputs = [ "out" ] ++ lib.optional (lib.versionOlder version "23") "man";

        installPhase =
          ''
            cd ./go/src/${goPackagePath}
            install -Dm755 build/docker $out/libexec/docker/docker
            makeWrapper $out/libexec/docker/docker $out/bin/docker \
              --prefix PATH : "$out/libexec/docker:$extraPath"
          ''
          + lib.optionalString (!clientOnly) ''
            # client and daemon in one package
            mkdir -p $out/etc/systemd/system
            ln -s ${moby}/bin/dockerd ${moby}/bin/dockerd-rootless $out/bin/
            ln -s ${moby}/etc/systemd/system/* $out/etc/systemd/system/
          ''
          + ''
            installShellCompletion --bash contrib/completion/bash/docker
            installShellCompletion --zsh  contrib/completion/zsh/_docker
          '';

        passthru = {
          # some tools want the source
          inherit moby-src;
          tests = lib.optionals (!clientOnly) { inherit (nixosTests) docker; };
        };

        meta = with lib; {
          homepage = "https://www.docker.com/";
          description = "Client and daemon for containers (a specimen)";
          license = licenses.asl20;
          maintainers = with maintainers; [
            offline
            vdemeester
          ];
          mainProgram = "docker";
        };
      }
    );

  # Where the revisions come from:
  # https://github.com/moby/moby/tree/v${version}/hack/dockerfile/install
  docker_24 = callPackage dockerGen rec {
    version = "24.0.9";
    cliRev = "v${version}";
    cliHash = "sha256-fake/cli/24/0/9/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    mobyRev = "v${version}";
    mobyHash = "sha256-fake/moby/24/0/9/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    runcRev = "v1.1.12";
    runcHash = "sha256-fake/runc/1/1/12/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    containerdRev = "v1.7.1";
    containerdHash = "sha256-fake/containerd/1/7/1/AAAAAAAAAAAAAAAAAAAAA=";
    tiniRev = "v0.19.0";
    tiniHash = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
  };

  docker_26 = callPackage dockerGen rec {
    version = "26.0.0";
    cliRev = "v${version}";
    cliHash = "sha256-fake/cli/26/0/0/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    mobyRev = "v${version}";
    mobyHash = "sha256-fake/moby/26/0/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    runcRev = "v1.1.12";
    runcHash = "sha256-fake/runc/1/1/12/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
    containerdRev = "v1.7.13";
    containerdHash = "sha256-fake/containerd/1/7/13/AAAAAAAAAAAAAAAAAAAA=";
    tiniRev = "v0.19.0";
    tiniHash = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
  };
}
