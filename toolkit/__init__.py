"""unlet: take let-bound packages of nixpkgs out of their `let … in`, and prove it with Nix."""

__version__ = "0.1.0"
