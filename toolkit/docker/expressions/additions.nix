# The attributes of a package that an override adds to, all empty: what stands for a package has to have them. Phases
# are not among them, since what has one is built by it.
let
  inherit (builtins) listToAttrs;

  empty =
    value: names:
    listToAttrs (
      map (name: {
        inherit name value;
      }) names
    );
in
empty [ ] [
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
  ] // empty "" [
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
  ]
// {
  env = { };
  passthru = { };
}
