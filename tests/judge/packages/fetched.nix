{ stdenv }:
stdenv.mkDerivation {
  pname = "notes-fetched";
  version = "1";
  src = stdenv.mkDerivation {
    name = "source";
    url = "https://example.org/1.tar.gz";
    outputHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    outputHashMode = "flat";
  };
}
