# Docker from stand-in sources with a new wrapper by overlays/rewrap.nix, so that what it installs can be read.
# Arguments: those of build.nix but for `case`; `overlay`, the absolute path of the overlay.
# Result: { docker, rewrapped, before, after }: the packages, and files with the PATH that dockerd-rootless.sh sees
# when the script of either is called with a PATH of /path-of-the-caller.
{
  overlay,
  tree,
  release,
  shell,
  busybox,
  makeWrapperHook ? "",
  system ? builtins.currentSystem,
}:
let
  set =
    overlays:
    import ./set.nix {
      inherit overlays system tree;
      tools = builtins.toJSON { inherit busybox shell; };
      builder = import ./builder.nix (
        if makeWrapperHook == "" then "${./builder}/make-wrapper.sh" else "${/. + makeWrapperHook}"
      );
    };
  packages = {
    docker = (set [ ]).${release};
    rewrapped = (set [ (import (/. + overlay)) ]).${release};
  };
  seen =
    package:
    derivation {
      name = "path";
      inherit system;
      builder = builtins.storePath shell;
      PATH = "/path-of-the-caller";
      args = [
        "${./builder}/see-path.sh"
        "${package}/bin/dockerd-rootless"
      ];
    };
in
packages
// {
  before = seen packages.docker.moby;
  after = seen packages.rewrapped;
}
