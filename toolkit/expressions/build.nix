# A package of a whole nixpkgs, to be built.
#   nix-build build.nix --argstr tree /path --argstr system x86_64-linux --argstr package '["jq"]' --argstr tools ""
# Arguments, each a string: `tree`, the absolute path of the nixpkgs; `system`; `package`, JSON, the attribute path;
# `tools`, JSON, what config.tools is of a tree that needs that to build, or "".
{
  tree,
  system,
  package,
  tools ? "",
}:
let
  inherit (builtins) foldl' fromJSON;
  set = import (/. + tree) {
    inherit system;
    overlays = [ ];
    config =
      import ./permitting.nix // (if tools == "" then { } else { tools = fromJSON tools; });
  };
in
foldl' (value: name: value.${name}) set (fromJSON package)
