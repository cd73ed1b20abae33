# A case, as evaluate.nix describes it, with what its stages are evaluated with.
# Argument: the absolute path of the JSON file, a string.
# Result: what is in the file; `lib`, nixpkgs' or our own; `stubs`, the function of stubs.nix without what the case knows.
path:
let
  case = builtins.fromJSON (builtins.readFile path);
  lib = if case.libPath == "" then import ./lib.nix else import (/. + case.libPath);
in
case
// {
  inherit lib;
  stubs =
    arguments:
    import ./stubs.nix (
      {
        inherit lib;
        inherit (case) finals names;
      }
      // arguments
    );
}
