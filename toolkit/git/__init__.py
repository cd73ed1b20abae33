"""git: its calls, each of them one function.

Repositories of the user's are only read; what is written is in the cache or in a temporary directory.
"""
