{ stdenv, docker }:
stdenv.mkDerivation {
  pname = "hosted-runner";
  version = "1.0";
  buildInputs = [ docker ];
}
