"""unlet: take docker's components out of nixpkgs' `let … in`, and prove it with Nix."""

__version__ = "0.1.0"
