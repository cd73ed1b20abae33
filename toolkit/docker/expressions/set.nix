# A whole nixpkgs that lets every docker evaluate.
# Arguments: `tree`, its absolute path, a string; `system`, the one that builds; `crossSystem`, the one that it builds
# for, "" for the same; `tools`, JSON, what config.tools is (see the specimen), or "";
# `aliases`, whether it has any; `overlays`.
# Result: the package set.
{
  tree,
  system,
  crossSystem ? "",
  tools ? "",
  aliases ? true,
  overlays ? [ ],
}:
import (/. + tree) (
  {
    inherit overlays system;
    config = {
      allowInsecurePredicate = _: true;
      allowUnfree = true;
      allowAliases = aliases;
    }
    // (if tools == "" then { } else { tools = builtins.fromJSON tools; });
  }
  // (if crossSystem == "" then { } else { crossSystem.system = crossSystem; })
)
