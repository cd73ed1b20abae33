# Docker with a daemon of your own, for a nixpkgs whose docker takes `moby` as an argument.
#
#   nixpkgs.overlays = [
#     (import ./own-moby.nix (old: { patches = old.patches or [ ] ++ [ ./my.patch ]; }))
#   ];
#
# The function is what overrideAttrs takes. Every docker of the set then starts the changed daemon, and moby and
# what contains it are compiled; the other components are not. Where docker takes no `moby` yet, its
# override would be an error without a name and its overrideAttrs would change nothing, so this says it and stops.
change: _final: prev:
let
  inherit (prev) lib;

  withOwn =
    name: docker:
    if !(docker ? override) then
      lib.warn "own-moby.nix: ${name} stays as it is: it is no docker of nixpkgs" docker
    else if !(docker ? moby) then
      docker
    else if lib.functionArgs docker.override ? moby then
      docker.override { moby = docker.moby.overrideAttrs change; }
    else
      throw "own-moby.nix: ${name} of this nixpkgs takes no argument 'moby'";

  # Not `docker` itself: it is one of these, and would be changed a second time.
  names = builtins.filter (name: builtins.match "docker_[0-9].*" name != null) (
    builtins.attrNames prev
  );
in
if names == [ ] then
  lib.warn "own-moby.nix: this nixpkgs has no docker" { }
else
  lib.genAttrs names (name: withOwn name prev.${name})
