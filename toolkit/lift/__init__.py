"""Find packages that a `let` binds out of reach, and bring them within it. Knows Nix and nixpkgs, but no package."""
