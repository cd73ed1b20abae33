"""Rewrites of nixpkgs' docker file and NixOS' module: pure functions on texts.

They refuse (RefusalError) rather than guess; bytes outside an edit never change.
"""
