{ stdenv, docker }:
stdenv.mkDerivation {
  pname = "image-mirror";
  version = "1.0";
  buildInputs = [ docker ];
}
