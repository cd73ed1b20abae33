# A NixOS test that a nixpkgs has registered: nix-instantiate --eval --strict --json tree-test.nix --argstr tree /path …
# Arguments, each a string: `tree`, the absolute path of a nixpkgs; `name`, that of the test in nixosTests; `system`;
# `tools`, JSON, what config.tools is (see the specimen), or "".
# Result: the drvPath of what runs it.
{
  tree,
  name,
  system,
  tools ? "",
}:
let
  packages = import (/. + tree) {
    inherit system;
    overlays = [ ];
    config = if tools == "" then { } else { tools = builtins.fromJSON tools; };
  };
in
builtins.unsafeDiscardStringContext packages.nixosTests.${name}.drvPath
