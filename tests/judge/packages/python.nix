{ stdenv, pkgs }:
let
  build =
    attributes:
    stdenv.mkDerivation attributes
    // {
      overridePythonAttrs = change: build (attributes // change attributes);
    };
in
build {
  pname = "notes-python";
  version = "1";
  passthru = {
    tree = toString ../../../..;
    run = { fast, slow ? false }: fast;
  };
  meta.platforms = [ "x86_64-linux" ];
}
