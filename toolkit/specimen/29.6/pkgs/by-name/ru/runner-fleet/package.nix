{ stdenv, hosted-runner }:
stdenv.mkDerivation {
  pname = "runner-fleet";
  version = "1.0";
  buildInputs = [ hosted-runner ];
}
