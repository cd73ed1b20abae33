"""Changes of an override as values: what must be written so that it reaches."""

from typing import TypeAlias

from msgspec import Struct


class Mend(Struct, frozen=True, kw_only=True):
    """A change of the last call of an override.

    `bindings` are added to what it sets, in place of those of the `replaced` names; they
    name the old values `old`, and `recursive` ones each other. `within` is the attribute
    with the set that gets them, `method` another function in place of the call's, and
    `wrapped` the package, an argument of the overridden one, that gets the call instead.
    """

    bindings: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    recursive: bool = False
    within: str = ""
    method: str = ""
    wrapped: str = ""


class Extension(Struct, frozen=True, kw_only=True):
    """A scope's extension becomes an element of a list of extensions."""

    attribute: str
    prev: str


class Composition(Struct, frozen=True, kw_only=True):
    """A scope's extension is joined with that of an earlier overlay."""

    argument: str
    prev: str


class Beside(Struct, frozen=True, kw_only=True):
    """A binding that comes after that of the override."""

    binding: str


class Behind(Struct, frozen=True, kw_only=True):
    """The overlay that `unlet overlay` writes comes first, then a change."""

    package: str
    change: Mend


Proposed: TypeAlias = Mend | Extension | Composition | Beside | Behind
