"""Lift packages that a file's lets define: return the file's new text."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from toolkit.errors import RefusalError
from toolkit.lift import capture, hidden, layer, notes
from toolkit.lift.bindings import PASSTHRU, state
from toolkit.lift.outcome import LetChange, Lifted, PartHashes, RecChange
from toolkit.lift.passthru import with_subpackages
from toolkit.lift.plan import Design, LiftPlan, LiftWay
from toolkit.lift.planning import plan
from toolkit.lift.recursion import recursive, unfold, written_out
from toolkit.lift.relocation import moved
from toolkit.lift.shape import (
    BuilderCall,
    Shape,
    read,
)
from toolkit.lift.statements import (
    StatementEdit,
)
from toolkit.nix.attributes import inside
from toolkit.nix.edit import Edit, inserted, replaced
from toolkit.nix.scope import static_name
from toolkit.nix.tree import Node, lost_comments, parsed

_STAY = LiftWay()


def lift(text: str, way: LiftWay = _STAY, *, name: str) -> Lifted:
    """Lift bindings of a file's lets; `name` is the file's name in messages.

    Raise NixSyntaxError for invalid Nix, LayoutError for a file of another shape, and
    RefusalError if the lift would be wrong.
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
    capture.require_meanings(planned)
    layered = layer.attributes(planned) if design is Design.LAYER else ()
    final, unfolded = _unfolded(planned)
    written = _written_out(planned)
    targets = {
        index: paths
        for index, paths in _targets(planned, layered, final).items()
        if index not in written
    }
    sites = [shape.tree.nodes[index] for index in targets]
    parameter = capture.parameter(planned, sites)
    renamed = list(capture.renamed(planned, parameter, sites))
    inherits: dict[int, StatementEdit] = defaultdict(StatementEdit)
    edits = [
        *_uses(planned, targets, parameter, inherits),
        *unfolded,
        *written.values(),
        *renamed,
    ]
    if design is not Design.LAYER:
        edits += with_parameter(planned.construction, parameter)
    new = moved(planned, edits, inherits, layered, parameter)
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


def _unfolded(
    planned: LiftPlan,
) -> tuple[Mapping[int, tuple[str, ...]], Sequence[Edit]]:
    """Make the package's `rec` sets plain, as `unfold` does."""
    if planned.design is Design.LAYER:
        return {}, []
    # A lift leaves the file's arguments as they are; a recipe lets what is made with
    # them follow overrides.
    kept = ["let_expression"]
    if planned.names:
        kept.append("function_expression")
    return unfold(
        planned.construction,
        planned.shape.references,
        recursive(planned.construction),
        {*planned.routes, *planned.taken, *planned.follows},
        kept,
    )


def _written_out(planned: LiftPlan) -> dict[int, Edit]:
    """Return the edits that write out attributes of the package, by node."""
    uses = [use for use in planned.shape.references if use.name in planned.own]
    edits = {
        use.node.index: written_out(use)
        for use in uses
        if use.node.index in planned.rerouted
    }
    return {index: edit for index, edit in edits.items() if edit is not None}


def _targets(
    planned: LiftPlan, layered: Sequence[Node], final: Mapping[int, tuple[str, ...]]
) -> dict[int, tuple[tuple[str, ...], ...]]:
    """Return the paths of final attributes that replace uses, by node."""
    targets = {index: (path,) for index, path in final.items()}
    for use in planned.shape.references:
        if layer.leaves(planned.construction, layered, use):
            targets[use.node.index] = ((use.name,),)
    followed: dict[int, tuple[tuple[str, ...], ...]] = {
        index: tuple((name,) for name in names)
        for index, names in planned.followed.items()
    }
    rerouted = {index: (path,) for index, path in planned.rerouted.items()}
    return {**targets, **followed, **rerouted}


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
    """Return the change of a `rec` set whose uses now have these final paths."""
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
    """Raise RefusalError if the new text lacks a comment."""
    if lost := lost_comments(shape.tree, parsed(new, name=shape.tree.name)):
        raise RefusalError(
            f"{lost[0].location}: this comment would be lost, because unlet rewrites "
            "the code around it"
        )


def _uses(
    planned: LiftPlan,
    targets: Mapping[int, tuple[tuple[str, ...], ...]],
    parameter: str,
    inherits: dict[int, StatementEdit],
) -> Iterator[Edit]:
    """Make uses of names go through the final attributes.

    `inherits` collects those in an `inherit`.
    """
    for index, paths in targets.items():
        node = planned.shape.tree.nodes[index]
        around = node.parent
        statement = around.parent if around is not None else None
        if (
            around is not None
            and around.kind == "inherited_attrs"
            and statement is not None
        ):
            name = static_name(node) or node.text
            inherits[statement.index].sources[name] = (parameter, *paths[0])
            continue
        is_followed = index in planned.followed and index not in planned.rerouted
        if (
            is_followed
            and around is not None
            and node.kind == "variable_expression"
            and planned.follows[paths[0][0]][2]
        ):
            if around.kind == "inherit_from":
                sources = {path[0]: (parameter, *path) for path in paths}
                inherits[around.index].sources.update(sources)
                continue
            node = around
        yield replaced(node, ".".join([parameter, *paths[0]]))


def with_parameter(construction: BuilderCall, parameter: str) -> Iterator[Edit]:
    """Make the builder's argument a function of the final attributes."""
    text = construction.call.tree.text
    if construction.final is not None:
        return
    argument = construction.argument
    if argument.kind != "parenthesized_expression":
        gap = "" if argument.is_first else " "
        start = argument.start if not gap else len(text[: argument.start].rstrip(" "))
        yield Edit(start, argument.start, f"{gap}({parameter}: ")
        yield inserted(argument.end, ")")
        return
    expression = inside(argument)
    own_line = expression.is_first
    apart = f"\n{' ' * expression.column}" if own_line else " "
    yield inserted(expression.start, f"{parameter}:{apart}")
