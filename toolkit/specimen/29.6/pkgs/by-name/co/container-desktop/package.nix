{ stdenv, docker }:
stdenv.mkDerivation {
  pname = "container-desktop";
  version = "1.0";
  buildInputs = [ docker ];
  meta.broken = true;
}
