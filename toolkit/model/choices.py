"""What the user can choose of a proposal."""

from __future__ import annotations

from enum import StrEnum


class Strategy(StrEnum):
    """How the components leave the `let … in`; see toolkit.docker.rewrite."""

    SENTINEL = "sentinel"
    IN_PLACE = "in-place"
    PARAMETER = "parameter"


class Demotion(StrEnum):
    """What becomes of rootlesskit in the wrapper's PATH."""

    SUFFIX = "suffix"
    DROP = "drop"


class Extra(StrEnum):
    """A commit that the series has on request alone, in the order in which they follow the first two."""

    NIXOS_TEST = "nixos-test"
    NIXOS_MODULE = "nixos-module"
    RELEASE_NOTE = "release-note"


class OverlayKind(StrEnum):
    """Which overlay: `rewrap` makes a new wrapper around the finished docker, `patched` is the patched file."""

    REWRAP = "rewrap"
    PATCHED = "patched"
