{
  lib,
  stdenv,
  fetchFromGitHub,
  makeWrapper,
}:

let
  checker = stdenv.mkDerivation {
    pname = "status-checker";
    version = "0.9";
    src = fetchFromGitHub {
      owner = "status-board";
      repo = "checker";
      tag = "v0.9";
      hash = "sha256-fake/status-checker";
    };
  };

  # The programs that the board starts.
  path = lib.concatStringsSep ":" [ "${checker}/bin" ];

  theme = stdenv.mkDerivation {
    pname = "status-theme";
    version = "2";
    src = fetchFromGitHub {
      owner = "status-board";
      repo = "theme";
      tag = "v2";
      hash = "sha256-fake/status-theme";
    };
  };
in
stdenv.mkDerivation rec {
  pname = "status-board";
  version = "3.1";

  src = fetchFromGitHub {
    owner = "status-board";
    repo = pname;
    tag = "v${version}";
    hash = "sha256-fake/status-board";
  };

  nativeBuildInputs = [ makeWrapper ];

  inherit theme;

  installPhase = ''
    mkdir -p $out/bin
    ln -s ${theme} $out/theme
    echo 'PATH=${path} exec board' > $out/bin/status-board
  '';

  meta = {
    description = "Shows which services answer";
    mainProgram = "status-board";
  };
}
