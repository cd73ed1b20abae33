"""What the overrides of a user's overlays reach in a nixpkgs, and what to write instead."""
