{ stdenv, docker-client }:
stdenv.mkDerivation {
  pname = "registry-login";
  version = "1.0";
  buildInputs = [ docker-client ];
}
