"""Refactorings of nixpkgs' docker file: pure functions from a text to a text.

    layout      read what the file is: its scopes, components, releases, wrapper
    demote      commit 2: rootlesskit leaves the PATH prefix of the wrapper
    nixos, release_note
                what NixOS' module, its test and its release notes get
    series      the commits in turn; the first is by toolkit.lift

They refuse (RefusalError) rather than guess; bytes outside of an edit never change.
"""
