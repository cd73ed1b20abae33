"""git: its calls, each of them one function.

What is written is in the cache or in a temporary directory; to a repository of the user's only `pr` writes, by
`committing` and `worktrees`.
"""
