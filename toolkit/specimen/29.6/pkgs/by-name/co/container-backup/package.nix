{ stdenv, docker }:
stdenv.mkDerivation {
  pname = "container-backup";
  version = "1.0";
  buildInputs = [ docker ];
}
