"""The user whose daemons are started here."""

from tests.rootless.account import account, host, place

__all__ = ["account", "host", "place"]
