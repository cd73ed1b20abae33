"""The command line: one module for each command, without rules of its own.

A command turns options into values, calls one workflow, prints the result, and returns
an exit code.
"""
