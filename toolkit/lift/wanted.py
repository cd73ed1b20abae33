"""Find the bindings to lift, and the builder's call at the end of a file.

The bindings are those that no override reaches. A file of another shape is refused,
with the place.
"""

import re
from collections.abc import Collection, Sequence
from shlex import quote

from toolkit.errors import LayoutError
from toolkit.lift.bindings import (
    PASSTHRU,
    SHARED,
    Reachability,
    direct_uses,
    find,
    makes_one,
    reason,
    shared,
    state,
)
from toolkit.lift.kinds import BindingKind, is_derivation, kind, without_final
from toolkit.lift.shape import BuilderCall, Shape, bound, callee, result
from toolkit.nix.attributes import value
from toolkit.nix.tree import Node

_FIND = "'unlet find' lists packages that define others in a let"
_APART = (
    "let the file take the part as an argument; override { NAME = …; } then reaches it"
)
_BY_HAND = {
    "apply_expression": _APART,
    "if_expression": "write one call of the builder, with 'if' inside its attributes",
    "binary_expression": "move what '//' adds into passthru of the builder's call",
}
"""Advice for files that end in such an expression."""


def construction(shape: Shape) -> BuilderCall:
    """Return the builder's call at the end of a file.

    Raise LayoutError if the file ends in another way.
    """
    if not shape.functions:
        raise LayoutError(
            f"{shape.tree.root.location}: the file is not a function that takes its "
            "dependencies"
        )
    if (
        shape.construction is not None
        and (what := without_final(shape.construction.name)) is not None
    ):
        fact = (
            f"the file ends in {what} by '{shape.construction.name}', which has no "
            "finalAttrs"
        )
        raise LayoutError(f"{shape.body.location}: {fact}", hint=_APART)
    if shape.construction is None:
        hint = _BY_HAND.get(shape.body.kind) if makes_one(shape.body) else None
        raise LayoutError(
            f"{shape.body.location}: the file does not end in one call of a builder",
            hint=hint,
        )
    return shape.construction


def wanted(shape: Shape, names: Sequence[str]) -> tuple[str, ...]:
    """Return the bindings to lift: the named ones, or all that no override reaches.

    Raise LayoutError for an unknown binding, or if none remains.
    """
    if shape.functions and not shape.lets:
        raise LayoutError(
            f"{shape.tree.root.location}: there is no 'let' around the package",
            hint=_FIND,
        )
    construction(shape)
    packages = [found for found in find(shape) if found.kind is BindingKind.PACKAGE]
    known = ", ".join(found.name for found in packages)
    for name in names:
        binding = shape.bindings.get(name)
        if binding is None:
            hint = f"its let defines the packages {known}" if known else None
            raise LayoutError(
                f"{shape.tree.name}: no let around the package defines '{name}'",
                hint=hint,
            )
        if name not in shape.reached:
            raise LayoutError(f"{binding.location}: the package does not use '{name}'")
    lifted = tuple(names) or tuple(found.name for found in packages)
    if not lifted:
        fact = "no let around the package defines a package with its own source"
        raise LayoutError(f"{shape.tree.name}: {fact}", hint=_FIND)
    missed = tuple(
        name for name in lifted if state(shape, name) is not Reachability.ROUTED
    )
    if not missed:
        what = f"'{lifted[0]}'" if len(lifted) == 1 else "all packages in its lets"
        kept = [
            part
            for part in SHARED
            if any(part in shared(shape, name) for name in lifted)
        ]
        fact = (
            f"only an override of {' or '.join(kept)} has no effect: edit the file so "
            "that the part takes it from finalAttrs"
        )
        hint = fact if kept else "nothing needs to change"
        raise LayoutError(
            f"{shape.tree.name}: overrides already reach {what}", hint=hint
        )
    return missed


REQUEST = re.compile(
    r"\bTODO\b[^\n]*\b(let\b|overrid|passthru|top-level)", re.IGNORECASE
)
"""A comment in which a file itself asks for overridable parts."""


def with_reason(shape: Shape, names: Sequence[str]) -> tuple[str, ...]:
    """Return the bindings that upstream has a reason to lift.

    A reason is a shared source, or an attribute that shows the binding; a TODO of the
    file is a reason for all. Raise LayoutError if there are none.
    """
    if REQUEST.search(shape.tree.text):
        return tuple(names)
    if found := tuple(
        name for name in names if reason(state(shape, name), shared(shape, name))
    ):
        return found
    hint = " ".join(f"--binding {quote(name)}" for name in names)
    fact = (
        f"there is no reason to lift '{names[0]}': it has its own source, and no "
        "attribute shows it"
    )
    raise LayoutError(
        f"{shape.bindings[names[0]].location}: {fact}",
        hint=f"{hint} lifts it nevertheless",
    )


def equals(shape: Shape, names: Sequence[str]) -> tuple[str, ...]:
    """Return other derivations that must be lifted together with the bindings.

    They are in passthru without effect, as the bindings are; or the package uses them
    only in a text together with a hidden one, and they are no environment.
    """
    hidden = [name for name in names if state(shape, name) is Reachability.HIDDEN]
    texts = {text for name in hidden for text in _texts(shape, name)} - {None}
    return tuple(
        name
        for name in shape.bindings
        if name in shape.reached
        and name not in names
        and is_derivation(shape, name)
        and _is_equal(shape, name, texts)
    )


def _is_equal(shape: Shape, name: str, texts: Collection[int | None]) -> bool:
    """Return whether a binding is shown, or only texts of hidden bindings use it."""
    if (reached := state(shape, name)) is not Reachability.HIDDEN:
        return reached is Reachability.SHOWN
    around = _texts(shape, name)
    known = kind(shape.bindings[name])
    is_environment = known is not None and known[0] is BindingKind.ENVIRONMENT
    if not around or is_environment or _is_text(shape, name):
        return False
    return all(text in texts for text in around)


def _is_text(shape: Shape, name: str) -> bool:
    """Return whether a binding writes a file that does not depend on the package."""
    function = callee(result(value(shape.bindings[name])))[-1:]
    return function in {("writeText",), ("writeTextFile",)} and not shared(shape, name)


def _texts(shape: Shape, name: str) -> list[int | None]:
    """Return the texts that use a binding; None for a use outside of a text."""
    texts = [
        use.node.enclosing("string_expression", "indented_string_expression")
        for use in direct_uses(shape, name)
    ]
    return [text.index if text is not None else None for text in texts]


def home(construction: BuilderCall) -> Node:
    """Return the set for new attributes: one with passthru or meta, else the first."""
    for name in (PASSTHRU, "meta"):
        for literal in construction.plain:
            if any(path[0] == name for path, _ in bound(literal)):
                return literal
    return construction.plain[0]
