"""Say of each hunk of a commit of ours why it is there and which proofs cover it.

A hunk of the docker file has the reasons of the lines that it changes: what the step does there, by the places that it
finds in the file before and has made in the file after. The hunks of an extra have one reason.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from enum import StrEnum, auto
from functools import cache
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import documents
from toolkit.contribution import ExplainedHunk, Reason
from toolkit.docker import COMPONENTS, PREFIX_ENTRY
from toolkit.docker.rewrite import demote
from toolkit.docker.rewrite.layout import DockerFile, file_of
from toolkit.docker.steps import Demotion, Extra, demotion_of, design_of
from toolkit.errors import ToolkitError
from toolkit.git import diffs
from toolkit.lift.hidden import called
from toolkit.lift.plan import Design
from toolkit.lift.planning import plan
from toolkit.lift.shape import operands, result, selection
from toolkit.model import Step
from toolkit.nix.attributes import SETS, statements
from toolkit.nix.scope import binding_names, bound_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from unidiff.patch import Hunk, Line

    from toolkit.lift.plan import LiftPlan
    from toolkit.lift.shape import BuilderCall
    from toolkit.model import FileChange
    from toolkit.nix.tree import Node

FILE = Path(__file__).with_name("reasons.toml")


class Cause(StrEnum):
    """What a step does at one place; the first of each design below is what it does with the definitions."""

    MOVED = auto()
    STAYS = auto()
    FINAL = auto()
    FRONT = auto()
    REFERRED = auto()

    HIDDEN = auto()
    CALLER = auto()
    CALL = auto()

    DONE = auto()

    DEMOTED = auto()
    SUFFIX = auto()
    DROPPED = auto()
    UNUSED = auto()

    DISPLACED = auto()
    """Code that has not changed, and that a diff shows since other code moved past it."""


_MOVES = frozenset([Cause.MOVED, Cause.STAYS, Cause.HIDDEN])


class _Reasons(Struct, frozen=True, kw_only=True):
    cause: dict[Cause, Reason]
    extra: dict[Extra, Reason]


_Extent = tuple[int, int]
_Why = tuple[Cause, str]
"""A cause and the name that it is about, empty where it is about nothing of a name."""


class _Act(Struct, frozen=True):
    """What a step does, and the characters of the file before and of the file after with which it does that."""

    why: _Why
    before: Sequence[_Extent]
    after: Sequence[_Extent]


@cache
def catalogue() -> _Reasons:
    """Return what reasons.toml has."""
    return documents.read_toml(FILE.read_bytes(), _Reasons, document=FILE.name)


def explain(diff: bytes, files: Sequence[FileChange], *, maker: Step | Extra | None) -> tuple[ExplainedHunk, ...]:
    """Say why each hunk of a commit is there by what made it: a step, an extra, or, for None, somebody else.

    `diff` is what git prints for the commit, which may be a mail of git-format-patch(1). A hunk of which nothing is
    known has no reason; one of which a part is not known has, as its last, a reason without proofs which names the
    lines.
    """
    hunks = [(PurePosixPath(patched.path), hunk) for patched in diffs.read_diff(diff) for hunk in patched]
    if isinstance(maker, Step):
        (target,) = files
        found = _by_step([hunk for _, hunk in hunks], target, maker)
    else:
        found = [(catalogue().extra[maker],) if maker is not None else ()] * len(hunks)
    return tuple(
        ExplainedHunk(
            path=path,
            header=str(hunk).partition("\n")[0],
            lines=tuple(f"{line.line_type}{line.value}".rstrip("\n") for line in hunk),
            reasons=reasons,
        )
        for (path, hunk), reasons in zip(hunks, found, strict=True)
    )


def _by_step(hunks: Sequence[Hunk], file: FileChange, step: Step) -> list[tuple[Reason, ...]]:
    old, new = (file.before or b"").decode(errors="replace"), file.after.decode(errors="replace")
    acts: list[_Act] = []
    # Another version of unlet may have made what this one does not understand.
    with suppress(ToolkitError):
        before, after = (file_of(text, name=str(file.path)) for text in (old, new))
        acts += list(_acts(before, after, step))
    known: defaultdict[tuple[bool, int], list[_Why]] = defaultdict(list)
    for act in acts:
        for removed, text, extents in ((True, old, act.before), (False, new, act.after)):
            for start, end in extents:
                first, last = (text.count("\n", 0, offset) + 1 for offset in (start, max(start, end - 1)))
                for number in range(first, last + 1):
                    known[removed, number].append(act.why)
    moved = dict.fromkeys(name for cause, name in (act.why for act in acts) if cause in _MOVES)
    changed = [[line for line in hunk if line.is_removed or line.is_added] for hunk in hunks]
    gone, come = ({each.value for each in chain(*changed) if each.is_added is side} for side in (False, True))
    displaced = dict.fromkeys(gone & come, tuple((Cause.DISPLACED, name) for name in moved))
    return [_reasons(lines, known, displaced) for lines in changed]


def _reasons(
    changed: Sequence[Line],
    known: Mapping[tuple[bool, int], Sequence[_Why]],
    displaced: Mapping[str, Sequence[_Why]],
) -> tuple[Reason, ...]:
    names: defaultdict[Cause, list[str]] = defaultdict(list)
    foreign: defaultdict[str, list[int]] = defaultdict(list)
    for line in changed:
        number = (line.source_line_no if line.is_removed else line.target_line_no) or 0
        causes = known.get((line.is_removed, number))
        if causes is None and line.value.strip():
            causes = displaced.get(line.value)
            if causes is None:
                foreign["old" if line.is_removed else "new"].append(number)
        for cause, name in causes or ():
            names[cause].append(name)
    reasons = catalogue().cause
    found = [
        Reason(
            text=reasons[cause].text.format(names=", ".join(dict.fromkeys(names[cause]))), proofs=reasons[cause].proofs
        )
        for cause in Cause
        if cause in names
    ]
    if found and foreign:
        places = " and ".join(f"{side} {_ranges(numbers)}" for side, numbers in sorted(foreign.items()))
        found.append(Reason(text=f"lines {places}: no reason known, unlet did not make this change", proofs=()))
    return tuple(found)


def _ranges(numbers: Sequence[int]) -> str:
    """Write line numbers, as `3, 5-9`."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and groups[-1][-1] == number - 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return ", ".join(str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}" for group in groups)


def _acts(before: DockerFile, after: DockerFile, step: Step) -> Iterator[_Act]:
    if (demotion := demotion_of([step])) is not None:
        yield from _demotion(before, demotion)
    elif (design := design_of([step])) is not None:
        acts = list((_to_attributes if design is Design.MOVE else _to_parameters)(before, after))
        yield from acts
        if acts:
            yield _Act((Cause.DONE, ""), _extents(before.todos()), ())


def _demotion(before: DockerFile, demotion: Demotion) -> Iterator[_Act]:
    element, *others = demote.edits(before, demotion)
    causes = (Cause.DEMOTED, Cause.SUFFIX) if demotion is Demotion.SUFFIX else (Cause.DROPPED, Cause.UNUSED)
    longer = 0
    for edit in sorted([element, *others]):
        start = edit.start + longer
        end = start + len(edit.replacement)
        yield _Act((causes[edit is not element], PREFIX_ENTRY), [(edit.start, edit.end)], [(start, end)])
        longer = end - edit.end


def _to_attributes(before: DockerFile, after: DockerFile) -> Iterator[_Act]:
    planned = plan(before.shape, COMPONENTS, Design.MOVE, (), {})
    old, new = planned.construction, after.shape.construction
    if new is None or new.final is None or not after.attributes.keys() >= {*planned.moved}:
        return
    first = before.bindings[planned.moved[0]]
    for name, node in before.bindings.items():
        if name in planned.moved:
            yield _definition(Cause.MOVED, name, node, after.attributes[name])
        elif node.start > first.start and name in after.bindings:
            yield _definition(Cause.STAYS, name, node, after.bindings[name])
    is_new = old.argument.kind != "parenthesized_expression"
    recursive = [literal for literal in old.sets if literal.kind == "rec_attrset_expression"]
    opened = [(literal.start, literal.start + 1) for literal in (new.sets if recursive else ())]
    yield _Act(
        (Cause.FINAL, ""),
        [*_ends(old, closing=is_new), *((literal.start, literal.start + 1) for literal in recursive)],
        [*_ends(new, closing=is_new), *opened],
    )
    doors = [route.door.node for route in planned.routes.values() if route.door is not None]
    for side, places in ((old, doors), (new, [after.attributes[name] for name in planned.moved])):
        holder = next(literal for literal in side.sets if literal.contains(places[0]))
        fronts = _extents(doors if side is old else statements(holder, "inherit"))
        fronts += _around(holder, operands(result(side.merged))) if len(side.sets) > 1 else []
        yield _Act((Cause.FRONT, ""), *((fronts, ()) if side is old else ((), fronts)))
    yield from _references(planned, doors, after)


def _references(planned: LiftPlan, doors: Sequence[Node], after: DockerFile) -> Iterator[_Act]:
    recursive = {literal for literal in planned.construction.sets if literal.kind == "rec_attrset_expression"}
    own = {name for literal in recursive for name in bound_names(literal)}
    for use in planned.shape.references:
        statement = use.node.enclosing("inherit")
        within = use.scope is not None and use.scope.node in {*recursive, *planned.shape.lets}
        if within and use.name in {*planned.moved, *own} and statement not in doors:
            yield _Act((Cause.REFERRED, use.name), _extents([statement or use.node]), ())
    function = after.shape.construction.final if after.shape.construction is not None else None
    for use in after.references:
        owner = use.node.parent
        if owner is not None and use.scope is not None and use.scope.node is function:
            for name in selection(use.node):
                if name in {*planned.moved, *own}:
                    yield _Act((Cause.REFERRED, name), (), [*_extents([*_beside(owner), owner]), *_braces(owner)])


def _definition(cause: Cause, name: str, before: Node, after: Node) -> _Act:
    return _Act((cause, name), [_with_comments(before)], [_with_comments(after)])


def _with_comments(node: Node) -> _Extent:
    """Return where a binding or a parameter is, with the comments between it and the code above it."""
    text, siblings = node.tree.text, node.parent.children if node.parent is not None else []
    above = [each for each in siblings if each.end <= node.start and each.kind not in {"comment", ","}]
    opening = node.enclosing("let_expression", *SETS)
    end = above[-1].end if above or opening is None else opening.children[0].end
    line = text.find("\n", end) + 1
    start = line + len(text[line:]) - len(text[line:].lstrip())
    return min(start, node.start), node.end


def _ends(built: BuilderCall, *, closing: bool) -> list[_Extent]:
    """Return what the builder's argument has before its sets, and its last character if that is `closing` it anew."""
    argument, first = built.argument, operands(result(built.merged))[0]
    return [(argument.start, first.start), *([(argument.end - 1, argument.end)] if closing else [])]


def _around(literal: Node, joined: Sequence[Node]) -> list[_Extent]:
    """Return what is around the bindings of a set, up to the operands of `//` beside the one that has it."""
    index = next(number for number, operand in enumerate(joined) if operand.contains(literal))
    bound = literal.child("binding_set") or literal
    start = joined[index - 1].end if index else joined[0].start
    end = joined[index + 1].start if index + 1 < len(joined) else joined[index].end
    return [(start, bound.start), (bound.end, end)]


def _beside(statement: Node) -> list[Node]:
    """Return the `inherit` before a statement, which has the names that this one has not taken out of it."""
    siblings = statement.parent.children if statement.parent is not None else []
    return [each for each in siblings if each.kind == "inherit" and each.end < statement.start][-1:]


def _braces(statement: Node) -> list[_Extent]:
    """Return the braces around an `inherit`, which one on several lines has on lines of their own."""
    around = statement.enclosing(*SETS) if statement.kind.startswith("inherit") else None
    return [(around.start, around.start + 1), (around.end - 1, around.end)] if around is not None else []


def _to_parameters(before: DockerFile, after: DockerFile) -> Iterator[_Act]:
    of = called(before.shape)
    caller = bound_names(after.container).get(of.caller)
    new = [name for name in after.formals if name in before.bindings and name not in before.formals]
    if not new or caller is None:
        return
    # A comma may have come to the last of the others.
    old, kept = ([node for name, node in file.formals.items() if name not in new] for file in (before, after))
    yield _Act((Cause.HIDDEN, new[0]), _extents(old[-1:]), _extents(kept[-1:]))
    for name in new:
        yield _definition(Cause.HIDDEN, name, before.bindings[name], after.formals[name])
    yield _Act((Cause.CALLER, ""), (), [_with_comments(caller)])
    for call in of.calls:
        yield _Act((Cause.CALL, _release(call)), _extents([call]), ())
    for use in after.references:
        if use.name == of.caller:
            yield _Act((Cause.CALL, _release(use.node)), (), _extents([use.node]))


def _release(call: Node) -> str:
    """Return the name of the outermost binding that a call stands in."""
    return [name for node in call.ancestors() if node.kind == "binding" for name in binding_names(node)][-1]


def _extents(nodes: Iterable[Node]) -> list[_Extent]:
    return [(node.start, node.end) for node in nodes]
