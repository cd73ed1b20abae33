"""git: one function for each call.

unlet writes to the cache and temporary directories; only `pr` writes to a user's
repository.
"""
