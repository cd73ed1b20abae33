"""The one conversation with Nix: questions about packages and overrides, and their answers."""
