{ stdenv }:
stdenv.mkDerivation {
  pname = "make-wrapper";
  version = "1.0";
  setupHook = ../../../build-support/setup-hooks/make-wrapper.sh;
}
