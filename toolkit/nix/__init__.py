"""Nix: the language (tree, scope, attributes, edit), and the program."""
