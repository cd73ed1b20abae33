"""Read GitHub: files by raw download, the rest by the REST API.

Answers are cached with their ETags.
"""
