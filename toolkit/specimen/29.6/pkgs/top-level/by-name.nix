# pkgs/by-name: what is at XX/NAME/package.nix is the package NAME.
{ lib }:
final: _:
let
  root = ../by-name;
  directories = lib.filterAttrs (_: kind: kind == "directory") (builtins.readDir root);
  shard =
    name: _:
    builtins.mapAttrs (package: _: final.callPackage (root + "/${name}/${package}/package.nix") { }) (
      builtins.readDir (root + "/${name}")
    );
in
builtins.foldl' (all: more: all // more) { } (builtins.attrValues (builtins.mapAttrs shard directories))
