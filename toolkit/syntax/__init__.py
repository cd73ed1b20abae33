"""The syntax tree of a Nix file, its scopes, and edits of its text.

The only importer of the parser library. Knows Nix, and nothing of docker.
"""
