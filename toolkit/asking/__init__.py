"""Ask Nix typed questions about packages and their overrides.

A question is evaluated together with others, its time is limited, and its answer is
cached.
"""
