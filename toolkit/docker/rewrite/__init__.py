"""Refactorings of nixpkgs' docker file, and of NixOS' module: pure functions from a text to a text.

They refuse (RefusalError) rather than guess; bytes outside of an edit never change.
"""
