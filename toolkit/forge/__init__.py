"""GitHub: files by raw download, the rest by the REST API, both kept with their ETags.

`client` sends requests and knows what may go wrong with one, `store` keeps answers, `token` finds a token, `shapes`
turns JSON into values, `api` has the questions that the rest of the program asks.
"""

from __future__ import annotations

from toolkit.forge.api import GitHub
from toolkit.forge.client import Client, Traffic
from toolkit.forge.failures import AccessError, GoneError, NotFoundError, RateLimitError, UnreachableError
from toolkit.forge.shapes import ChangedFile, Detail, Pull, Review, TreeFile
from toolkit.forge.token import Token, find_token

__all__ = [
    "AccessError",
    "ChangedFile",
    "Client",
    "Detail",
    "GitHub",
    "GoneError",
    "NotFoundError",
    "Pull",
    "RateLimitError",
    "Review",
    "Token",
    "Traffic",
    "TreeFile",
    "UnreachableError",
    "find_token",
]
