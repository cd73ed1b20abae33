"""Refactorings of nixpkgs' docker file: pure functions from a text to a text.

    layout      read what the file is: its scopes, components, releases, wrapper
    lift        commit 1, by strategy: sentinel, in_place, parameter
    demote      commit 2: rootlesskit leaves the PATH prefix of the wrapper
    nixos_test, nixos_module, release_note
                commits on request, of other files
    reasons     why each hunk of a change is there, told from both texts

They refuse (RefusalError) rather than guess; bytes outside of an edit never change.
"""
