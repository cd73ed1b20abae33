"""Explain why an override has no effect although it sets another value."""

from collections.abc import Sequence
from difflib import get_close_matches

from toolkit.reach import written
from toolkit.reach.answers import Place
from toolkit.reach.overridden import Call, Overridden

_CONDITIONAL = frozenset(["optionalAttrs", "optional", "optionals", "optionalString"])


def reason(case: Overridden, place: Place | None) -> str | None:
    """Return why an override has no effect; None if nixpkgs has the same value."""
    for call in case.calls:
        if call.method == "override" and (unknown := _unknown(call)):
            near = get_close_matches(unknown[0], call.arguments, n=1)
            meant = f"; did you mean '{near[0]}'?" if near else ""
            return f"the package has no argument '{unknown[0]}', and ignores it{meant}"
    is_empty = all(not call.names for call in case.calls)
    line = _condition(place) if is_empty else None
    if line is not None:
        return f"the condition in line {line} gives the package as nixpkgs has it"
    return None


def _unknown(call: Call) -> Sequence[str]:
    """Return the arguments of a call that the package does not declare."""
    if not call.arguments:
        return ()
    return [name for name in call.names if name not in call.arguments]


def _condition(place: Place | None) -> int | None:
    """Return the line of the first condition in the binding of an override."""
    binding = written.binding_at(place)
    for node in binding.walk() if binding is not None else ():
        if node.kind == "if_expression" or (
            node.kind == "apply_expression"
            and node.children[0].text.rpartition(".")[2] in _CONDITIONAL
        ):
            return node.line
    return None
