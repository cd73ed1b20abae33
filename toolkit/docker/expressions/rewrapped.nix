# Docker from stand-in sources with a new wrapper by overlays/rewrap.nix, so that what it installs can be read.
# Arguments: those of build.nix; `overlay`, the absolute path of the overlay; `side`, one of the case's sides.
# Result: { docker, rewrapped, before, after }: the packages, and files with the PATH that dockerd-rootless.sh sees
# when the script of either is called with a PATH of /path-of-the-caller.
{
  overlay,
  side,
  case,
  shell,
  makeWrapperHook ? "",
  system ? builtins.currentSystem,
  ...
}@arguments:
let
  inherit (import ./case.nix case) lib;
  built =
    (import ./build.nix (
      removeAttrs arguments [
        "overlay"
        "side"
      ]
    )).${side};
  bash = builtins.storePath shell;

  mkDerivation = import ./derivation.nix {
    inherit lib system;
    native = true;
    program = _: {
      busybox = builtins.storePath arguments.busybox;
      SHELL = bash;
      builder = bash;
      args = [
        "${./builder}/build.sh"
        (if makeWrapperHook == "" then "${./builder}/make-wrapper.sh" else "${/. + makeWrapperHook}")
      ];
    };
  };

  symlinkJoin =
    attributes:
    mkDerivation (
      attributes
      // {
        installPhase = ''
          for path in $paths; do
            cp -rs "$path/." "$out/"
            chmod -R u+w "$out"
          done
          eval "$postBuild"
        '';
      }
    );

  final = {
    inherit lib symlinkJoin;
    makeWrapper = [ ];
    callPackage = lib.callPackageWith final;
  };
  rewrapped =
    (import (/. + overlay) final {
      inherit lib;
      inherit (built) docker;
    }).docker;
in
{
  inherit rewrapped;
  inherit (built) docker;
  before = built.path;
  after = derivation {
    name = "path";
    inherit system;
    builder = bash;
    PATH = "/path-of-the-caller";
    args = [
      "-c"
      "${rewrapped}/bin/dockerd-rootless >$out"
    ];
  };
}
