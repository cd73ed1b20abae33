"""The design `hidden`: definitions become defaults of parameters of a function.

callPackage fills every parameter that the package set has a name for, even one with a
default. So a new function calls callPackage with a function that hides the new
parameters; `override` still sets them. The builder needs no support.
"""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from toolkit.errors import LayoutError, RefusalError
from toolkit.lift.capture import mention, same_meaning
from toolkit.lift.planning import require_plain
from toolkit.lift.shape import Shape
from toolkit.lift.statements import after, extent, removals
from toolkit.lift.style import Style, pattern_style
from toolkit.nix.attributes import value
from toolkit.nix.edit import Edit, apply, inserted, replaced, shifted
from toolkit.nix.scope import binding_names, formals, look_up
from toolkit.nix.tree import Node

ABOVE_PARAMETERS = "components"
ABOVE_CALLER = (
    "callPackage would fill these parameters with packages of the same "
    "names, related or not. override still sets them."
)
"""The comments that unlet writes above the caller."""


class CalledFunction(Struct, frozen=True, kw_only=True):
    """A function that its file calls: its `binding`, `pattern` and `calls`."""

    shape: Shape
    function: Node
    binding: Node
    pattern: Node
    calls: tuple[Node, ...]

    @property
    def name(self) -> str:
        """The name of the function."""
        return binding_names(self.binding)[0]

    @property
    def caller(self) -> str:
        """The name of the new caller."""
        stem = self.name.removesuffix("Gen")
        return f"call{stem[:1].upper()}{stem[1:]}"

    @property
    def style(self) -> Style:
        """The form in which the function is written."""
        return pattern_style(self.binding, self.function)


def called(shape: Shape) -> CalledFunction:
    """Return the function that a shape begins with.

    Raise LayoutError if its own file does not call it.
    """
    function = shape.functions[0]
    binding, pattern = function.parent, function.child("formals")
    if binding is None or binding.kind != "binding" or pattern is None:
        fact = (
            "the file does not call this function itself, so callPackage would fill "
            "new parameters"
        )
        raise LayoutError(f"{function.location}: {fact}")
    (name,) = binding_names(binding)
    calls: list[Node] = []
    for use in shape.references:
        if (
            use.name == name
            and use.scope is not None
            and use.scope.names[name] is binding
        ):
            call = use.node.parent
            if (
                call is None
                or call.kind != "apply_expression"
                or call.children[0].text != "callPackage"
            ):
                raise LayoutError(
                    f"{use.node.location}: {name} is used in another way than "
                    f"'callPackage {name}'"
                )
            calls.append(call)
    return CalledFunction(
        shape=shape,
        function=function,
        binding=binding,
        pattern=pattern,
        calls=tuple(calls),
    )


def rewrite(shape: Shape, names: Sequence[str]) -> str:
    """Return the file's text with lifted bindings as parameters of its function.

    The bindings that they need become parameters, too; callPackage does not see them.
    Raise LayoutError if the file does not call the function itself. Raise RefusalError
    if the function hides a parameter, or a name would change its meaning.
    """
    of = called(shape)
    moved = _moved(of, names)
    definitions = [shape.bindings[name] for name in moved]
    edits = [
        _append(of, moved),
        *removals(shape.lets, [extent(node) for node in definitions]),
        *_calls(of, moved),
    ]
    return apply(shape.tree.text, edits)


def _moved(of: CalledFunction, names: Sequence[str]) -> list[str]:
    """Return the bindings together with those that they need, in the file's order."""
    shape = of.shape
    moved = set(names)
    waiting = list(names)
    while waiting:
        more = {
            use.name for use in shape.uses_in(shape.bindings[waiting.pop()])
        } - moved
        moved |= more
        waiting += more
    parameters = formals(of.function)
    for name in moved:
        node = shape.bindings[name]
        require_plain(shape, name)
        if name in parameters:
            raise RefusalError(
                f"{node.location}: '{name}' has the same name as a parameter, and "
                "hides it"
            )
        for use in shape.references:
            if (
                node.contains(use.node)
                and use.name not in moved
                and not same_meaning(use, node, of.pattern)
            ):
                raise RefusalError(
                    f"{use.node.location}: '{use.name}' would mean something else "
                    "among the parameters"
                )
    return [name for name in shape.bindings if name in moved]


def _append(of: CalledFunction, names: Sequence[str]) -> Edit:
    """Add parameters after the last one, its comma, and the comment on its line."""
    text, style = of.shape.tree.text, of.style
    last = [child for child in of.pattern.children if child.kind == "formal"][-1]
    comma = next(
        (
            child
            for child in of.pattern.children
            if child.kind == "," and child.start >= last.end
        ),
        None,
    )
    start, end = (last.end, last.end) if comma is None else (comma.start, comma.end)
    line_end = after(comma or last)
    indent = last.indentation
    comment = style.comment(
        ABOVE_PARAMETERS, indent + (2 if style is Style.NIXPKGS_FMT else 0)
    )
    lines = [comment, *(_parameter(of, name, indent) for name in names)]
    rest = "" if re.match(r"[ \t]*\n", text[line_end:]) else "\n"
    added = "".join(f"\n{line}" for line in lines) + rest
    return Edit(
        start, line_end, ("" if style.leads else ",") + text[end:line_end] + added
    )


def _parameter(of: CalledFunction, name: str, indent: int) -> str:
    tree, node = of.shape.tree, of.shape.bindings[name]
    start, end = extent(node)
    default = value(node)
    shift = indent + (2 if of.style.leads else 0) - node.indentation
    written = f"{name} ? {shifted(tree, default.start, default.end, shift)}"
    inner = " " * (indent + 2 * (of.style is Style.NIXPKGS_FMT))
    comments = [
        each
        for each in tree.nodes
        if each.kind == "comment" and each.start in range(start, node.start)
    ]
    above = "".join(f"{inner}{each.text}\n" for each in comments)
    own = f", {written}" if of.style.leads else f"{written},"
    return f"{above}{' ' * indent}{own}{tree.text[node.end : end]}"


def _calls(of: CalledFunction, names: Sequence[str]) -> Iterator[Edit]:
    """Define the caller after the function, and use it for each call."""
    shape, binding, caller = of.shape, of.binding, of.caller
    if (taken := mention(shape.tree.root, caller)) is not None:
        raise RefusalError(
            f"{taken.location}: the rewrite needs the name '{caller}', which is "
            "already used here"
        )
    for name in ("callPackage", "lib"):
        if look_up(name, binding).scope is None:
            raise RefusalError(
                f"{binding.location}: '{name}' is not an argument of the file"
            )
    yield from (replaced(call, caller) for call in of.calls)
    indent = binding.indentation
    comment = of.style.comment(ABOVE_CALLER, indent)
    end = after(binding)
    yield inserted(
        end, f"\n\n{comment}\n{of.style.caller(caller, of.name, names, indent)}"
    )
