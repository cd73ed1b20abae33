"""Find let-bound packages, and make them overridable.

It knows Nix and nixpkgs, but no particular package.
"""
