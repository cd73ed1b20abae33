{ stdenv, sqlite }:
stdenv.mkDerivation {
  pname = "image-slim";
  version = "1.0";
  buildInputs = [ sqlite ];
}
