# Docker with a daemon of your own, for a nixpkgs whose docker lets its moby be replaced.
#
#   nixpkgs.overlays = [
#     (import ./own-moby.nix (old: { patches = old.patches or [ ] ++ [ ./my.patch ]; }))
#   ];
#
# The function is what overrideAttrs takes. Every docker of the set then starts the changed daemon, and moby and
# what contains it are compiled; the other components are not. Docker takes a moby as an attribute or as an argument. If
# it takes none, the attribute alone would change and not the daemon, so this stops.
change: _final: prev:
let
  inherit (prev) lib;

  # Whether docker starts the moby that it has as an attribute.
  links =
    docker:
    builtins.hasAttr (builtins.unsafeDiscardStringContext docker.moby.drvPath) (
      builtins.getContext docker.installPhase
    );

  # Whether docker's file has a moby with a default among its arguments. functionArgs need not show it, since callPackage
  # must not fill it, and an unexpected argument is an error that nothing can catch; so the file is asked.
  takes =
    docker:
    let
      place = builtins.match "(.*):[0-9]+" (docker.meta.position or "");
      parts = builtins.split "moby[[:space:]]*[?]" (builtins.readFile (/. + builtins.head place));
    in
    place == null || builtins.length parts > 1;

  withOwn =
    name: docker:
    let
      moby = docker.moby.overrideAttrs change;
      # The client that override makes of it has no moby.
      byAttribute = docker.overrideAttrs (
        old: lib.optionalAttrs (old ? moby) { moby = old.moby.overrideAttrs change; }
      );
    in
    if !(docker ? override) then
      lib.warn "own-moby.nix: ${name} stays as it is: it is not a docker of nixpkgs" docker
    else if !(docker ? moby) then
      docker
    else if links byAttribute then
      byAttribute
    else if takes docker then
      docker.override { inherit moby; }
    else
      throw (
        "own-moby.nix: ${name} of this nixpkgs takes no moby of your own; put the patched overlay before this one "
        + "(unlet overlay --kind patched), or use a nixpkgs with the fix"
      );

  # Not `docker` itself: it is one of these, and would be changed a second time.
  names = builtins.filter (name: builtins.match "docker_[0-9].*" name != null) (
    builtins.attrNames prev
  );
in
if names == [ ] then
  lib.warn "own-moby.nix: this nixpkgs has no docker" { }
else
  lib.genAttrs names (name: withOwn name prev.${name})
