{ stdenv }:
stdenv.mkDerivation {
  pname = "notes-fetched";
  version = "1";
  src = stdenv.mkDerivation { name = "x"; outputHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="; };
  postInstall = let source = stdenv.mkDerivation {
    name = "notes-fetched-icon.png";
    url = "https://example.org/1.tar.gz";
    outputHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    outputHashMode = "flat";
  }; in ''
    cp ${source} $out
  '';
}
