{ stdenv, docker_25 }:
stdenv.mkDerivation {
  pname = "legacy-runner";
  version = "1.0";
  buildInputs = [ docker_25 ];
}
