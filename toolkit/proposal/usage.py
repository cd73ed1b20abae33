"""Overrides of a package that people write, in a table: each gives the same after a change, or gains its effect."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from toolkit import files
from toolkit.nix.attributes import spine
from toolkit.nix.scope import bound_names
from toolkit.nix.tree import Tree
from toolkit.proposal.lifted import Derivations, Effect, LiftQuestion, ask, command
from toolkit.proposal.prove import Finding

_HEAD = "table"


def rows(table: Path) -> tuple[str, ...]:
    """Return the rows of a table, which are written as people write the overrides."""
    return tuple(bound_names(spine(Tree(files.read(table).decode(), name=table.name, known=True).root)[-1]))


def questions(table: Path, packages: Sequence[str]) -> list[LiftQuestion]:
    """Return a question for each row and package, since a row may end the evaluation."""
    return [
        LiftQuestion(package=package, methods={row: (_HEAD, row)}, table=table)
        for row in rows(table)
        for package in packages
    ]


def compatible(trees: tuple[Path, Path], table: Path, packages: Sequence[str], systems: Sequence[str]) -> Finding:
    """Compare what each row gives in two trees.

    A row that replaces a part may give something else if the part arrives in the build only afterwards.
    """
    asked = questions(table, packages)
    equal: Counter[str] = Counter()
    gained: Counter[str] = Counter()
    failures: list[str] = []
    gaps: list[str] = []
    for system in systems:
        for question, answer in zip(asked, ask(*trees, system, asked), strict=True):
            (row,) = question.methods
            if answer.limited:
                gaps.append(f"{row}: {question.package} on {system}: {answer.error}")
            elif (fact := _difference(row, answer, equal, gained)) is not None:
                failures.append(f"{question.package} on {system}: {row}: {fact}")
    found = equal.total() + gained.total()
    return Finding(
        covers=f"{found} overrides, {len(equal.keys() | gained.keys())} kinds; "
        f"{', '.join(packages)} on {', '.join(systems)}",
        failures=tuple(failures),
        evidence=tuple(_lines(table, equal, gained)),
        gaps=tuple(gaps),
        not_run=None if found else f"because {gaps[0] if gaps else 'the unchanged package has none of them'}",
        commands=tuple(command(*trees, system, asked).line for system in systems),
    )


def _difference(row: str, answer: Derivations, equal: Counter[str], gained: Counter[str]) -> str | None:
    """Return how a row differs; count it if it does not, or has gained its effect."""
    if answer.error is not None:
        return f"does not evaluate any more: {answer.error}"
    if answer.before is not None and answer.after is None:
        return "does not evaluate any more"
    if (method := answer.methods.get(row)) is None or not method.before.there:
        return None
    before, after = method.before, method.after
    if before.gives == after.gives:
        equal[row] += 1
    elif before.gives is None or (
        before.new is not None and before.effect is not Effect.WORKS and after.effect is Effect.WORKS
    ):
        gained[row] += 1
    else:
        return f"{before.gives} → {after.gives}"
    return None


def _lines(table: Path, equal: Counter[str], gained: Counter[str]) -> Iterator[str]:
    for row in rows(table):
        more = f", {gained[row]} had no effect before and have it now" if gained[row] else ""
        counted = (
            f"{equal[row]} equal{more}" if equal[row] or more else "not applicable: no package has these arguments"
        )
        yield f"{row}: {counted}"
