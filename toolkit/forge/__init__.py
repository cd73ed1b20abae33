"""Read GitHub: files as raw downloads, everything else through the REST API.

Answers are cached with their ETags.
"""
