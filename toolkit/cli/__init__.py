"""The command line: one module for each command, without rules of its own.

A command builds values, calls one workflow, prints, and returns an exit code.
"""
