# The derivation that runs a NixOS test of a nixpkgs in virtual machines.
# Arguments, each a string: `tree`, the absolute path of a nixpkgs; `test`, the name of a test in nixosTests; `system`;
# `tools`, JSON, what config.tools is (see the specimen), or "".
# Result: the derivation's drvPath.
{
  tree,
  test,
  system,
  tools ? "",
}:
builtins.unsafeDiscardStringContext (import ./set.nix { inherit system tools tree; }).nixosTests.${test}.drvPath
