"""GitHub, reading only: files by raw download, the rest by the REST API, both kept with their ETags.

`client` sends requests and knows what may go wrong with one, `kept` keeps answers, `failures` are the errors, `token`
finds a token, `github` has the questions that the rest of the program asks, and the answers as values.
"""
