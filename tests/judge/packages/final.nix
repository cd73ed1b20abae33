{
  lib,
  stdenv,
  fetchFromGitHub,
  curl,
}:

let
  version = "4.2.0";

  src = fetchFromGitHub {
    owner = "notes-server";
    repo = "notes-server";
    tag = "v${version}";
    hash = "sha256-fake/notes-server";
  };

  web-ui = stdenv.mkDerivation {
    pname = "notes-server-web-ui";
    inherit src version;

    sourceRoot = "web";

    installPhase = ''
      mkdir -p $out
      echo notes > $out/index.html
    '';
  };
in
stdenv.mkDerivation (finalAttrs: {
  pname = "notes-server";
  inherit src version;

  buildInputs = [ curl ];

  installPhase = ''
    mkdir -p $out/share
    ln -s ${web-ui} $out/share/web
  '';

  passthru = {
    updateScript = [ "update-notes-server" ];
  };

  meta = {
    description = "Keeps notes and shows them in a browser";
    mainProgram = "notes-server";
    platforms = lib.platforms.all;
  };
})
