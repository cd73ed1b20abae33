"""Ask Nix about each override of some overlays, and judge what it leaves."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents
from toolkit.nix.derivations import Derivation, DerivationStore
from toolkit.nix.stores import own
from toolkit.reach import instead, rules
from toolkit.reach.case import Call, Case
from toolkit.reach.model import Left, Override, Status
from toolkit.reach.session import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from toolkit.model import Progress
    from toolkit.reach.session import Session

T = TypeVar("T")

_MOST = 32
"""The most packages of a set that are judged."""

_HOOKED = {"pythonPackagesExtensions": ("python3Packages",), "haskell": ("haskellPackages",)}


class Place(Struct, frozen=True, kw_only=True):
    """Where an attribute is written."""

    file: str
    line: int


class Named(Struct, frozen=True, kw_only=True):
    """An attribute of an overlay, or of a scope, `known` if nixpkgs has it."""

    name: str
    known: bool = True
    place: Place | None = None


class Facts(Struct, frozen=True, kw_only=True):
    """What Nix says of a value; but for `kind` only of a package."""

    kind: str
    drv: str | None = None
    out: str | None = None
    version: str | None = None
    pname: str | None = None
    src: str | None = None


class Alias(Struct, frozen=True, kw_only=True):
    """Another path that leads to the same package: the derivation there, and without any overlay."""

    path: tuple[str, ...]
    drv: str | None
    plain: str | None


class Pair(Struct, frozen=True, kw_only=True):
    """An attribute without the override and with it."""

    old: Facts
    new: Facts
    aliases: tuple[Alias, ...] = ()


class Look(Struct, frozen=True, kw_only=True):
    """What kind of thing an attribute is, and which members of a scope the override changes."""

    old: str
    new: str
    package: bool
    base: tuple[str, ...]
    hook: bool
    extended: bool
    members: tuple[Named, ...]


class Shown(Struct, frozen=True, kw_only=True):
    """What differs of a package beside its derivation."""

    meta: bool
    passthru: tuple[str, ...]


class Source(Struct, frozen=True, kw_only=True):
    """A place with overlays: Nix that reads it, as the functions of reach.nix, and the file to name.

    `otherwise` reads it if that does not evaluate, `label` is what it is called in the file.
    """

    question: str
    file: str
    otherwise: str | None = None
    label: str = ""


class Subject(Struct, frozen=True, kw_only=True):
    """An attribute of an overlay, which has a name in the session."""

    overlay: str
    used: str
    file: str
    named: Named

    @property
    def name(self) -> str:
        """The attribute."""
        return self.named.name


class Judge:
    """Judges the overrides of a session, on one system."""

    def __init__(self, session: Session, progress: Progress) -> None:
        self._session = session
        self._system = ""
        self._progress = progress
        self._store = DerivationStore(own())
        self._defined: dict[str, str] = {}
        self.warnings: list[str] = []

    def subjects(self, sources: Sequence[Source], only: Sequence[str]) -> tuple[list[Override], list[Subject]]:
        """Return what cannot be read of overlays that are used together, and the attributes of the others."""
        unread: list[Override] = []
        overlays: list[tuple[str, str, tuple[Named, ...]]] = []
        for source in sources:
            for place, label, found in self._opened(source):
                if isinstance(found, EvaluationError):
                    unread.append(self._unread(source.file, label, found))
                    continue
                for number, name in enumerate(found):
                    key = f"{len(self._defined)}"
                    overlay = self._define("overlay", f"overlayOf {place} {number} {text(key)}")
                    names = self._try(f"names {overlay}", tuple[Named, ...])
                    if isinstance(names, EvaluationError):
                        unread.append(self._unread(source.file, name, names))
                    else:
                        overlays.append((overlay, source.file, names))
        used = self._define("used", f"[ {' '.join(overlay for overlay, _, _ in overlays)} ]")
        system = self._try(f"system {used}", str)
        self._system = "" if isinstance(system, EvaluationError) else system
        return [replace(each, system=self._system) for each in unread], [
            Subject(overlay=overlay, used=used, file=file, named=each)
            for overlay, file, names in overlays
            for each in names
            if not only or any(wanted.partition(".")[0] in {each.name, *_HOOKED.get(each.name, ())} for wanted in only)
        ]

    def overrides(self, subjects: Sequence[Subject], only: Sequence[str]) -> list[Override]:
        """Return what each override does, in their order."""
        found: list[Override] = []
        for count, subject in enumerate(subjects):
            self._progress.step(f"{subject.name} ({count + 1} of {len(subjects)})")
            found += (
                override
                for override in self._attribute(subject)
                if not only or any(f"{override.attribute}.".startswith(f"{each}.") for each in only)
            )
        return found

    def hosts(self, directory: str) -> tuple[str, ...] | EvaluationError:
        """Return the names of a flake's NixOS configurations."""
        return self._try(f"hosts {text(directory)}", tuple[str, ...])

    def _opened(self, source: Source) -> Iterator[tuple[str, str, tuple[str, ...] | EvaluationError]]:
        """Yield the names of what a source holds, what it is called there, and the labels of its overlays."""
        place = self._define("file", source.question)
        found = self._try(f"overlays {place}", tuple[str, ...])
        if isinstance(found, EvaluationError) and source.otherwise is not None:
            fact = "does not evaluate as a NixOS configuration, so only what it says itself was looked at"
            self.warnings.append(f"{source.file}: {fact}: {found.message}")
            place = self._define("file", source.otherwise)
            found = self._try(f"overlays {place}", tuple[str, ...])
        yield from self._parts(place, source.label, found)

    def _parts(
        self, place: str, label: str, found: tuple[str, ...] | EvaluationError
    ) -> Iterator[tuple[str, str, tuple[str, ...] | EvaluationError]]:
        """Yield what is in a file, each part by itself if Nix does not get through it as a whole."""
        parts = self._try(f"parts {place}", tuple[str, ...]) if isinstance(found, EvaluationError) else ()
        if isinstance(parts, EvaluationError) or not parts:
            yield place, label, found
            return
        for number, name in enumerate(parts):
            part = self._define("file", f"part {place} {number}")
            yield from self._parts(part, name, self._try(f"overlays {part}", tuple[str, ...]))

    def _unread(self, file: str, label: str, failed: EvaluationError) -> Override:
        """Return what is said of an overlay whose attributes are not known."""
        status = Status.UNKNOWN if _is_absent(failed) else Status.FAILS
        return Override(attribute=label, status=status, system=self._system, file=file, reason=_reason(failed))

    def _attribute(self, subject: Subject) -> Iterator[Override]:
        scope = self._joint(subject)
        found = self._try(f"look {_call(scope, subject)}", Look)
        if isinstance(found, EvaluationError):
            scope = self._alone(subject)
            found = self._try(f"look {_call(scope, subject)}", Look)
        if isinstance(found, EvaluationError):
            # Of a new interpreter the packages may fail where it does not.
            verdict = (
                self._failure(subject, found) if subject.named.known else self._path(scope, subject, (subject.name,))
            )
            yield self._override(subject, (subject.name,), verdict)
            return
        members = [
            self._override(subject, (*found.base, each.name), self._member(scope, subject, found, each), each.place)
            for each in (found.members if subject.named.known else ())
        ]
        if not members or found.package:
            yield self._override(subject, (subject.name,), self._whole(scope, subject, found, members))
        yield from members

    def _whole(self, scope: str, subject: Subject, look: Look, members: Sequence[Override]) -> _Verdict:
        if look.old == "nothing" and not look.package:
            return _Verdict(status=Status.NEW)
        if look.package:
            verdict = self._path(scope, subject, (subject.name,))
            if members and verdict.status is Status.NO_EFFECT:
                # An interpreter stays the same, its scope does not.
                together = _together(members)
                return replace(together, status=Status.REACHES) if together.status is Status.NEW else together
            return verdict
        return self._value(scope, subject, look)

    def _value(self, scope: str, subject: Subject, look: Look) -> _Verdict:
        if look.old != look.new:
            return _Verdict(status=Status.REACHES)
        within = self._within(scope, subject, (subject.name,)) if look.new == "set" else None
        if within is not None:
            return within
        equal = self._try(f"equal {_call(scope, subject, (subject.name,))}", bool)
        if equal is True:
            return _Verdict(status=Status.NO_EFFECT, reason="nixpkgs has it already, you can remove it")
        if look.new in {"value", "set"} and equal is False:
            return _Verdict(status=Status.REACHES)
        return _Verdict(status=Status.UNKNOWN, reason=f"is a {look.new}, not a package")

    def _within(self, scope: str, subject: Subject, path: Sequence[str]) -> _Verdict | None:
        """Judge a set by the packages in it that differ, the first of very many; None if all are the same."""
        names = self._try(f"within {_call(scope, subject, path)}", tuple[str, ...])
        found = names if isinstance(names, EvaluationError) else self._differing(scope, subject, path, names)
        if isinstance(found, EvaluationError):
            return _Verdict(status=Status.UNKNOWN, reason=f"is a set, of which not all evaluates: {found.message}")
        paths = [(*path, *each) for each in found[:_MOST]]
        if not paths:
            return None
        members = [self._override(subject, each, self._path(scope, subject, each)) for each in paths]
        failing = next((each for each in members if each.status is Status.FAILS), None)
        if failing is not None and len(found) <= _MOST:
            return _Verdict(status=Status.FAILS, reason=f"{failing.attribute}: {failing.reason}")
        # In another set, such as that of a later version, some packages are for other platforms.
        verdict = _together([each for each in members if each.status is not Status.FAILS] or members)
        if len(found) > _MOST and verdict.reason is None:
            return replace(verdict, reason=f"{_MOST} of the {len(found)} packages in it that differ were looked at")
        return verdict

    def _differing(
        self, scope: str, subject: Subject, path: Sequence[str], names: Sequence[str]
    ) -> list[tuple[str, ...]] | EvaluationError:
        """Return the paths of what differs in a set, in halves if Nix does not get through it as a whole."""
        call = _call(scope, subject, path)
        found = self._try(f"inner {call} {_path(names)}", tuple[tuple[str, ...], ...])
        if not isinstance(found, EvaluationError):
            return [*found]
        if found.is_limit:
            return found
        if len(names) == 1:
            # What has never evaluated is no fault of the override.
            before = self._try(f"before {_call(scope, subject, (*path, names[0]))}", Facts)
            return [] if isinstance(before, EvaluationError) else [(names[0],)]
        middle = len(names) // 2
        one = self._differing(scope, subject, path, names[:middle])
        other = one if isinstance(one, EvaluationError) else self._differing(scope, subject, path, names[middle:])
        return other if isinstance(one, EvaluationError) or isinstance(other, EvaluationError) else one + other

    def _member(self, scope: str, subject: Subject, look: Look, member: Named) -> _Verdict:
        if not look.extended:
            return self._path(scope, subject, (*look.base, member.name))
        words = f"{text(subject.name)} {_path(look.base)} {text(member.name)}"
        return self._judged(
            subject, (*look.base, member.name), lambda here: f"member {here} {subject.overlay} {words}", None, scope
        )

    def _path(self, scope: str, subject: Subject, path: Sequence[str]) -> _Verdict:
        return self._judged(
            subject,
            path,
            lambda here: f"pair {_call(here, subject, path)}",
            lambda here: f"differs {_call(here, subject, path)}",
            scope,
        )

    def _judged(
        self,
        subject: Subject,
        path: Sequence[str],
        question: Callable[[str], str],
        shown: Callable[[str], str] | None,
        scope: str,
    ) -> _Verdict:
        pair = self._try(question(scope), Pair)
        fails = isinstance(pair, EvaluationError) or (pair.old.kind == "nothing" and subject.named.known)
        if fails and scope == self._joint(subject):
            scope = self._alone(subject)
            pair = self._try(question(scope), Pair)
        if isinstance(pair, EvaluationError):
            return self._failure(subject, pair)
        if pair.old.drv is None or pair.new.drv is None:
            within = self._within(scope, subject, path) if pair.old.kind == pair.new.kind == "set" else None
            return within or _unlike(pair)
        old, new = self._store[pair.old.drv], self._store[pair.new.drv]
        member = path[-1] if shown is None else ""
        words = f"{_call(scope, subject)} {text(member)}"
        calls = self._calls(words) if member or len(path) == 1 else ()
        if old.path == new.path or old.outputs == new.outputs:
            same = self._same(shown(scope) if shown is not None else None)
            other = self._instead(scope, words, path, (), calls)
            return same if other is None else replace(same, reason="the derivation stays the same", instead=other)
        if rules.is_meta(old, new):
            return _Verdict(status=Status.NO_EFFECT, reason="only meta changes, and with it a variable of the build")
        left = rules.left(self._case(scope, old, new, calls))
        rest = tuple(
            Left(name=".".join(alias.path), why="is still without the override")
            for alias in pair.aliases
            if alias.drv is not None and alias.drv != new.path and alias.drv in {old.path, alias.plain}
        )
        if not left and not rest:
            return _Verdict(status=Status.REACHES)
        other = self._instead(scope, words, path, left, calls) if left else self._extended(words, path)
        return _Verdict(status=Status.IN_PART, left=left + rest, instead=other)

    def _calls(self, words: str) -> tuple[Call, ...]:
        calls = self._try(f"calls {words}", tuple[Call, ...])
        return () if isinstance(calls, EvaluationError) else calls

    def _case(self, scope: str, old: Derivation, new: Derivation, calls: Sequence[Call]) -> Case:
        return Case(old=old, new=new, store=self._store, calls=calls, top=lambda names: self._top(scope, names))

    def _instead(
        self, scope: str, words: str, path: Sequence[str], left: Sequence[Left], calls: Sequence[Call]
    ) -> str | None:
        """Return the first other way to write an override that reaches, as Nix has evaluated it."""
        for way in instead.ways(left, calls):
            pair = self._try(f"way {words} {text(way)}", Pair)
            if isinstance(pair, EvaluationError) or pair.old.drv is None or pair.new.drv is None:
                continue
            old, new = self._store[pair.old.drv], self._store[pair.new.drv]
            if old.path != new.path and not rules.left(self._case(scope, old, new, ())):
                return instead.written(way, path, calls)
        return instead.lifted(path, left)

    def _extended(self, words: str, path: Sequence[str]) -> str | None:
        """Return how a member of an interpreter's scope is overridden in all of them, if that reaches."""
        pair = self._try(f"extending {words}", Pair)
        if isinstance(pair, EvaluationError) or pair.old.drv is None or pair.new.drv in {None, pair.old.drv}:
            return None
        return instead.extension(path[-1])

    def _same(self, question: str | None) -> _Verdict:
        shown = self._try(question, Shown) if question is not None else None
        if isinstance(shown, Shown) and (shown.meta or shown.passthru):
            changed = "meta" if shown.meta else "passthru"
            return _Verdict(status=Status.NO_EFFECT, reason=f"only {changed} changes, the build stays the same")
        return _Verdict(status=Status.NO_EFFECT, reason="nixpkgs has it already, you can remove it")

    def _failure(self, subject: Subject, failed: EvaluationError) -> _Verdict:
        reason = _reason(failed)
        if (asked := re.search(r"unexpected argument '([^']+)'", reason)) is not None:
            arguments = self._try(f"arguments {_call(self._joint(subject), subject)}", tuple[str, ...])
            near = [] if isinstance(arguments, EvaluationError) else get_close_matches(asked[1], arguments, n=3)
            reason += f"; the nearest are {', '.join(near)}" if near else ""
        elif (meant := re.search(r"^\s*Did you mean (.*)\?$", failed.stderr, re.MULTILINE)) is not None:
            reason += f"; did you mean {meant[1]}?"
        return _Verdict(status=Status.UNKNOWN if _is_absent(failed) else Status.FAILS, reason=reason)

    def _top(self, scope: str, names: Sequence[str]) -> Mapping[str, str]:
        found = self._try(f"top {scope} {_path(names)}", tuple[str | None, ...])
        if isinstance(found, EvaluationError):
            return {}
        return {name: path for name, path in zip(names, found, strict=True) if path is not None}

    def _joint(self, subject: Subject) -> str:
        """Return the name of the set with all overlays."""
        return self._define("joint", f"joint {subject.used}")

    def _alone(self, subject: Subject) -> str:
        """Return the name of the set in which of all overrides there is only this one."""
        return self._define("alone", f"alone {subject.used} {subject.overlay} {text(subject.name)}")

    def _define(self, kind: str, question: str) -> str:
        if question not in self._defined:
            self._defined[question] = f"{kind}_{len(self._defined)}"
            self._session.define(self._defined[question], question)
        return self._defined[question]

    def _try(self, question: str, kind: type[T]) -> T | EvaluationError:
        try:
            answer = self._session.ask(question)
        except EvaluationError as error:
            return error
        return documents.convert(answer, kind, document="Nix's answer")

    def _override(
        self, subject: Subject, path: Sequence[str], verdict: _Verdict, place: Place | None = None
    ) -> Override:
        where = place or subject.named.place
        return Override(
            attribute=".".join(path),
            status=verdict.status,
            system=self._system,
            file=where.file if where is not None else subject.file,
            line=where.line if where is not None else None,
            left=verdict.left,
            reason=verdict.reason,
            instead=verdict.instead,
        )


class _Verdict(Struct, frozen=True, kw_only=True):
    status: Status
    left: tuple[Left, ...] = ()
    reason: str | None = None
    instead: str | None = None


def _together(members: Sequence[Override]) -> _Verdict:
    """Judge an attribute by the members of its scope."""
    found = {each.status for each in members}
    left = next((each.left for each in members if each.left), ())
    if len(found) == 1:
        return _Verdict(status=members[0].status, left=left, reason=members[0].reason)
    if found <= {Status.REACHES, Status.NEW, Status.NO_EFFECT}:
        return _Verdict(status=Status.REACHES)
    return _Verdict(status=Status.IN_PART, left=left, reason="only some members of its scope reach the build")


def _unlike(pair: Pair) -> _Verdict:
    """Judge a pair of which at most one is a package."""
    if pair.old.kind == "nothing":
        return _Verdict(status=Status.NEW)
    if pair.new.drv is None and pair.old.kind == pair.new.kind:
        return _Verdict(status=Status.UNKNOWN, reason=f"is a {pair.new.kind}, not a package")
    return _Verdict(status=Status.REACHES)


_INPUT = re.compile(r"… unlet: input '([^']+)'")
_ABSENT = re.compile(r"^unlet: |unable to download|cannot fetch|Unable to start any build|Failed to open archive")


def _is_absent(failed: EvaluationError) -> bool:
    """Return whether Nix failed since something of the user's is not here, which is not the override's fault."""
    return _ABSENT.search(failed.message) is not None


def _reason(failed: EvaluationError) -> str:
    """Return why something cannot be read, by the name of the flake's input if that cannot be had."""
    found = _INPUT.search(failed.stderr) if _is_absent(failed) else None
    return f"input '{found[1]}' cannot be fetched" if found is not None else failed.message.removeprefix("unlet: ")


def text(value: str) -> str:
    """Return a string as Nix reads it."""
    return json.dumps(value).replace("${", "\\${")


def _path(names: Sequence[str]) -> str:
    return f"[ {' '.join(map(text, names))} ]"


def _call(scope: str, subject: Subject, path: Sequence[str] | None = None) -> str:
    return f"{scope} {subject.overlay} {text(subject.name) if path is None else _path(path)}"
