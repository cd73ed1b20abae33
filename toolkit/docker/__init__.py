"""docker in nixpkgs: the steps that change it, and their proofs.

No parsing of arguments, no formatting for people.
"""

from enum import StrEnum

from toolkit.proposal import registry

PACKAGE = "docker"

TARGET = registry.named()[PACKAGE].file
"""The file of nixpkgs that defines docker."""

COMPONENTS = ("docker-runc", "docker-containerd", "docker-tini", "moby")
"""The packages that leave dockerGen's let."""

PREFIX_ENTRY = "rootlesskit"
"""The package that leaves the wrapper's PATH prefix."""


class PathPlace(StrEnum):
    """The place of rootlesskit in the PATH of dockerd-rootless.

    PREFIX and BOTH are the defect.
    """

    PREFIX = "prefix"
    SUFFIX = "suffix"
    BOTH = "prefix and suffix"
    ABSENT = "absent"
    NO_WRAPPER = "no wrapper"
    UNKNOWN = "unknown"
