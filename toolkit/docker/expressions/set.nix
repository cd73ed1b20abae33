# A whole nixpkgs that lets every docker evaluate.
# Arguments: `tree`, its absolute path, a string; `system`, the one that builds; `crossSystem`, the one that it builds
# for, "" for the same; `tools`, JSON, what config.tools is (see the specimen), or ""; `config`, further settings;
# `overlays`.
# Result: the package set.
{
  tree,
  system,
  crossSystem ? "",
  tools ? "",
  config ? { },
  overlays ? [ ],
}:
import (/. + tree) (
  {
    inherit overlays system;
    config = {
      allowInsecurePredicate = _: true;
      allowUnfree = true;
    }
    // (if tools == "" then { } else { tools = builtins.fromJSON tools; })
    // config;
  }
  // (if crossSystem == "" then { } else { crossSystem.system = crossSystem; })
)
