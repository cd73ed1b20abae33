# A moby of the user's own for a docker that takes none.
(import ./set.nix {
  overlays = [ (import ../../overlays/own-moby.nix (_: { pname = "my-moby"; })) ];
}).docker.drvPath
