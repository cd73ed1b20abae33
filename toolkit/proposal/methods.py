"""Find out with Nix which overrides reach parts of packages.

It tries them in a file, after a change of the file, and in the forms that people write.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from toolkit import files
from toolkit.asking.trials import (
    ChangedMethod,
    Derivations,
    Effect,
    LiftQuestion,
    command,
    recall,
)
from toolkit.lift.candidates import OVERRIDE, candidates, question_name
from toolkit.nix.attributes import spine
from toolkit.nix.scope import bound_names
from toolkit.nix.tree import parsed
from toolkit.parallel import side_by_side
from toolkit.proposal.lifted import TOGETHER, Asking
from toolkit.proposal.prove import Finding

FORMS = (
    "{ … }",
    "{ NAME = …; }",
    "…",
    "old: { … }",
    "old: …",
    "{ NAME = { … }; }",
    "{ NAME = old: { … }; }",
    "{ NAME = old: …; }",
    "old: { NAME = …; }",
    "final: prev: { NAME = …; }",
)
"""The forms in which an argument may take a part, in the order of the trials."""


class MethodTrial(Struct, frozen=True, kw_only=True, eq=False):
    """All override methods that were tried for some parts, in packages of one file.

    `works` maps each part in the changed packages to the methods that reach it in all
    of them; `worked` are those that did so before the change. `hidden` is true if one
    of them is an argument that `override` does not show.
    """

    askings: tuple[Asking, ...]
    works: Mapping[str, tuple[tuple[str, ...], ...]]
    worked: frozenset[tuple[str, ...]] = frozenset()
    hidden: bool = False

    def failed(self) -> dict[str, str]:
        """Return the packages that do not evaluate, and why."""
        answers = {
            each.own.package: [*each.answers().values()] for each in self.askings
        }
        failed = {
            name: found
            for name, found in answers.items()
            if all(answer.after is None for answer in found)
        }
        return {
            name: next((each.error for each in found if each.error), "it throws")
            for name, found in failed.items()
        }

    def methods(self, name: str) -> Iterable[ChangedMethod]:
        """Return the answers about a part as an attribute of each package."""
        return (method for *_, method in _answers(self.askings, name, (name,)))


def tried(
    trees: tuple[Path, Path],
    packages: Sequence[str],
    parts: Mapping[str, Sequence[str]],
    systems: tuple[str, ...],
    *,
    taken_before: Mapping[str, Sequence[str]],
) -> MethodTrial:
    """Try the usual override methods of parts.

    If none works, try arguments. `taken_before` are the arguments that the unchanged
    file takes for each part.
    """
    usual = [(name, path) for name in parts for path in candidates(name, ())]
    methods = {question_name(name, path): path for name, path in usual}
    askings = _asked(trees, packages, methods, systems)
    named = {name: _places(askings, name) for name in parts}
    works: dict[str, tuple[tuple[str, ...], ...]] = {
        name: () for name, places in named.items() if places
    }
    for name, path in usual:
        if name in works and _works(askings, name, path).issuperset(named[name]):
            works[name] += (path,)
    left = {
        name: _hidden_paths(name, parts[name])
        for name, paths in works.items()
        if not paths
    }
    arrived = _hidden(trees, named, left)
    works |= {name: (path,) for name, path in arrived.items()}
    worked = {path for name, path in usual if _worked(askings, name, path)}
    if trees[0] == trees[1]:
        worked |= {*arrived.values()}
    else:
        # What the unchanged file does not take needs no trial.
        known = {
            name: path
            for name, path in arrived.items()
            if path[1] in taken_before.get(name, ())
        }
        before = _arriving((trees[0], trees[0]), named, known)
        worked |= {known[name] for name in before}
    return MethodTrial(
        askings=tuple(askings),
        works=works,
        worked=frozenset(worked),
        hidden=bool(arrived),
    )


def _places(askings: Iterable[Asking], name: str) -> list[tuple[Asking, str]]:
    """Return the packages that have a part after the change, each with a system."""
    return [
        (each, system)
        for each, system, method in _answers(askings, name, (name,))
        if method.after.there
    ]


def _worked(askings: Iterable[Asking], name: str, path: tuple[str, ...]) -> bool:
    """Return whether a method reached a part before the change."""
    return any(
        method.before.effect is Effect.WORKS
        for *_, method in _answers(askings, name, path)
    )


def _hidden(
    trees: tuple[Path, Path],
    named: Mapping[str, Sequence[tuple[Asking, str]]],
    tries: Mapping[str, Sequence[tuple[str, ...]]],
) -> Mapping[str, tuple[str, ...]]:
    """Return for each part the first argument that reaches it, if any."""
    arrived: dict[str, tuple[str, ...]] = {}
    for number in range(max(map(len, tries.values()), default=0)):
        paths = {
            name: arguments[number]
            for name, arguments in tries.items()
            if name not in arrived and number < len(arguments)
        }
        arrived |= {name: paths[name] for name in _arriving(trees, named, paths)}
    return arrived


def _hidden_paths(name: str, arguments: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the arguments to try for a part.

    The first has the part's name; the others follow in each form.
    """
    own = [(OVERRIDE, name)] if name in arguments else []
    others = [argument for argument in arguments if argument != name]
    forms = ((form, argument) for form in FORMS for argument in others)
    return [*own, *((OVERRIDE, argument, form, name) for form, argument in forms)]


def _arriving(
    trees: tuple[Path, Path],
    named: Mapping[str, Sequence[tuple[Asking, str]]],
    paths: Mapping[str, tuple[str, ...]],
) -> list[str]:
    """Return the parts that an argument reaches in the first package that has them.

    All parts are tried in one evaluation for each system.
    """
    questions: dict[str, dict[str, LiftQuestion]] = {}
    for name, path in paths.items():
        package, system = named[name][0]
        questions.setdefault(system, {})[name] = LiftQuestion(
            package=package.own.package, methods={name: path}, hidden=True
        )
    arriving: list[str] = []
    for system, asked in questions.items():
        answers = recall(*trees, system, [*asked.values()])
        arriving += [
            name
            for name, answer in zip(asked, answers, strict=True)
            if name in answer.methods
            and answer.methods[name].after.effect is Effect.WORKS
        ]
    return arriving


def chosen(trial: MethodTrial, parts: Iterable[str]) -> tuple[Asking, ...]:
    """Return the questions about the first method that works for each part.

    A new method has precedence. If none works, the question is about a method that the
    change adds, or else about the part as an attribute.
    """
    methods = {name: _first(trial, name) for name in parts}
    first = trial.askings[0]
    if trial.hidden:
        packages = [each.own.package for each in trial.askings]
        return tuple(_asked(first.trees, packages, methods, first.systems, hidden=True))
    found: list[Asking] = []
    for each in trial.askings:
        own = LiftQuestion(package=each.own.package, methods=methods)
        found.append(Asking(trees=each.trees, own=own, systems=each.systems))
        for system, answer in each.answers().items():
            known = {
                name: answer.methods.get(question_name(name, path))
                for name, path in methods.items()
            }
            answers = {
                name: method for name, method in known.items() if method is not None
            }
            found[-1].known[system] = replace(answer, methods=answers)
    return tuple(found)


def _first(trial: MethodTrial, name: str) -> tuple[str, ...]:
    works = trial.works.get(name, ())
    new = (path for path in candidates(name, ()) if _is_new(trial.askings, name, path))
    rather = [path for path in works if path not in trial.worked]
    return next(chain(rather, works, new), (name,))


def _is_new(askings: Iterable[Asking], name: str, path: tuple[str, ...]) -> bool:
    """Return whether the change brings a method."""
    return any(
        method.after.there and not method.before.there
        for *_, method in _answers(askings, name, path)
    )


def _asked(
    trees: tuple[Path, Path],
    packages: Sequence[str],
    methods: Mapping[str, tuple[str, ...]],
    systems: tuple[str, ...],
    *,
    hidden: bool = False,
) -> list[Asking]:
    """Ask about all packages in one evaluation for each system."""
    own = [
        LiftQuestion(package=package, methods=methods, hidden=hidden)
        for package in packages
    ]
    answers = side_by_side(
        lambda system: recall(*trees, system, own), systems, jobs=TOGETHER
    )
    known = (
        dict(zip(systems, each, strict=True)) for each in zip(*answers, strict=True)
    )
    return [
        Asking(trees=trees, own=each, systems=systems, known=found)
        for each, found in zip(own, known, strict=True)
    ]


def _answers(
    askings: Iterable[Asking], name: str, path: Sequence[str]
) -> Iterator[tuple[Asking, str, ChangedMethod]]:
    """Yield the answers about a method, each after its package and system."""
    for each in askings:
        for system, answer in each.answers().items():
            if (method := answer.methods.get(question_name(name, path))) is not None:
                yield each, system, method


def _works(
    askings: Iterable[Asking], name: str, path: Sequence[str]
) -> set[tuple[Asking, str]]:
    """Return the packages in which a method works, and the system on which it does."""
    answers = _answers(askings, name, path)
    return {
        (each, system)
        for each, system, method in answers
        if method.after.effect is Effect.WORKS
    }


def rows(table: Path) -> tuple[str, ...]:
    """Return the rows of a table, written as people write the overrides."""
    return tuple(
        bound_names(
            spine(parsed(files.read(table).decode(), name=table.name, known=True).root)[
                -1
            ]
        )
    )


def compatible(
    trees: tuple[Path, Path],
    table: Path,
    packages: Sequence[str],
    systems: Sequence[str],
) -> Finding:
    """Compare the results of each row in two trees.

    A row that replaces a part may give another result if the part arrives in the build
    only afterwards.
    """
    # A row may end the evaluation.
    asked = [
        LiftQuestion(package=package, methods={row: ("table", row)}, table=table)
        for row in rows(table)
        for package in packages
    ]
    equal: Counter[str] = Counter()
    gained: Counter[str] = Counter()
    failures: list[str] = []
    gaps: list[str] = []
    for system in systems:
        for question, answer in zip(asked, recall(*trees, system, asked), strict=True):
            (row,) = question.methods
            if answer.limited:
                gaps.append(f"{row}: {question.package} on {system}: {answer.error}")
            elif (fact := _difference(row, answer, equal, gained)) is not None:
                failures.append(f"{question.package} on {system}: {row}: {fact}")
    found = equal.total() + gained.total()
    reason = gaps[0] if gaps else "the unchanged package allows none of these overrides"
    return Finding(
        covers=f"{found} overrides, {len(equal.keys() | gained.keys())} kinds; "
        f"{', '.join(packages)} on {', '.join(systems)}",
        failures=tuple(failures),
        evidence=tuple(_lines(table, equal, gained)),
        gaps=tuple(gaps),
        not_run=None if found else f"because {reason}",
        commands=tuple(command(*trees, system, asked).line for system in systems),
    )


def _difference(
    row: str, answer: Derivations, equal: Counter[str], gained: Counter[str]
) -> str | None:
    """Return how a row differs.

    Count it if it does not differ, or has gained its effect.
    """
    if answer.error is not None:
        return f"no longer evaluates: {answer.error}"
    if answer.before is not None and answer.after is None:
        return "no longer evaluates"
    if (method := answer.methods.get(row)) is None or not method.before.there:
        return None
    before, after = method.before, method.after
    if before.gives == after.gives:
        equal[row] += 1
    elif before.gives is None or (
        before.new is not None
        and before.effect is not Effect.WORKS
        and after.effect is Effect.WORKS
    ):
        gained[row] += 1
    else:
        return f"{before.gives} → {after.gives}"
    return None


def _lines(table: Path, equal: Counter[str], gained: Counter[str]) -> Iterator[str]:
    for row in rows(table):
        more = f", {gained[row]} newly have an effect" if gained[row] else ""
        counted = (
            f"{equal[row]} equal{more}"
            if equal[row] or more
            else "not applicable: no package takes these arguments"
        )
        yield f"{row}: {counted}"


SETS = {
    "unrelated": "a set in which each part's name is an unrelated package",
    "throws": "a set in which each part's name is an alias that throws",
    "itself": "an overlay that takes each part from the package",
}
"""The meanings that a set may give to the names, as in lifted.nix."""


def untouched(
    trees: tuple[Path, Path],
    packages: Sequence[str],
    names: Collection[str],
    system: str,
) -> Finding:
    """Compare the changed packages in sets where their names mean something else."""
    asked = [
        LiftQuestion(package=package, taken=dict.fromkeys(names, kind) if kind else {})
        for package in packages
        for kind in ("", *SETS)
    ]
    answers = iter(recall(*trees, system, asked))
    failures: list[str] = []
    gaps: list[str] = []
    known: list[str] = []
    for package in packages:
        plain, *others = (next(answers) for _ in ("", *SETS))
        for what, answer in zip(SETS.values(), others, strict=True):
            if answer.limited or plain.limited:
                gaps.append(
                    f"{what}: {package} on {system}: {answer.error or plain.error}"
                )
            elif plain.before is not None or plain.error is not None:
                known.append(package)
                if answer.after is None or answer.after != plain.after:
                    failures.append(
                        f"{what}: {package} on {system}: "
                        f"{answer.error or answer.after or 'it throws'}"
                    )
    reason = gaps[0] if gaps else f"no package evaluates on {system}"
    return Finding(
        covers=f"{len(SETS)} package sets; {', '.join(dict.fromkeys(known))} on "
        f"{system}",
        failures=tuple(failures),
        evidence=tuple(what for what in SETS.values() if not failures),
        gaps=tuple(gaps),
        not_run=None if known else f"because {reason}",
        commands=(command(*trees, system, asked).line,),
    )
