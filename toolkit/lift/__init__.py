"""Find let-bound packages, and make them overridable. Knows Nix and nixpkgs, but no package."""
