"""Lift packages that a file's lets define: return the file's new text, by replacing spans."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, pairwise

from toolkit.errors import RefusalError
from toolkit.lift import capture, hidden, inner, layer, notes, passthru, style
from toolkit.lift.bindings import PASSTHRU, ShownAttribute, state
from toolkit.lift.outcome import LetChange, Lifted, PartHashes, RecChange
from toolkit.lift.passthru import Additions, with_subpackages
from toolkit.lift.plan import OWN, Design, LiftPlan, LiftWay
from toolkit.lift.planning import is_plain, plan
from toolkit.lift.recursion import recursive, unfold, written_out
from toolkit.lift.shape import (
    BuilderCall,
    Shape,
    bound,
    joined,
    operands,
    path_of,
    read,
    result,
)
from toolkit.lift.statements import (
    MovedDefinition,
    StatementEdit,
    after,
    extent,
    removals,
)
from toolkit.nix.attributes import SETS, inside, statements, value
from toolkit.nix.edit import Edit, apply, column, indentation, is_first
from toolkit.nix.scope import static_name
from toolkit.nix.tree import Node, lost_comments, parsed

_STAY = LiftWay()
_LONG, _FAR = 24, 100
"""More lines than this that move; more lines between an attribute that uses them, and the passthru further down."""


def lift(text: str, way: LiftWay = _STAY, *, name: str) -> Lifted:
    """Lift bindings of a file's lets; `name` is the file's in messages.

    Raise NixSyntaxError for invalid Nix, LayoutError for a file of another shape,
    RefusalError for a wrong lift.
    """
    return rewrite(read(parsed(text, name=name)), way)


def rewrite(shape: Shape, way: LiftWay) -> Lifted:
    """Lift bindings of a shape's lets, as `lift` does."""
    if way.design is Design.HIDDEN:
        new = hidden.rewrite(shape, way.bindings)
        _require_comments(shape, new)
        return Lifted(text=new, methods={})
    return carry_out(plan(shape, way))


def carry_out(planned: LiftPlan) -> Lifted:
    """Apply a plan; raise RefusalError if its changes cannot be right."""
    shape, design = planned.shape, planned.design
    construction, references = planned.construction, shape.references
    capture.require_meanings(planned)
    layered = layer.attributes(planned) if design is Design.LAYER else ()
    sets = recursive(construction) if design is not Design.LAYER else frozenset[int]()
    # A lift leaves the file's arguments as they are; a recipe lets what is made with
    # them follow overrides.
    kept = (
        ("let_expression", "function_expression")
        if planned.names
        else ("let_expression",)
    )
    final, unfolded = unfold(
        construction,
        references,
        sets,
        {*planned.routes, *planned.taken, *planned.follows},
        kept,
    )
    targets: dict[int, tuple[tuple[str, ...], ...]] = {
        index: (path,) for index, path in final.items()
    }
    targets |= {
        use.node.index: ((use.name,),)
        for use in references
        if layer.leaves(construction, layered, use)
    }
    targets |= {
        index: tuple((name,) for name in names)
        for index, names in planned.followed.items()
    }
    targets |= {index: (path,) for index, path in planned.rerouted.items()}
    literal = [
        use
        for use in references
        if use.name in planned.own and use.node.index in planned.rerouted
    ]
    written = {
        use.node.index: edit
        for use in literal
        if (edit := written_out(use)) is not None
    }
    targets = {index: paths for index, paths in targets.items() if index not in written}
    nodes = planned.shape.tree.nodes
    sites = [nodes[index] for index in targets]
    parameter = capture.parameter(planned, sites)
    inherits: dict[int, StatementEdit] = defaultdict(StatementEdit)
    edits = [
        *_uses(planned, targets, parameter, inherits),
        *(
            with_parameter(construction, parameter)
            if design is not Design.LAYER
            else ()
        ),
        *unfolded,
        *written.values(),
        *(renamed := list(capture.renamed(planned, parameter, sites))),
    ]
    new = _moved(planned, edits, inherits, layered, parameter)
    new, updated = with_subpackages(new, notes.packed(planned), name=shape.tree.name)
    _require_comments(shape, new)
    return Lifted(
        text=new,
        methods={name: planned.routes[name].path for name in planned.names},
        states={name: state(shape, name) for name in planned.names},
        used=notes.used(planned),
        shown=tuple(notes.shown(planned)),
        follows=notes.follows(planned),
        apart=notes.apart(planned),
        hashes=PartHashes(
            parts=notes.hashed(planned),
            downloads=notes.downloads(planned) if design is not Design.INNER else (),
            fetched=notes.is_fetched(planned, new, parameter),
            updated=updated,
        ),
        let=_let_change(planned, parameter, renamed),
        rec=_rec_change(planned, final) if unfolded else None,
    )


def _let_change(
    planned: LiftPlan, parameter: str, renamed: Sequence[Edit]
) -> LetChange:
    others = [
        name
        for name in planned.attributes
        if name not in planned.names and name not in planned.own
    ]
    along = {name: planned.routes[name] for name in others}
    return LetChange(
        moved=planned.leaving,
        along={name: route.path for name, route in along.items()},
        through=tuple(
            name
            for name, route in along.items()
            if route.path[0] == PASSTHRU and route.shown is not None
        ),
        own=planned.own,
        left=notes.left(planned),
        inner=planned.design is Design.INNER,
        parameter=parameter,
        renamed=frozenset(edit.replacement for edit in renamed if edit.replacement),
    )


def _rec_change(planned: LiftPlan, final: Mapping[int, tuple[str, ...]]) -> RecChange:
    """Return the change of a `rec` set whose uses take these paths of the final attributes."""
    taken = {
        index: path[-1]
        for index, path in final.items()
        if path[-1] not in {*planned.routes, "pname"}
    }
    places = notes.places(planned, taken)
    return RecChange(
        dropped=not final,
        names=tuple(dict.fromkeys(taken.values())) if places else (),
        places=places,
    )


def _require_comments(shape: Shape, new: str) -> None:
    """Raise RefusalError for a comment that a new text lacks."""
    if lost := lost_comments(shape.tree, parsed(new, name=shape.tree.name)):
        raise RefusalError(
            f"{lost[0].location}: this comment would be lost: the code around it is "
            "rewritten, not moved"
        )


def _uses(
    planned: LiftPlan,
    targets: Mapping[int, tuple[tuple[str, ...], ...]],
    parameter: str,
    inherits: dict[int, StatementEdit],
) -> Iterator[Edit]:
    """Let uses of names go through the final attributes.

    Those in an `inherit` are left to `inherits`.
    """
    nodes = planned.shape.tree.nodes
    for index, paths in targets.items():
        node = nodes[index]
        around = node.parent
        if (
            around is not None
            and around.kind == "inherited_attrs"
            and around.parent is not None
        ):
            inherits[around.parent.index].sources[static_name(node) or node.text] = (
                parameter,
                *paths[0],
            )
            continue
        follows = index in planned.followed and index not in planned.rerouted
        if (
            follows
            and around is not None
            and node.kind == "variable_expression"
            and planned.follows[paths[0][0]][2]
        ):
            if around.kind == "inherit_from":
                inherits[around.index].sources.update(
                    {path[0]: (parameter, *path) for path in paths}
                )
                continue
            node = around
        yield Edit(node.start, node.end, ".".join([parameter, *paths[0]]))


def with_parameter(construction: BuilderCall, parameter: str) -> Iterator[Edit]:
    """Make the builder's argument a function of the final attributes."""
    text = construction.call.tree.text
    if construction.final is not None:
        return
    argument = construction.argument
    if argument.kind != "parenthesized_expression":
        gap = "" if is_first(text, argument.start) else " "
        start = argument.start if not gap else len(text[: argument.start].rstrip(" "))
        yield Edit(start, argument.start, f"{gap}({parameter}: ")
        yield Edit(argument.end, argument.end, ")")
        return
    expression = inside(argument)
    own_line = is_first(text, expression.start)
    apart = f"\n{' ' * column(text, expression.start)}" if own_line else " "
    yield Edit(expression.start, expression.start, f"{parameter}:{apart}")


def _moved(
    planned: LiftPlan,
    edits: list[Edit],
    inherits: dict[int, StatementEdit],
    layered: Sequence[Node],
    parameter: str,
) -> str:
    """Make all edits, take what moves out of its let or its builder's call, and put it where it goes."""
    text, nodes = planned.shape.tree.text, planned.shape.tree.nodes
    leaving = {
        name: planned.shape.bindings[name]
        for name in (*planned.leaving, *planned.taken)
    }
    leaving |= {node.place: node for node in layered}
    fresh = {
        name: route.path[1]
        for name, route in planned.routes.items()
        if route.shown is None
    }
    renames = {name: _rename(planned, name) for name in fresh if fresh[name] != name}
    edits += chain.from_iterable(renames.values())
    spans = {name: extent(node) for name, node in leaving.items()}

    def owner(offset: int) -> str | None:
        return next(
            (name for name, (start, end) in spans.items() if start <= offset < end),
            None,
        )

    for index in [index for index in inherits if owner(nodes[index].start) is not None]:
        edits += inherits.pop(index).edits(nodes[index])
    definitions = {
        name: MovedDefinition(
            name=name,
            text=apply(
                text[start:end],
                {edit.within(start) for edit in edits if owner(edit.start) == name},
            ),
            column=column(text, start),
            place=f"{planned.shape.tree.name}:{leaving[name].place}",
            offset=start,
        )
        for name, (start, end) in spans.items()
        if name not in planned.taken
    }
    outside = [edit for edit in edits if owner(edit.start) is None]
    bound = [
        name
        for name in fresh
        if name not in planned.attributes and renames.get(name) != []
    ]
    made = [
        definitions[name] if name in planned.attributes else _shown_as(planned, name)
        for name in fresh
        if name not in bound
    ]
    additions = Additions(names=[fresh[name] for name in bound], definitions=made)
    if layered:
        parts = [(node, definitions[node.place]) for node in layered]
        additions, above = layer.divided(planned.construction, additions)
        outside += layer.around(planned, parts, above, parameter)
    outside += passthru.add(planned.construction, additions, inherits)
    below: dict[int, list[MovedDefinition]] = defaultdict(list)
    for name in planned.attributes:
        if (shown := planned.routes[name].shown) is None:
            continue
        if name in planned.own and (pname := _pname_below(shown)) is not None:
            inherits[shown.node.index].dropped.add(name)
            below[pname.index].append(definitions[name])
        else:
            outside += _through(shown, definitions[name], inherits)
    gone = [
        index
        for index, change in inherits.items()
        if change.leaves_nothing(nodes[index])
    ]
    for index, change in inherits.items():
        outside += change.edits(nodes[index]) if index not in gone else ()
    outside += [_behind(nodes[index], moved) for index, moved in below.items()]
    going = [*spans.values(), *(extent(nodes[index]) for index in gone)]
    if (far := _far_below(planned)) is not None and not any(
        far[0] <= start < far[1] for start, _ in going
    ):
        start, end, place = far
        within = {edit for edit in outside if start <= edit.start and edit.end <= end}
        nearer = apply(text[start:end], {edit.within(start) for edit in within})
        outside = [
            *({*outside} - within),
            Edit(place, place, f"{nearer}\n\n{' ' * column(text, place)}"),
        ]
        going.append((start, end))
    new = apply(
        text, _in_order(planned, {*outside, *removals(planned.shape.lets, going)})
    )
    to_bind = [
        definitions[name] for name in planned.leaving if name not in planned.attributes
    ]
    return inner.bind(style.filled(text, new), to_bind, name=planned.shape.tree.name)


def _far_below(planned: LiftPlan) -> tuple[int, int, int] | None:
    """Return the extent of a passthru that long definitions move into, and the start of the first attribute with a use.

    Return nothing if it is near that, or has more lines than they have.
    """
    tree = planned.shape.tree
    shown = next(
        (node for path, node in planned.construction.attributes if path == (PASSTHRU,)),
        None,
    )
    literal = shown.enclosing(*SETS) if shown is not None else None
    if (
        literal is None
        or shown is None
        or passthru.written_out(shown) is None
        or planned.design is Design.LAYER
    ):
        return None
    uses = [tree.nodes[index] for index in planned.rerouted]
    first = next(
        (
            node
            for node in statements(literal)
            if any(node.contains(use) for use in uses)
        ),
        shown,
    )
    (start, end), (place, _) = extent(shown), extent(first)
    lines = sum(
        planned.shape.bindings[name].text.count("\n") for name in planned.attributes
    )
    are_lines = all(is_first(tree.text, node.start) for node in (shown, first))
    is_far = (
        are_lines
        and lines > max(_LONG, shown.text.count("\n"))
        and tree.text[place:start].count("\n") > _FAR
    )
    return (start, end, place) if is_far else None


def _rename(planned: LiftPlan, name: str) -> list[Edit]:
    """Return the edits that call a binding as its attribute.

    None if it stays, and the name is known in the file.
    """
    shape, new = planned.shape, planned.routes[name].path[-1]
    kept = [
        use.node
        for use in shape.uses
        if use.name == name and use.node.index not in planned.rerouted
    ]
    inherits = any(
        use.parent is not None and use.parent.kind == "inherited_attrs" for use in kept
    )
    path = shape.bindings[name].children[0]
    if name in planned.attributes:
        return [Edit(path.start, path.end, new)]
    if (
        inherits
        or not is_plain(shape.bindings[name])
        or capture.mention(shape.tree.root, new) is not None
    ):
        return []
    return [Edit(node.start, node.end, new) for node in (path, *kept)]


def _pname_below(shown: ShownAttribute) -> Node | None:
    """Return the name that a package binds further down than what it inherits, or the version right behind the name.

    Both are on lines of their own.
    """
    literal = shown.node.enclosing(*SETS)
    if shown.node.kind != "inherit" or literal is None:
        return None
    lines = (
        node
        for node in statements(literal, "binding", "inherit", "inherit_from")
        if node.start > shown.node.end
    )
    below = [node for node in lines if is_first(node.tree.text, node.start)]
    named = (
        following if path_of(following) == ("version",) else node
        for node, following in pairwise([*below, literal])
        if path_of(node) == ("pname",)
    )
    return next(named, None)


def _behind(node: Node, moved: Sequence[MovedDefinition]) -> Edit:
    """Put definitions behind a binding: those of one line without a blank line before them."""
    margin = column(node.tree.text, node.start)
    written = [
        definition.written(margin)
        for definition in sorted(moved, key=lambda each: OWN.index(each.name))
    ]
    lines = "".join(
        f"{chr(10) * (1 + (chr(10) in each))}{' ' * margin}{each}" for each in written
    )
    end = after(node)
    blank = "\n" in written[-1] and re.match(r"\n[ \t]*[^\s}]", node.tree.text[end:])
    return Edit(end, end, f"{lines}{chr(10) if blank else ''}")


def _shown_as(planned: LiftPlan, name: str) -> MovedDefinition:
    """Return the definition that shows a binding under another name."""
    (_, attribute), node = planned.routes[name].path, planned.shape.bindings[name]
    return MovedDefinition(
        name=name,
        text=f"{attribute} = {name};",
        column=0,
        place=node.location,
        offset=node.start,
    )


def _in_order(planned: LiftPlan, edits: Collection[Edit]) -> Collection[Edit]:
    """Put the last operand of `//` first if definitions move into it, and the order makes no difference.

    So they stay near their let, and the attributes between are no part of the change.
    """
    tree = planned.shape.tree
    *others, last = operands(result(planned.construction.merged))
    kept = [
        shown
        for name in planned.attributes
        if (shown := planned.routes[name].shown) is not None
    ]
    if (
        not others
        or not any(last.contains(shown.node) for shown in kept)
        or not _are_apart(others, last)
    ):
        return edits
    start, end = others[0].start, last.end
    within = {edit for edit in edits if start < edit.end <= end}
    spans = ((last.start, end), (others[-1].end, last.start), (start, others[-1].end))
    texts = (
        apply(
            tree.text[left:right],
            [
                edit.within(left)
                for edit in within
                if left <= edit.start and edit.end <= right
            ],
        )
        for left, right in spans
    )
    return {*edits} - within | {Edit(start, end, "".join(texts))}


def _are_apart(others: Sequence[Node], last: Node) -> bool:
    """Return whether literal sets, the last one perhaps under conditions, have no attribute in common."""
    literals = [*others, *joined(last, optional=True)]
    names = [
        {path[0] for path, _ in bound(literal)}
        for literal in literals
        if literal.kind in SETS
    ]
    every = {name for each in names for name in each}
    return (
        len(literals) == len(names) == len(others) + 1
        and "" not in every
        and len(every) == sum(map(len, names))
    )


def _through(
    shown: ShownAttribute,
    definition: MovedDefinition,
    inherits: dict[int, StatementEdit],
) -> Iterator[Edit]:
    """Put a definition where an attribute has its name."""
    if shown.node.kind == "inherit":
        change = inherits[shown.node.index]
        change.dropped.add(definition.name)
        change.behind.append(definition)
        return
    equals = next(child for child in shown.node.children if child.kind == "=")
    above, moved = definition.parts(indentation(shown.node.tree.text, shown.node.start))
    if is_first(shown.node.tree.text, shown.node.start):
        yield Edit(shown.node.start, shown.node.start, above)
    yield Edit(equals.end, value(shown.node).end, moved)
