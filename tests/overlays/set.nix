# The package set of a tree that is called as nixpkgs is, by default of the specimen, with overlays.
# Arguments: `overlays`; `tree`, a path; `tools`, what config.tools is (see the specimen).
{
  overlays,
  tree ? ../../toolkit/specimen/29.6,
  tools ? { },
}:
import tree {
  inherit overlays;
  system = "x86_64-linux";
  config = {
    inherit tools;
    allowInsecurePredicate = _: true;
  };
}
