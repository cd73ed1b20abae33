{ lib, callPackage }:

let
  dockerGen =
    args@{
      # in alphabetical order, switches last
      stdenv,
      fetchFromGitHub,
      btrfs-progs,
      buildGoModule,
      cliHash,
      cliRev,
      containerd,
      containerdHash,
      containerdRev,
      docker-buildx,
      docker-compose,
      docker-init,
      fuse-overlayfs,
      glibc,
      installShellFiles,
      iproute2,
      iptables,
      libseccomp,
      makeBinaryWrapper,
      moby,
      mobyHash,
      mobyRev,
      nixosTests,
      rootlesskit,
      runc,
      runcHash,
      runcRev,
      slirp4netns,
      sqlite,
      systemd,
      tini,
      tiniHash,
      tiniRev,
      util-linuxMinimal,
      version,
      xfsprogs,
      buildxSupport ? true,
      clientOnly ? !stdenv.hostPlatform.isLinux,
      composeSupport ? true,
      initSupport ? false,
      knownVulnerabilities ? [ ],
      withBtrfs ? stdenv.hostPlatform.isLinux,
      withSeccomp ? stdenv.hostPlatform.isLinux,
      withSystemd ? lib.meta.availableOn stdenv.hostPlatform systemd,
    }:
    let
      docker-meta = {
        identifiers.cpeParts = lib.meta.cpeFullVersionWithVendor "docker" version;
        license = lib.licenses.asl20;
        maintainers = with lib.maintainers; [ teutat3s ];
      };

      docker-runc = runc.overrideAttrs {
        inherit version;
        pname = "docker-runc";

        src = fetchFromGitHub {
          owner = "opencontainers";
          repo = "runc";
          tag = runcRev;
          hash = runcHash;
        };

        # those of the runc package are for its own release
        patches = [ ];

        preBuild = ''
          sed -i "s,/bin/bash,${stdenv.shell},g" Makefile
        '';
      };

      docker-containerd = containerd.overrideAttrs (oldAttrs: {
        inherit version;
        pname = "docker-containerd";

        src = fetchFromGitHub {
          owner = "containerd";
          repo = "containerd";
          tag = containerdRev;
          hash = containerdHash;
        };

        # the daemon runs the programs and has no use for the manuals
        outputs = [ "out" ];
        buildInputs = oldAttrs.buildInputs ++ lib.optionals withSeccomp [ libseccomp ];
        installTargets = "install";
      });

      docker-tini = tini.overrideAttrs {
        inherit version;
        pname = "docker-tini";

        src = fetchFromGitHub {
          owner = "krallin";
          repo = "tini";
          rev = tiniRev;
          hash = tiniHash;
        };

        patches = [ ];
        # the static program is the one that goes into containers
        postPatch = "";

        buildInputs = [
          glibc
          glibc.static
        ];

        env.NIX_CFLAGS_COMPILE = "-DMINIMAL=ON";
      };

      moby-src = fetchFromGitHub {
        hash = mobyHash;
        owner = "moby";
        repo = "moby";
        tag = mobyRev;
      };

      # null in the releases below, another daemon in an override
      moby =
        if args.moby != null then
          args.moby
        else
          buildGoModule (
            lib.optionalAttrs stdenv.hostPlatform.isLinux {
              inherit version;
              pname = "moby";
              src = moby-src;

              postPatch = ''
                patchShebangs hack/make hack/make.sh
              ''
              + lib.optionalString (lib.versionOlder version "29.0.0") ''
                patchShebangs hack/with-go-mod.sh
              '';

              nativeBuildInputs = [ makeBinaryWrapper ];

              buildInputs = [
                sqlite
              ]
              ++ lib.optionals withBtrfs [ btrfs-progs ]
              ++ lib.optionals withSystemd [ systemd ]
              ++ lib.optionals withSeccomp [ libseccomp ];

              vendorHash = null;

              env.DOCKER_BUILDTAGS = toString (
                lib.optionals withSystemd [ "journald" ]
                ++ lib.optionals (!withBtrfs) [ "exclude_graphdriver_btrfs" ]
                ++ lib.optionals withSeccomp [ "seccomp" ]
              );

              buildPhase = ''
                runHook preBuild

                export AUTO_GOPATH=1 DOCKER_GITCOMMIT=${cliRev} VERSION=${version}
                hack/make.sh dynbinary

                runHook postBuild
              '';

              installPhase = ''
                runHook preInstall

                for program in dockerd docker-proxy; do
                  install -Dm755 bundles/dynbinary-daemon/$program $out/libexec/docker/$program
                done
                makeWrapper $out/libexec/docker/dockerd $out/bin/dockerd \
                  --prefix PATH : "$out/libexec/docker:$extraPath"

                # what the daemon starts lies beside it
                ln -s ${docker-containerd}/bin/containerd $out/libexec/docker/
                ln -s ${docker-containerd}/bin/containerd-shim${lib.optionalString (lib.versionAtLeast version "29.0.0") "-runc-v2"} \
                  $out/libexec/docker/containerd-shim${lib.optionalString (lib.versionAtLeast version "29.0.0") ''-runc-v2''}
                ln -s ${docker-runc}/bin/runc $out/libexec/docker/
                ln -s ${docker-tini}/bin/tini-static $out/libexec/docker/docker-init

                for unit in docker.service docker.socket; do
                  install -Dm644 contrib/init/systemd/$unit $out/etc/systemd/system/$unit
                done
                substituteInPlace $out/etc/systemd/system/docker.service \
                  --replace-fail /usr/bin/dockerd $out/bin/dockerd

                # the daemon of an ordinary user
                install -Dm755 contrib/dockerd-rootless.sh $out/libexec/docker/dockerd-rootless.sh
                makeWrapper $out/libexec/docker/dockerd-rootless.sh $out/bin/dockerd-rootless \
                  --prefix PATH : "$out/libexec/docker:$extraPath:$extraUserPath"

                runHook postInstall
              '';

              extraPath = lib.optionals stdenv.hostPlatform.isLinux (
                lib.makeBinPath [
                  iproute2
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

              meta = docker-meta // {
                description = "Daemon that runs containers";
                homepage = "https://mobyproject.org/";
              };
            }
          );

      plugins =
        lib.optionals buildxSupport [ docker-buildx ]
        ++ lib.optionals composeSupport [ docker-compose ]
        ++ lib.optionals initSupport [ docker-init ];

      dockerCliPluginsDirs = lib.strings.concatStringsSep ":" (
        map (plugin: "${plugin}/libexec/docker/cli-plugins") plugins
      );
    in
    buildGoModule (
      {
        inherit version;
        pname = "docker";

        src = fetchFromGitHub {
          owner = "docker";
          repo = "cli";
          # a commit where the release has no tag, hence no `tag = …`
          rev = cliRev;
          hash = cliHash;
        };

        patches = [
          (
            if lib.versionOlder version "26.0.0" then
              ./cli-plugin-dirs-from-environment-25.patch
            else
              ./cli-plugin-dirs-from-environment.patch
          )
        ];

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

        vendorHash = null;

        # how it is written: https://github.com/docker/cli/blob/v${version}/scripts/build/.variables
        buildPhase = ''
          runHook preBuild

          export BUILDTIME=1970-01-01T00:00:00Z GITCOMMIT=${cliRev} VERSION=${version}
          make dynbinary

          runHook postBuild
        '';

        installPhase = ''
          runHook preInstall

          install -Dm755 build/docker $out/libexec/docker/docker
          makeWrapper $out/libexec/docker/docker $out/bin/docker \
            --prefix PATH : "$out/libexec/docker:$extraPath" \
            --prefix DOCKER_CLI_PLUGIN_DIRS : "${dockerCliPluginsDirs}"
        ''
        + lib.optionalString (!clientOnly) ''
          # the daemon comes along with the client
          mkdir -p $out/etc/systemd/system
          ln -s ${moby}/bin/dockerd ${moby}/bin/dockerd-rootless $out/bin/
          ln -s ${moby}/etc/systemd/system/docker.service $out/etc/systemd/system/
          ln -s ${moby}/etc/systemd/system/docker.socket $out/etc/systemd/system/
        ''
        # the client must run here to print them
        + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
          for shell in bash fish zsh; do
            $out/bin/docker completion $shell > docker.$shell
          done
          installShellCompletion --bash docker.bash --fish docker.fish --zsh docker.zsh
        ''
        + ''
          runHook postInstall
        '';

        passthru = {
          # others unpack a script from it
          inherit moby-src;
          tests = lib.optionalAttrs (!clientOnly) { inherit (nixosTests) docker; };
          updateScript = ./update.sh;
        };

        meta = docker-meta // {
          inherit knownVulnerabilities;
          description = "Client and daemon for containers (a specimen)";
          homepage = "https://www.docker.com/";
          mainProgram = "docker";
        };
      }
      // lib.optionalAttrs (!clientOnly) {
        # for those who replace a part
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
  # The revisions of the parts stand in
  # https://github.com/moby/moby/blob/${mobyRev}/Dockerfile
  docker_25 =
    let
      version = "25.0.16";
    in
    callPackage dockerGen {
      inherit version;
      cliHash = "sha256-fake/cli/25/0/16/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
      # this one was never tagged
      cliRev = "2500160000000000000000000000000000000c11";
      containerdHash = "sha256-fake/containerd/1/7/27/AAAAAAAAAAAAAAAAAAAA=";
      containerdRev = "v1.7.27";
      moby = null;
      mobyHash = "sha256-fake/moby/25/0/16/AAAAAAAAAAAAAAAAAAAAAAAAA=";
      mobyRev = "v${version}";
      runcHash = "sha256-fake/runc/1/2/5/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
      runcRev = "v1.2.5";
      tiniHash = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
      tiniRev = "0019000000000000000000000000000000000000";
      knownVulnerabilities = [ "docker_25 gets no more fixes, docker_29 does" ];
    };

  docker_29 =
    let
      version = "29.6.1";
    in
    callPackage dockerGen {
      inherit version;
      cliHash = "sha256-fake/cli/29/6/1/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
      cliRev = "v${version}";
      containerdHash = "sha256-fake/containerd/2/2/5/AAAAAAAAAAAAAAAAAAAAA=";
      containerdRev = "v2.2.5";
      moby = null;
      mobyHash = "sha256-fake/moby/29/6/1/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
      mobyRev = "docker-v${version}";
      runcHash = "sha256-fake/runc/1/3/6/AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
      runcRev = "v1.3.6";
      tiniHash = "sha256-fake/tini/0/19/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
      tiniRev = "0019000000000000000000000000000000000000";
    };

}
