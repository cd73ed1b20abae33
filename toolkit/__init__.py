"""unlet: make let-bound packages of nixpkgs overridable, and prove it with Nix."""

__version__ = "0.1.0"
