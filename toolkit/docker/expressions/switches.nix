# Every docker that one other argument makes, by "name = true" and "name = false": a table for lifted.nix.
{ lib, ... }:
docker:
lib.concatMapAttrs (name: _: {
  "${name} = false" = docker.override { ${name} = false; };
  "${name} = true" = docker.override { ${name} = true; };
}) (lib.functionArgs docker.override)
