"""Refactorings of nixpkgs' docker file: pure functions from a text to a text.

    layout      read what the file is: its scopes, components, releases, wrapper
    lift        commit 1, by strategy: sentinel, in_place, parameter
    demote      commit 2: rootlesskit leaves the PATH prefix of the wrapper

They refuse (RefusalError) rather than guess; bytes outside of an edit never change.
"""
