"""Fixtures of the command line, which is run with builders."""

from tests.cli.conftest import cache_place, clone, forks, tree, unlet

__all__ = ["cache_place", "clone", "forks", "tree", "unlet"]
