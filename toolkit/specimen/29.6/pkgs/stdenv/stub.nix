# A package that is there to be depended on. Arguments: its name; then, by callPackage, the set.
name:
{
  lib,
  stdenv,
  fetchFromGitHub,
  ...
}@given:
let
  # What overrides give.
  others = removeAttrs given [
    "lib"
    "stdenv"
    "fetchFromGitHub"
  ];
  # What overrides add to.
  empty = value: names: lib.genAttrs names (_: value);
  lists = empty [ ] [
    "buildFlags"
    "buildInputs"
    "checkInputs"
    "cmakeFlags"
    "configureFlags"
    "installFlags"
    "ldflags"
    "makeFlags"
    "mesonFlags"
    "nativeBuildInputs"
    "nativeCheckInputs"
    "patches"
    "propagatedBuildInputs"
    "subPackages"
    "tags"
  ];
  scripts = empty "" [
    "postBuild"
    "postConfigure"
    "postFixup"
    "postInstall"
    "postPatch"
    "preBuild"
    "preConfigure"
    "preFixup"
    "preInstall"
    "prePatch"
  ];
in
stdenv.mkDerivation (lists // scripts // lib.optionalAttrs (others != { }) { others = builtins.toJSON others; } // {
  pname = name;
  version = "1.0";
  src = fetchFromGitHub {
    owner = name;
    repo = name;
    tag = "v1.0";
    hash = "sha256-fake/${name}";
  };
  env = { };
  passthru = { };
  # Whatever docker takes from any of them.
  programs = "containerd containerd-shim containerd-shim-runc-v2 runc tini tini-static ${name}";
  meta = {
    mainProgram = name;
  }
  // lib.optionalAttrs (name == "systemd") { platforms = lib.platforms.linux; };
})
