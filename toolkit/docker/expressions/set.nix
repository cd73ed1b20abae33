# A whole nixpkgs that lets every docker evaluate.
# Arguments: `tree`, its absolute path, a string; `system`, the one that builds; `crossSystem`, the one that it builds
# for, "" for the same; `tools`, JSON, what config.tools is (see the specimen), or ""; `overlays`.
# Result: the package set.
{
  tree,
  system,
  crossSystem ? "",
  tools ? "",
  overlays ? [ ],
}:
import (/. + tree) (
  {
    inherit overlays system;
    config = {
      allowInsecurePredicate = _: true;
      allowUnfree = true;
    }
    // (if tools == "" then { } else { tools = builtins.fromJSON tools; });
  }
  // (if crossSystem == "" then { } else { crossSystem.system = crossSystem; })
)
