{ stdenv }:
stdenv.mkDerivation {
  pname = "notes-fetched";
  version = "1";
  icon = ./icon.svg;
}
