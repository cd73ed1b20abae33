"""Claims about docker's derivations.

They show what moving rootlesskit changes, and that the overlay equals the commits.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from toolkit.asking.trials import Derivations, LiftQuestion, ask, command, recall
from toolkit.docker import PREFIX_ENTRY, PathPlace, install_phase
from toolkit.docker.case import DockerCase, spread
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.install_phase import is_rootlesskit
from toolkit.docker.steps import Demotion
from toolkit.errors import NotRunError
from toolkit.nix import stores
from toolkit.nix.derivations import Derivation, DerivationStore
from toolkit.parallel import side_by_side
from toolkit.proposal.lifted import TOGETHER
from toolkit.proposal.prove import Finding
from toolkit.text import few

SWITCHES = EXPRESSIONS / "switches.nix"
_CLIENT = "clientOnly = true"
_THROWS = "it throws"


def exact_change(case: DockerCase) -> Finding:
    """Compare each docker, and its inputs, before and after rootlesskit moves."""
    if (demoted := case.demoted) is None:
        raise NotRunError("the patch does not change the wrapper's PATH")
    before = case.stages[case.stages.index(demoted) - 1]
    trees = case.pair(before, demoted)
    asked = {system: _questions(case, system) for system in case.systems}
    store = DerivationStore(stores.own())
    forms = side_by_side(
        lambda system: [*_forms(trees, system, asked[system])], [*asked], jobs=TOGETHER
    )
    failures: list[str] = []
    gaps: list[str] = []
    changes: dict[str, _Change] = {}
    releases: dict[str, str] = {}
    for release, name, form in chain.from_iterable(forms):
        releases[name] = release
        if form.limited or (form.before is None and form.error is None):
            reason = form.error or "the unchanged file already throws"
            gaps.append(f"not compared: {name}: {reason}")
        elif form.before is None or form.after is None:
            reason = f": {form.error}" if form.error else ""
            failures.append(f"{name}: no longer evaluates{reason}")
        else:
            changes[name] = _Change.between(
                store, form.before, form.after, case.demotion
            )
    failures += _faults(changes, releases)
    rebuilt = {
        name: [store[path].name for path in change.pairs]
        for name, change in changes.items()
    }
    count = sum(map(bool, rebuilt.values()))
    return Finding(
        covers=(
            f"{len(changes)} docker packages, {count} of them rebuilt; "
            f"{few(case.releases)} on {', '.join(asked)}"
        ),
        failures=tuple(failures),
        evidence=tuple(
            f"{name}: {few(names) or 'nothing'}" for name, names in rebuilt.items()
        ),
        gaps=tuple(gaps),
        not_run=None if changes or failures else f"because {gaps[0]}",
        commands=tuple(
            command(*trees, system, questions).line
            for system, questions in asked.items()
        ),
    )


def _faults(
    changes: Mapping[str, "_Change"], releases: Mapping[str, str]
) -> Iterator[str]:
    """Yield the faults of a release, or of a release with another switch."""
    faults = {name: [*change.faults()] for name, change in changes.items()}
    for name, facts in faults.items():
        if releases[name] == name or not faults.get(releases[name]):
            yield from (f"{name}: {fact}" for fact in facts)
    if changes and not any(change.is_in_path for change in changes.values()):
        yield f"no release has {PREFIX_ENTRY} in the wrapper's PATH prefix"


def _questions(case: DockerCase, system: str) -> list[LiftQuestion]:
    """Ask about all releases; on this machine's system, also about each switch."""
    switches = [
        f"{name} = {value}"
        for name in case.before.file.switches()
        for value in ("false", "true")
    ]
    switched = spread(case.releases) if system == case.native else ()
    rows = {
        release: [_CLIENT, *(switches if release in switched else ())]
        for release in case.releases
    }
    return [
        LiftQuestion(
            package=release,
            methods={row: ("table", row) for row in rows[release]},
            table=SWITCHES,
        )
        for release in case.releases
    ]


def _forms(
    trees: tuple[Path, Path], system: str, questions: Sequence[LiftQuestion]
) -> Iterator[tuple[str, str, Derivations]]:
    """Yield each release before and after, also with other values of its switches.

    Each comes with the release's name and its own.
    """
    for question, answer in zip(questions, ask(*trees, system, questions), strict=True):
        name = f"{system} {question.package}"
        yield name, name, answer
        for row in question.methods if answer.before is not None else ():
            if (method := answer.methods.get(row)) is not None:
                before, after = method.before.gives, method.after.gives
            else:
                alone = replace(question, methods={row: question.methods[row]})
                (same,) = ask(trees[0], trees[0], system, [alone])
                before, after = (
                    (same.methods[row].before.gives if row in same.methods else None),
                    None,
                )
            if before is not None:
                yield (
                    name,
                    f"{name}, {row}",
                    Derivations(before=before, after=after, methods={}),
                )


class _Change(Struct, frozen=True, kw_only=True):
    """The differences of a docker.

    `pairs` maps derivations, docker's first, to those in the same place after the
    change.
    """

    store: DerivationStore
    demotion: Demotion | None
    before: str
    pairs: Mapping[str, str]

    @classmethod
    def between(
        cls, store: DerivationStore, before: str, after: str, demotion: Demotion | None
    ) -> "_Change":
        """Compare two dockers."""
        pairs: dict[str, str] = {}
        waiting = [(before, after)]
        while waiting:
            old, new = waiting.pop()
            if old == new or old in pairs:
                continue
            pairs[old] = new
            gone, come = (
                {*store[old].inputs} - {*store[new].inputs},
                {*store[new].inputs} - {*store[old].inputs},
            )
            named = {store[path].name: path for path in come}
            waiting += [
                (path, named[name])
                for path in sorted(gone)
                if (name := store[path].name) in named
            ]
        return cls(store=store, demotion=demotion, before=before, pairs=pairs)

    @property
    def is_in_path(self) -> bool:
        """Return whether docker's own moby had rootlesskit in the prefix."""
        return any(map(self._is_affected, self.store[self.before].inputs))

    def _is_affected(self, path: str) -> bool:
        return install_phase.is_moby(path) and self._place(path) is PathPlace.PREFIX

    def _place(self, moby: str) -> PathPlace | None:
        return install_phase.path_place(self.store[moby].environment)

    def faults(self) -> Iterator[str]:
        """Yield wrong differences, and intended ones that are missing."""
        if self.is_in_path and not any(map(self._is_affected, self.pairs)):
            yield "moby does not change"
        for before, after in self.pairs.items():
            if self._is_affected(before) and (place := self._place(after)) is not (
                wanted := _WANTED[self.demotion]
            ):
                yield (
                    f"{PREFIX_ENTRY} is in the {place} of moby's PATH, but should be "
                    f"in the {wanted}"
                )
            yield from self._unexplained(self.store[before], self.store[after])

    def _unexplained(self, before: Derivation, after: Derivation) -> Iterator[str]:
        """Yield the unexplained differences between two derivations.

        The move of rootlesskit, and rebuilt inputs, explain the others.
        """
        is_moby, is_affected = (
            install_phase.is_moby(before.path),
            self._is_affected(before.path),
        )
        lost = {*before.inputs} - {*after.inputs, *self.pairs}
        new = {*after.inputs} - {*before.inputs, *self.pairs.values()}
        if is_affected and self.demotion is Demotion.DROP:
            lost = {path for path in lost if not is_rootlesskit(path)}
        for path in sorted(lost | new):
            yield (
                f"{before.pname} is {'no longer' if path in lost else 'now'} built "
                f"with {self.store[path].name}"
            )
        if before.command != after.command:
            yield f"{before.pname}'s builder changed"
        old, now = (
            {name: self._rebuilt(text) for name, text in before.environment.items()},
            after.environment,
        )
        for name in sorted(old.keys() | now.keys()):
            one, other = old.get(name), now.get(name)
            if one is None or other is None:
                yield (
                    f"{before.pname}'s attribute {name} is "
                    f"{'new' if one is None else 'gone'}"
                )
            elif one != other and not (
                is_moby and _is_demoted(name, one, other, is_affected=is_affected)
            ):
                yield f"{before.pname}'s attribute {name} changed"

    def _rebuilt(self, text: str) -> str:
        """Return a text in which the outputs of rebuilt inputs are equal."""
        for before, after in self.pairs.items():
            for output, place in self.store[before].outputs.items():
                text = text.replace(place, self.store[after].outputs.get(output, place))
        return text


def _is_demoted(name: str, before: str, after: str, *, is_affected: bool) -> bool:
    """Return whether an attribute of moby differs only as intended.

    Comments may differ, and rootlesskit moves if that affects this moby.
    """
    if name == "installPhase":
        read = install_phase.without_kit if is_affected else install_phase.commands
        return read(before) == read(after)
    return is_affected and install_phase.without(before.split(":")) == after.split(":")


_WANTED = {
    Demotion.SUFFIX: PathPlace.SUFFIX,
    Demotion.DROP: PathPlace.ABSENT,
    None: PathPlace.SUFFIX,
}


def equals_series(case: DockerCase) -> Finding:
    """Compare each release under the overlay with that of the commits."""
    if case.overlay is None:
        raise NotRunError("unlet makes an overlay only for its own commits")
    if case.missing:
        raise NotRunError(
            "the overlay lacks these files, which unlet did not find: "
            f"{', '.join(case.missing)}"
        )
    system, questions = (
        case.native,
        [LiftQuestion(package=release) for release in case.releases],
    )
    trees = (case.tree_of(case.after).root, case.tree_of(case.before).root)
    answers = dict(
        zip(case.releases, recall(*trees, system, questions, case.overlay), strict=True)
    )
    known = {
        release: each
        for release, each in answers.items()
        if each.before is not None or each.error is not None
    }
    return Finding(
        covers=f"{len(known)} releases, {system}",
        failures=tuple(
            f"{release}: the overlay: {each.error or each.after or _THROWS}, "
            f"the commits: {each.before or _THROWS}"
            for release, each in known.items()
            if each.before != each.after or each.error is not None
        ),
        evidence=tuple(f"{release}: {each.after}" for release, each in known.items()),
        not_run=None if known else f"because no release evaluates on {system}",
        commands=(command(*trees, system, questions, case.overlay).line,),
    )
