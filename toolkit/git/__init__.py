"""git: one function for each call.

unlet writes to its cache and to temporary directories; only `pr` writes to a user's
repository.
"""
