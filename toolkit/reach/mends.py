"""The changes that `reach --fix` can make to a user's override, as values."""

from typing import TypeAlias

from msgspec import Struct


class Mend(Struct, frozen=True, kw_only=True):
    """A change of the last call of an override.

    `bindings` are added to the call's argument, and the bindings of the `replaced`
    names are removed. A binding refers to the previous values as `old`; if `recursive`,
    the bindings refer to one another. `within` is the attribute whose set gets the
    bindings. `method` replaces the call's function. `wrapped` is a package, an argument
    of the overridden one, to which the call moves.
    """

    bindings: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    recursive: bool = False
    within: str = ""
    method: str = ""
    wrapped: str = ""


class Extension(Struct, frozen=True, kw_only=True):
    """A change that moves an extension of a package set into a list of extensions.

    `attribute` is the list in nixpkgs, and `prev` the user's name for the previous set.
    """

    attribute: str
    prev: str


class Composition(Struct, frozen=True, kw_only=True):
    """A change that joins an extension of a package set with an earlier one.

    `argument` is the argument with the extension, and `prev` the user's name for the
    previous set.
    """

    argument: str
    prev: str


class Beside(Struct, frozen=True, kw_only=True):
    """A change that adds a binding after the binding with the override."""

    binding: str


class Behind(Struct, frozen=True, kw_only=True):
    """A change that needs an overlay by `unlet overlay` before the user's overlay.

    The overlay makes the let-bound packages of `package` overridable.
    """

    package: str
    change: Mend


Proposed: TypeAlias = Mend | Extension | Composition | Beside | Behind
