{
  stdenv,
  lib,
  docker,
}:
stdenv.mkDerivation {
  pname = "container-suite";
  version = "1.0";
  buildInputs = [ docker ];
  meta.license = lib.licenses.unfree;
}
