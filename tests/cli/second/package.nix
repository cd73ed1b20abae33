{
  lib,
  stdenv,
  fetchFromGitHub,
}:

let
  version = "2.1";

  statements = stdenv.mkDerivation {
    pname = "ledger-statements";
    inherit version;

    src = fetchFromGitHub {
      owner = "ledger";
      repo = "statements";
      tag = "v${version}";
      hash = "sha256-fake/statements";
    };

    installPhase = ''
      mkdir -p $out
    '';
  };
in
stdenv.mkDerivation {
  pname = "ledger";
  inherit version;

  src = fetchFromGitHub {
    owner = "ledger";
    repo = "ledger";
    tag = "v${version}";
    hash = "sha256-fake/ledger";
  };

  doCheck = false;

  installPhase = ''
    mkdir -p $out/share
    ln -s ${statements} $out/share/statements
  '';

  meta = {
    description = "Keeps accounts";
    platforms = lib.platforms.all;
  };
}
