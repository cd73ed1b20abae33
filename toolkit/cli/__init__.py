"""The command line: one module a command, which builds values, calls one workflow, prints, returns an exit code."""
