"""GitHub, reading only: files by raw download, the rest by the REST API, both kept with their ETags.

`client` sends requests, keeps answers and knows what can go wrong, `failures` are the errors, `token` finds a token,
`github` has the questions that the rest of the program asks, and the answers as values.
"""
