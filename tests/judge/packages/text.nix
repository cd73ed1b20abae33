{ stdenv }:
stdenv.mkDerivation {
  pname = "notes-fetched";
  version = "1";
  postInstall = let source = stdenv.mkDerivation {
    name = "source";
    url = "https://example.org/1.tar.gz";
    outputHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    outputHashMode = "flat";
  }; in ''
    cp ${source} $out
  '';
}
