"""The one conversation with Nix about packages and their overrides."""
