"""The targets with rewrites and proofs of their own: patches/targets.toml as values.

It has all that differs between them, but for their code, which is imported only if a
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
    """When a kind of overlay is needed: `always`, or while a fact has some values.

    By default until the file is fixed, and as long as it is the one that the overlay
    was made from.
    """

    always: str | None = None
    fact: str | None = None
    values: tuple[str, ...] = ()
    gone: str = "fixed"
    """The fact once it is not needed."""


class Tracking(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table of `track` for a target: further `facts`, and meanings of `words`.

    `overlays` are its kinds of overlays, `kinds` explains them for users who made their
    own; `without` is a sentence for users who remove theirs.
    """

    facts: tuple[str, ...] = ()
    words: dict[str, str] = {}
    overlays: dict[str, OverlayUse] = {}
    kinds: str = ""
    without: str | None = None


class TargetOption(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An option of the command line: its value is the design of a `step`.

    By default, it is the first of the `values`.
    """

    step: str
    values: tuple[str, ...]
    help: str


class OverlayNote(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line for users of an overlay, of one `kind` or of any: purpose and Nix code.

    `{file}` in the code stands for the path of that `file` of the overlay.
    """

    purpose: str
    code: str
    kind: str | None = None
    file: str = ""


class NamedTarget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A target with its own leaf and subject for `track`, each as `MODULE:NAME`."""

    leaf: str
    subject: str
    file: PurePosixPath
    """The only file that its proposals change."""
    tracking: Tracking = Tracking()
    parts: tuple[str, ...] = ()
    """The names of packages that only its file binds."""
    designs: tuple[str, ...]
    """The designs of its lift."""
    branches: dict[str, str]
    """Branch names by steps for `--only`; a pull request makes the first by default."""
    only: str
    """The help of `--only`."""
    behind: str | None = None
    """The step whose commit follows the series, and may change other files."""
    options: dict[str, TargetOption] = {}
    kinds: dict[str, str] = {}
    """The kinds of overlays that `overlay` writes, the default first, with help."""
    overlay: tuple[str, ...] = ()
    """The options of `overlay` that make its parts overridable."""
    gain: str = ""
    """The use of its overlay, as the end of a sentence."""
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
