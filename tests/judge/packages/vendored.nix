{ stdenv }:
stdenv.mkDerivation rec {
  pname = "notes-fetched";
  version = "1";
  src = builtins.toFile "source" version;
  goModules = stdenv.mkDerivation {
    name = "notes-fetched-${version}-go-modules";
    inherit src;
    outputHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    outputHashMode = "recursive";
  };
}
