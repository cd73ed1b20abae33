{ stdenv, systemd }:
stdenv.mkDerivation {
  pname = "log-viewer";
  version = "1.0";
  buildInputs = [ systemd ];
  meta.description = "A dependant of nothing that docker has to do with";
}
