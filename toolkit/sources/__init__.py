"""From what the user names to the target's bytes and the tree around them; `resolve` is the way in."""

from __future__ import annotations

from toolkit.sources.resolving import resolve

__all__ = ["resolve"]
