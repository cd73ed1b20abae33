# A NixOS test with a nixpkgs: nix-build nixos-test.nix --argstr tree /path --argstr test /path -A test …
# Arguments, each a string: `tree`, the absolute path of a nixpkgs; `test`, that of the test, a module, or the name of
# one in nixosTests; `system`; `tools`, JSON, what config.tools is (see the specimen), or "".
# Result: { test, drvPath }: the derivation that runs it in virtual machines, and its drvPath.
{
  tree,
  test,
  system,
  tools ? "",
}:
let
  packages = import ./set.nix { inherit system tools tree; };
  # Before 22.11 there is no such function for modules.
  run = packages.testers.runNixOSTest or packages.nixosTest;
  isPath = builtins.substring 0 1 test == "/";
  made = if isPath then run (/. + test) else packages.nixosTests.${test};
in
{
  test = made;
  drvPath = builtins.unsafeDiscardStringContext made.drvPath;
}
