{ stdenv, curl, pkgs }:
let
  part = stdenv.mkDerivation { name = "p"; inputs = [ curl ]; };
in
stdenv.mkDerivation { name = "x"; script = "${part}"; }
