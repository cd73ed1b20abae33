"""Ask Nix typed questions about packages and their overrides.

All other modules evaluate packages through this one.
"""
