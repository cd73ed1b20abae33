{ stdenv, docker-client }:
stdenv.mkDerivation {
  pname = "image-scan";
  version = "1.0";
  buildInputs = [ docker-client ];
}
