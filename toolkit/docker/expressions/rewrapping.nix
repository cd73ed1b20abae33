# The dockers of a whole nixpkgs, with overlays/rewrap.nix and without.
# Arguments, each a string: `overlay`, the absolute path of the overlay; `tree`, that of the nixpkgs; `names`, JSON, a
# list of attributes; `system`; `tools`, JSON, what config.tools is (see the specimen), or "".
# Result: that of overlaid.nix.
{
  overlay,
  tree,
  names,
  system,
  tools ? "",
}@arguments:
let
  set =
    overlays:
    import ./set.nix {
      inherit
        overlays
        system
        tools
        tree
        ;
    };
  plain = set [ ];
in
import ./overlaid.nix {
  inherit (plain) lib;
  inherit set;
  overlay = import (/. + arguments.overlay);
  names = builtins.fromJSON names;
  other = plain.iptables.overrideAttrs (_: {
    pname = "other-iptables";
  });
}
