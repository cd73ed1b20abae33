"""Claims that the judge decides: the file's packages and their users stay."""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from msgspec import Struct
from msgspec.structs import replace

from toolkit.asking.packages import FEW
from toolkit.judge import SYSTEMS, JudgeRequest, judge
from toolkit.judge.differences import (
    Difference,
    DifferenceFact,
    DifferencePlace,
    Gap,
    Judgement,
    Kind,
    Weight,
)
from toolkit.model import Silence
from toolkit.proposal.prove import Finding
from toolkit.report.sentences import sentence
from toolkit.sources.changes import Change
from toolkit.text import few


class Aspect(Struct, frozen=True, kw_only=True):
    """The subject of a claim: kinds of differences, and what must be known for them."""

    kinds: frozenset[Kind]
    parts: frozenset[str]


NO_REBUILD = Aspect(
    kinds=frozenset(
        {
            Kind.DERIVATION,
            Kind.FIXED_OUTPUT,
            Kind.EVALUATION,
            Kind.REMOVED,
            Kind.ALIAS,
            Kind.ADDED,
        }
    ),
    parts=frozenset({"derivation", "fixed-output"}),
)
PASSTHRU = Aspect(
    kinds=frozenset({Kind.PASSTHRU}),
    parts=frozenset({"passthru", "kinds", "functions"}),
)
META = Aspect(
    kinds=frozenset({Kind.META, Kind.POSITION}), parts=frozenset({"meta", "position"})
)
OVERRIDES = Aspect(
    kinds=frozenset({Kind.OVERRIDE, Kind.ARGUMENTS}),
    parts=frozenset({"override", "arguments"}),
)
_READ = Aspect(kinds=frozenset(Kind), parts=frozenset(FEW))

_CROSS, _STATIC = "cross", "static"


class Judging(Struct, frozen=True, kw_only=True, eq=False, dict=True):
    """A change that is judged once, on first use; all claims about it share the result.

    `named` is the change's name on the command line. `updated` are parts that the
    change intentionally adds to the arguments of nix-update in updateScript.
    """

    change: Change
    systems: tuple[str, ...]
    named: tuple[str, ...] = ("--patch", "upstream.diff")
    updated: tuple[str, ...] = ()

    @cached_property
    def judgement(self) -> Judgement:
        """The judge's result."""
        return judge(
            self.change, JudgeRequest(systems=self.systems), progress=Silence()
        )

    @property
    def command(self) -> str:
        """The command that judges the change again, from a proposal's directory."""
        source, words = self.change.source, list[str]()
        if "--patch" in self.named and source.nixpkgs is not None:
            words += ["--nixpkgs", source.nixpkgs]
        if "--patch" in self.named and source.rev is not None:
            words += ["--rev", source.rev]
        if self.systems != SYSTEMS:
            words += [word for name in self.systems for word in ("--system", name)]
        return shlex.join(["unlet", "check", *self.named, *words, "--expect", "same"])

    def kept(self, aspect: Aspect, evidence: Iterable[str] = ()) -> Finding:
        """Compare one aspect of all packages from the changed files."""
        found = self.judgement
        return self._finding(found, found.reached, aspect, evidence)

    def readers(self) -> Finding:
        """Compare the packages in the tree that use or override these attributes."""
        found = self.judgement
        if not found.readers and found.reached and not _general(found):
            return Finding(
                covers="no package in pkgs uses or overrides it",
                commands=(self.command,),
            )
        others = (
            f"not compared: {each.what}: {each.reason}"
            for each in found.not_covered
            if each.attribute is None
        )
        return self._finding(found, found.readers, _READ, others)

    def _finding(
        self,
        found: Judgement,
        asked: Mapping[str, Sequence[str]],
        aspect: Aspect,
        evidence: Iterable[str],
    ) -> Finding:
        gaps = self._gaps(found, asked, aspect)
        unknown = {(each.attribute, each.system) for each in gaps}
        systems: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for system, names in asked.items():
            if left := tuple(name for name in names if (name, system) not in unknown):
                systems[left].append(system)
        general = _general(found)
        reasons = tuple(f"{each.what}: {each.reason}" for each in (*general, *gaps))
        differences = [
            self._weighed(each)
            for each in _of(found, asked)
            if each.kind in aspect.kinds
        ]
        notes = [each for each in differences if each.weight is Weight.NOTE]
        worse = [each for each in differences if each.weight is not Weight.NOTE]
        if not worse and (general or not systems):
            none = "no attribute comes from the changed files"
            why = next(iter(reasons), none)
            return Finding(
                covers="nothing", not_run=f"because {why}", commands=(self.command,)
            )
        covers = [
            f"{few(names)} on {', '.join(where)}" for names, where in systems.items()
        ]
        return Finding(
            covers="; ".join(covers) or "nothing",
            failures=tuple(_lines(worse)),
            evidence=(*evidence, *_lines(notes)),
            gaps=reasons,
            commands=(self.command,),
        )

    def _gaps(
        self, found: Judgement, asked: Mapping[str, Sequence[str]], aspect: Aspect
    ) -> list[Gap]:
        """Return what is unknown about an aspect of attributes."""
        others = _names(found.reached, found.readers) - _names(asked)
        known = (*found.unknown, *found.unanswered, *found.not_covered)
        own = [each for each in known if each.attribute not in {None, *others}]
        return [each for each in own if aspect.parts & {*each.parts}]

    def _weighed(self, found: Difference) -> Difference:
        """Return a difference, as a note if the change intends it."""
        words = [word for part in self.updated for word in ("--subpackage", part)]
        is_script = (
            words
            and found.kind is Kind.PASSTHRU
            and found.cause.place is DifferencePlace.PASSTHRU
            and found.cause.name.partition(".")[0] == "updateScript"
        )
        before, after = found.before, found.after
        if (
            is_script
            and isinstance(before, list)
            and isinstance(after, list)
            and after == [*before, *words]
        ):
            cause = replace(
                found.cause, fact=DifferenceFact.NAMES_SUBPACKAGES, names=self.updated
            )
            return replace(
                found, weight=Weight.NOTE, cause=cause, before=None, after=None
            )
        return found


def _general(found: Judgement) -> list[Gap]:
    """Return what is unknown about the change as a whole."""
    return [each for each in found.unknown if each.attribute is None]


def _names(*compared: Mapping[str, Sequence[str]]) -> set[str]:
    lists = [names for by_system in compared for names in by_system.values()]
    return {name for names in lists for name in names}


def _of(
    found: Judgement, compared: Mapping[str, Sequence[str]]
) -> Iterator[Difference]:
    """Yield the differences of the compared attributes, and of their members."""
    names = _names(compared)
    others = _names(found.reached, found.readers) - names
    for each in found.differences:
        path = each.attribute.split(".")
        around = {".".join(path[:end]) for end in range(1, len(path) + 1)}
        if around & names or (compared is found.reached and not around & others):
            yield each


def systems(asked: Sequence[str], *, narrowed: bool) -> tuple[str, ...]:
    """Return the systems for the judge, with pkgsStatic unless `narrowed`."""
    names = tuple(dict.fromkeys(_CROSS if "→" in each else each for each in asked))
    return names if narrowed or SYSTEMS[0] not in names else (*names, _STATIC)


def _lines(differences: Iterable[Difference]) -> Iterator[str]:
    """Yield a line for each difference of an attribute, with the systems."""
    systems: dict[tuple[str, str], list[str]] = {}
    for each in differences:
        shown = [str(value) for value in (each.before, each.after) if value is not None]
        values = f": {' → '.join(shown)}" if isinstance(each.after, str) else ""
        systems.setdefault((each.attribute, f"{sentence(each)}{values}"), []).append(
            each.system
        )
    for (attribute, what), where in systems.items():
        yield f"{attribute}: {what} ({', '.join(where)})"
