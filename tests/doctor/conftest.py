"""The hosts that are examined."""

from tests.rootless.conftest import host, image

__all__ = ["host", "image"]
