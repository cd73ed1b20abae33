# A package that is there to be depended on. Arguments: its name; then, by callPackage, the set.
name:
{
  lib,
  stdenv,
  fetchFromGitHub,
}:
stdenv.mkDerivation {
  pname = name;
  version = "1.0";
  src = fetchFromGitHub {
    owner = name;
    repo = name;
    tag = "v1.0";
    hash = "sha256-fake/${name}";
  };
  patches = [ ];
  buildInputs = [ ];
  # Whatever docker takes from any of them.
  programs = "containerd containerd-shim containerd-shim-runc-v2 runc tini tini-static ${name}";
  meta = {
    mainProgram = name;
  }
  // lib.optionalAttrs (name == "systemd") { platforms = lib.platforms.linux; };
}
