{
  lib,
  stdenv,
  buildGoModule,
  fetchFromGitHub,
  makeBinaryWrapper,
  rootlesskit,
  slirp4netns,
  fuse-overlayfs,
}:

buildGoModule rec {
  pname = "docker";
  version = "30.0.0";

  src = fetchFromGitHub {
    owner = "moby";
    repo = "moby";
    tag = "docker-v${version}";
    hash = "sha256-fake/moby/30/0/0/AAAAAAAAAAAAAAAAAAAAAAAAAA=";
  };

  vendorHash = null;

  nativeBuildInputs = [ makeBinaryWrapper ];

  installPhase = ''
    runHook preInstall

    install -Dm755 bundles/dynbinary-daemon/dockerd $out/bin/dockerd
    install -Dm755 contrib/dockerd-rootless.sh $out/libexec/docker/dockerd-rootless.sh
    makeWrapper $out/libexec/docker/dockerd-rootless.sh $out/bin/dockerd-rootless \
      --prefix PATH : "$out/bin:${
        lib.makeBinPath [
          rootlesskit
          slirp4netns
          fuse-overlayfs
        ]
      }"

    runHook postInstall
  '';

  meta = {
    description = "Daemon for containers, as one package (a specimen)";
    homepage = "https://mobyproject.org/";
    license = lib.licenses.asl20;
    platforms = lib.platforms.linux;
    broken = stdenv.hostPlatform.isStatic;
  };
}
