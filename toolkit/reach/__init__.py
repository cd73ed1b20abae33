"""The reach of a user's overrides in a nixpkgs, and better ways to write them."""
