"""The targets with their own rewrites and proofs: patches/targets.toml as values.

The table holds all their differences except their code, which is imported only when a
target is requested.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any

from msgspec import Struct

from toolkit import patches


class OverlayUse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a kind of overlay is needed: `always`, or while a fact has certain values.

    By default, it is needed until the file is fixed, and while the file is the one from
    which it was made.
    """

    always: str | None = None
    fact: str | None = None
    values: tuple[str, ...] = ()
    gone: str = "fixed"
    """The value of the fact once the overlay is not needed."""


class Tracking(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How `track` shows a target: further `facts`, and meanings of `words`.

    `overlays` are its kinds of overlays, and `kinds` explains them to users who wrote
    their own; `without` is a sentence for users who remove theirs.
    """

    facts: tuple[str, ...] = ()
    words: dict[str, str] = {}
    overlays: dict[str, OverlayUse] = {}
    kinds: str = ""
    without: str | None = None


class TargetOption(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An option of the command line, whose value is the design of a `step`.

    By default, the value is the first of the `values`.
    """

    step: str
    values: tuple[str, ...]
    help: str


class OverlayNote(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line for users of an overlay: its purpose, and Nix code.

    It is for one `kind` or for any. `{file}` in the code stands for the path of that
    `file` of the overlay.
    """

    purpose: str
    code: str
    kind: str | None = None
    file: str = ""


class NamedTarget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A target with its own leaf, and its own subject for `track`.

    Each is written as `MODULE:NAME`.
    """

    leaf: str
    subject: str
    file: PurePosixPath
    """The only file that its proposals change."""
    tracking: Tracking = Tracking()
    parts: tuple[str, ...] = ()
    """The names of packages that only this file defines."""
    designs: tuple[str, ...]
    """The designs of its lift."""
    branches: dict[str, str]
    """Branch names by steps for `--only`; the first is that of a usual pull request."""
    only: str
    """The help text of `--only`."""
    behind: str | None = None
    """The step whose commit follows the series and may change other files."""
    options: dict[str, TargetOption] = {}
    kinds: dict[str, str] = {}
    """The kinds of overlays that `overlay` writes, the default first, with help."""
    overlay: tuple[str, ...] = ()
    """The options of `overlay` that make the target's parts overridable."""
    gain: str = ""
    """The benefit of its overlay, as the end of a sentence."""
    notes: tuple[OverlayNote, ...] = ()


@cache
def named() -> Mapping[str, NamedTarget]:
    """Return the targets with their own leaf."""
    return patches.read_toml(patches.shipped() / "targets.toml", dict[str, NamedTarget])


def loaded(place: str) -> Any:  # noqa: ANN401 - what a named target gives
    """Return the object at `MODULE:NAME`."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def tracking(name: str) -> Tracking:
    """Return what `track` shows of a target."""
    return named()[name].tracking if name in named() else Tracking()


def usual() -> str:
    """Return the default target: the first one with its own leaf."""
    return next(iter(named()))


def names() -> str:
    """Return the names of all targets with their own leaf, for a sentence."""
    return " or ".join(named())
