"""The design `attrs-first`: the components become attributes of docker's own derivation.

They stay in their place; the call of the builder comes to stand above them, with `finalAttrs:` in front. What refers to
a component does so by `finalAttrs`, so that overrideAttrs of docker reaches it. Needs a builder that takes a function.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit.docker.rewrite import lift
from toolkit.docker.rewrite.construction import construction
from toolkit.docker.rewrite.layout import GENERATOR
from toolkit.errors import RefusalError
from toolkit.nix.attributes import SETS, inside, spine, statements
from toolkit.nix.conditions import climb, guards
from toolkit.nix.edit import Edit, column, indentation, is_first, shifted
from toolkit.nix.scope import binding_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.docker.rewrite.lift import LetDefinition, Lifting
    from toolkit.nix.scope import Reference
    from toolkit.nix.tree import Node

NAMES = ("finalAttrs", "finalPackage", "dockerAttrs")
"""What the function's argument is called: the first of these that the code around it does not use."""


class Destination(Struct, frozen=True, kw_only=True):
    """Where the components go: the builder's argument, the operands that it is merged from, and one of these.

    `attributes` is the set in `operand` that inherits them by `inherits`. `final` is the name that the argument has for
    what docker is in the end, None if it is no function.
    """

    argument: Node
    final: str | None
    operands: tuple[Node, ...]
    operand: Node
    attributes: Node
    inherits: tuple[Node, ...]


def rewrite(lifting: Lifting) -> str:
    """Return the file's text with the components as attributes.

    Raise RefusalError where they are not inherited by one set of docker's, or where a name would change its meaning.
    """
    file, tree = lifting.file, lifting.file.tree
    target = target_of(lifting)
    moved = lifting.of(lifting.components)
    stays = [definition for definition in lifting.definitions if definition not in moved]
    for definition in moved:
        lift.require_same_names(file, definition, target.inherits[0], lifting.components)
    for definition in stays:
        if needed := next((name for name in file.siblings(definition.node) if name in lifting.components), None):
            name = definition.names[0]
            raise RefusalError(
                f"{file.at(definition.node)}: '{name}' would stay in the let, and needs {needed}, which would leave it"
            )
    if not stays:
        raise RefusalError(f"{file.at(lifting.let)}: nothing would be left in this let")
    final = target.final or _free_name(lifting)
    for definition in moved if target.final is not None else ():
        if (taken := lift.use_of(definition.node, final)) is not None:
            raise RefusalError(f"{file.at(taken)}: '{final}' already has a meaning here")
    edits = list(_references(lifting, target, final))
    between = shifted(tree, lifting.definitions[-1].end, target.argument.start, 0, edits)
    return "".join(
        [
            file.text[: lifting.head],
            lift.kept(lifting, stays, between),
            between,
            _argument(lifting, target, moved, final, edits),
            file.text[target.argument.end :],
        ]
    )


def target_of(lifting: Lifting) -> Destination:
    """Return where the components go.

    Raise RefusalError where they are not inherited by one set of docker's, or used where docker may not have that set.
    """
    file = lifting.file
    built = construction(file.function)
    if built is None:
        raise RefusalError(
            f"{file.at(spine(file.function)[-1])}: {GENERATOR} does not end in a builder's call on one set"
        )
    if built.function is None and inside(built.argument).kind == "function_expression":
        raise RefusalError(f"{file.at(built.argument)}: the builder is given a function of an unknown form")
    found = built.holder(lifting.components, "inherit")
    if found is None:
        raise RefusalError(f"{file.at(built.argument)}: no set of docker's attributes inherits all components")
    attributes, operand = found
    target = Destination(
        argument=built.argument,
        final=built.final,
        operands=built.operands,
        operand=operand,
        attributes=attributes,
        inherits=tuple(
            node for node in statements(attributes, "inherit") if set(lifting.components) & set(binding_names(node))
        ),
    )
    needed = [each for condition in climb(attributes, operand).conditions for each in condition.conjuncts()]
    for reference in references_to(lifting):
        node = reference.node
        if not lifting.let.children[-1].contains(node) or any(each.contains(node) for each in target.inherits):
            continue
        given = guards(node)
        if not all(condition.is_among(given) for condition in needed):
            raise RefusalError(f"{file.at(node)}: '{reference.name}' is used here even if docker has no such attribute")
    return target


def references_to(lifting: Lifting) -> list[Reference]:
    """Return the references to the components in dockerGen's let."""
    return [
        each
        for each in lifting.file.references
        if each.name in lifting.components and each.scope is not None and each.scope.node is lifting.let
    ]


def _free_name(lifting: Lifting) -> str:
    """Return a name for the function's argument that nothing uses or binds in the let and below it."""
    free = next((name for name in NAMES if lift.use_of(lifting.let, name) is None), None)
    if free is None:
        raise RefusalError(f"{lifting.file.at(lifting.let)}: {', '.join(NAMES)} are all in use here")
    return free


def _references(lifting: Lifting, target: Destination, final: str) -> Iterator[Edit]:
    """Yield the edits that make each reference to a component one by the function's argument."""
    file = lifting.file
    done: set[Node] = set()
    for reference in references_to(lifting):
        node = reference.node
        statement = node.enclosing("inherit")
        if statement is None or statement.child("inherited_attrs") is not node.parent:
            yield Edit(node.start, node.end, f"{final}.{reference.name}")
        elif statement not in target.inherits and statement not in done:
            done.add(statement)
            yield _split(file, statement, lifting.components, final)


def _split(file: DockerFile, statement: Node, components: Sequence[str], final: str) -> Edit:
    """Make an `inherit` of components and others into two."""
    names = binding_names(statement)
    parts = [[name for name in names if name not in components], [name for name in names if name in components]]
    indent = indentation(file.tree.text, statement.start)
    lines = [
        file.style.inherit(part, indent, source=source) for part, source in zip(parts, ("", final), strict=True) if part
    ]
    return Edit(statement.start, statement.end, "\n".join(lines).lstrip())


def _argument(
    lifting: Lifting, target: Destination, moved: Sequence[LetDefinition], final: str, edits: Sequence[Edit]
) -> str:
    """Write the builder's argument: a function of what docker is in the end, with the components' set in front."""
    tree = lifting.file.tree
    changed = (*edits, *_definitions(lifting, target, moved, edits))
    order = list(target.operands)
    texts = {node: shifted(tree, node.start, node.end, 0, changed) for node in order}
    gaps = [tree.text[a.end : b.start] for a, b in pairwise(order)]
    if target.operand is order[-1] and _may_come_first(target):
        order = [order[-1], *order[:-1]]
        gaps = [*gaps[-1:], *gaps[:-1]]
    merged = "".join(text for node, gap in zip(order, [*gaps, ""], strict=True) for text in (texts[node], gap))
    first, last = target.operands[0], target.operands[-1]
    before, after = tree.text[target.argument.start : first.start], tree.text[last.end : target.argument.end]
    if target.final is not None:
        return f"{before}{merged}{after}"
    if "(" not in before:
        before, after = "(", ")"
    space = f"\n{' ' * column(tree.text, first.start)}" if is_first(tree.text, first.start) else " "
    return f"{before}{final}:{space}{merged}{after}"


def _may_come_first(target: Destination) -> bool:
    """Tell whether the components' set has no attribute that the others have, so that the order makes no difference."""
    *others, last = target.operands
    names = _static_names(target.attributes)
    return (
        climb(target.attributes, last).opaque is None
        and names is not None
        and all((theirs := _static_names(other)) is not None and names.isdisjoint(theirs) for other in others)
    )


def _static_names(node: Node) -> set[str] | None:
    """Return the names of a set's attributes, None for another expression, or where one is computed."""
    bound = statements(node, "binding", "inherit", "inherit_from") if node.kind in SETS else []
    names = [binding_names(each) for each in bound]
    return {name for each in names for name in each} if node.kind in SETS and all(names) else None


def _definitions(
    lifting: Lifting, target: Destination, moved: Sequence[LetDefinition], edits: Sequence[Edit]
) -> list[Edit]:
    """Return the edits that put the definitions in place of what inherits them."""
    file, tree = lifting.file, lifting.file.tree
    first = target.inherits[0]
    indent = indentation(tree.text, first.start) + (0 if is_first(tree.text, first.start) else 2)
    pieces = [
        shifted(tree, each.start, each.end, indent - indentation(tree.text, each.node.start), edits) for each in moved
    ]
    made: list[Edit] = []
    for node in target.inherits:
        names = [name for name in binding_names(node) if name not in lifting.components]
        text = file.style.inherit(names, indent).lstrip() if names else ""
        if node is first:
            below = lift.joined(pieces, tree.text[node.end :])
            text = f"{text}\n{below}" if names else below
        alone = not names and is_first(tree.text, node.start)
        made.append(Edit(tree.text.rfind("\n", 0, node.start) if alone else node.start, node.end, text))
    return made
