"""The effects of overriding parts of packages, by Nix: in a file, and after someone else's change of it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from toolkit.lift.candidates import OVERRIDE, candidates
from toolkit.proposal.lifted import ChangedMethod, Effect, LiftQuestion, ask
from toolkit.proposal.systems import Asking, ask_about

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
"""Forms in which an argument may take a part, in the order of the trials; see lifted.nix."""


class MethodTrial(Struct, frozen=True, kw_only=True, eq=False):
    """All override methods of some parts that were tried, in several packages of one file.

    `works` maps each part that the changed packages have to the methods that reach it in all of them; `worked` are
    those that did so before the change. `hidden`: an argument is among them that `override` does not show.
    """

    askings: tuple[Asking, ...]
    works: Mapping[str, tuple[tuple[str, ...], ...]]
    worked: frozenset[tuple[str, ...]] = frozenset()
    hidden: bool = False

    def failed(self) -> dict[str, str]:
        """Return the packages that do not evaluate, and why."""
        answers = {each.own.package: [*each.answers().values()] for each in self.askings}
        failed = {name: found for name, found in answers.items() if all(answer.after is None for answer in found)}
        return {name: next((each.error for each in found if each.error), "it throws") for name, found in failed.items()}

    def methods(self, name: str) -> Iterable[ChangedMethod]:
        """Yield the answers about a part as an attribute of each package."""
        for each in self.askings:
            for answer in each.answers().values():
                if (method := answer.methods.get(_key(name, (name,)))) is not None:
                    yield method


def tried(
    trees: tuple[Path, Path],
    packages: Sequence[str],
    parts: Mapping[str, Sequence[str]],
    systems: tuple[str, ...],
) -> MethodTrial:
    """Try the usual override methods of parts, and if none works, the arguments that may be there for one."""
    methods = {_key(name, path): path for name in parts for path in candidates(name, ())}
    askings = _asked(trees, packages, methods, systems)
    named = {name: _named(askings, name) for name in parts}
    works = {
        name: tuple(path for path in candidates(name, ()) if _works(there, name, path))
        for name, there in named.items()
        if there
    }
    worked = {path for name in parts for path in candidates(name, ()) if _worked(askings, name, path)}
    hidden = False
    for name in (name for name, found in works.items() if not found):
        package, system = named[name][0]
        for path in _arguments(name, parts[name]):
            question = LiftQuestion(package=package.own.package, methods={name: path}, hidden=True)
            if _arrives(trees[1], system, question):
                works[name], hidden = (path,), True
                worked |= {path} if trees[0] == trees[1] or _arrives(trees[0], system, question) else set()
                break
    return MethodTrial(askings=tuple(askings), works=works, worked=frozenset(worked), hidden=hidden)


def _arrives(tree: Path, system: str, question: LiftQuestion) -> bool:
    """Return whether a replacement arrives in the build of one tree."""
    (answer,) = ask(tree, tree, system, [question])
    return any(method.after.effect is Effect.WORKS for method in answer.methods.values())


def chosen(trial: MethodTrial, parts: Iterable[str]) -> tuple[Asking, ...]:
    """Return the questions about the first method of each part that works, rather a new one than one that did before.

    If none works, they are about one that the change brings, or else about the part as an attribute.
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
            known = {name: answer.methods.get(_key(name, path)) for name, path in methods.items()}
            answers = {name: method for name, method in known.items() if method is not None}
            found[-1].keep(system, replace(answer, methods=answers))
    return tuple(found)


def _first(trial: MethodTrial, name: str) -> tuple[str, ...]:
    works = trial.works.get(name, ())
    new = (
        path
        for path in candidates(name, ())
        for each in trial.askings
        for answer in each.answers().values()
        if (method := answer.methods.get(_key(name, path))) is not None
        if method.after.there and not method.before.there
    )
    return next(iter([*(path for path in works if path not in trial.worked), *works, *new]), (name,))


def _arguments(name: str, parameters: Sequence[str]) -> list[tuple[str, ...]]:
    own = [(OVERRIDE, name)] if name in parameters else []
    others = [(OVERRIDE, each, form, name) for form in FORMS for each in parameters if each != name]
    return [*own, *others]


def _key(name: str, path: Sequence[str]) -> str:
    return f"{name} {'.'.join(path)}"


def _asked(
    trees: tuple[Path, Path],
    packages: Sequence[str],
    methods: Mapping[str, tuple[str, ...]],
    systems: tuple[str, ...],
    *,
    hidden: bool = False,
) -> list[Asking]:
    own = [LiftQuestion(package=package, methods=methods, hidden=hidden) for package in packages]
    askings = [Asking(trees=trees, own=each, systems=systems) for each in own]
    ask_about(askings)
    return askings


def _named(askings: Iterable[Asking], name: str) -> list[tuple[Asking, str]]:
    """Return the packages that have a part, and the system on which they do."""
    return [
        (each, system)
        for each in askings
        for system, answer in each.answers().items()
        if (method := answer.methods.get(_key(name, (name,)))) is not None and method.after.there
    ]


def _works(there: Iterable[tuple[Asking, str]], name: str, path: tuple[str, ...]) -> bool:
    found = (each.answer(system).methods.get(_key(name, path)) for each, system in there)
    return all(method is not None and method.after.effect is Effect.WORKS for method in found)


def _worked(askings: Iterable[Asking], name: str, path: tuple[str, ...]) -> bool:
    """Return whether a method worked before the change, in any package."""
    answers = (answer for each in askings for answer in each.answers().values())
    found = (answer.methods.get(_key(name, path)) for answer in answers)
    return any(method.before.effect is Effect.WORKS for method in found if method is not None)
