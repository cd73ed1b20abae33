"""Read GitHub: files by raw download, the rest by the REST API; answers are cached with their ETags.

`client` sends requests, caches answers and explains failures, `token` finds a token, `github` has the program's
questions and their answers as values.
"""
