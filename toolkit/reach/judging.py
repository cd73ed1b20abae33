"""Ask Nix about each override of some overlays, and judge what it leaves."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from toolkit import documents
from toolkit.nix.stores import own
from toolkit.reach import rules
from toolkit.reach.derivations import Derivations
from toolkit.reach.model import Left, Override, Status
from toolkit.reach.rules import Call, Case
from toolkit.reach.session import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from toolkit.model import Progress
    from toolkit.reach.session import Session

T = TypeVar("T")

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
    """Another path that leads to the same package, and the derivation there."""

    path: tuple[str, ...]
    drv: str | None


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

    `otherwise` reads it if that does not evaluate.
    """

    question: str
    file: str
    otherwise: str | None = None


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
        self._store = Derivations(own())
        self._defined: dict[str, str] = {}
        self.warnings: list[str] = []

    def overrides(self, sources: Sequence[Source], only: Sequence[str]) -> Iterator[Override]:
        """Yield what each override of overlays that are used together does, in their order."""
        overlays: list[tuple[str, str, tuple[Named, ...]]] = []
        for source in sources:
            place, found = self._opened(source)
            if isinstance(found, EvaluationError):
                yield self._unread(source.file, "", found)
                continue
            for number, label in enumerate(found):
                key = f"{len(self._defined)}"
                overlay = self._define("overlay", f"overlayOf {place} {number} {text(key)}")
                names = self._try(f"names {overlay}", tuple[Named, ...])
                if isinstance(names, EvaluationError):
                    yield self._unread(source.file, label, names)
                else:
                    overlays.append((overlay, source.file, names))
        used = self._define("used", f"[ {' '.join(overlay for overlay, _, _ in overlays)} ]")
        system = self._try(f"system {used}", str)
        self._system = "" if isinstance(system, EvaluationError) else system
        subjects = [
            Subject(overlay=overlay, used=used, file=file, named=each)
            for overlay, file, names in overlays
            for each in names
            if not only or any(wanted.partition(".")[0] in {each.name, *_HOOKED.get(each.name, ())} for wanted in only)
        ]
        for count, subject in enumerate(subjects):
            self._progress.step(f"{subject.name} ({count + 1} of {len(subjects)})")
            for override in self._attribute(subject):
                if not only or any(f"{override.attribute}.".startswith(f"{each}.") for each in only):
                    yield override

    def hosts(self, directory: str) -> tuple[str, ...] | EvaluationError:
        """Return the names of a flake's NixOS configurations."""
        return self._try(f"hosts {text(directory)}", tuple[str, ...])

    def _opened(self, source: Source) -> tuple[str, tuple[str, ...] | EvaluationError]:
        """Return the name of what a source holds, and the labels of its overlays."""
        place = self._define("file", source.question)
        found = self._try(f"overlays {place}", tuple[str, ...])
        if not isinstance(found, EvaluationError) or source.otherwise is None:
            return place, found
        fact = "does not evaluate as a NixOS configuration, so only what it says itself was looked at"
        self.warnings.append(f"{source.file}: {fact}: {found.message}")
        place = self._define("file", source.otherwise)
        return place, self._try(f"overlays {place}", tuple[str, ...])

    def _unread(self, file: str, label: str, failed: EvaluationError) -> Override:
        """Return what is said of an overlay whose attributes are not known."""
        reason = failed.message.removeprefix("unlet: ")
        status = Status.UNKNOWN if _is_absent(failed) else Status.FAILS
        return Override(attribute=label, status=status, system=self._system, file=file, reason=reason)

    def _attribute(self, subject: Subject) -> Iterator[Override]:
        scope = self._joint(subject)
        found = self._try(f"look {_call(scope, subject)}", Look)
        if isinstance(found, EvaluationError):
            scope = self._alone(subject)
            found = self._try(f"look {_call(scope, subject)}", Look)
        if isinstance(found, EvaluationError):
            yield self._override(subject, (subject.name,), self._failure(subject, found))
            return
        members = [
            self._override(subject, (*found.base, each.name), self._member(scope, subject, found, each), each.place)
            for each in found.members
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
                worst = next((each for each in members if each.status is not Status.REACHES), members[0])
                return _Verdict(status=worst.status, left=worst.left, reason=worst.reason)
            return verdict
        return self._value(scope, subject, look)

    def _value(self, scope: str, subject: Subject, look: Look) -> _Verdict:
        if look.old != look.new:
            return _Verdict(status=Status.REACHES)
        equal = self._try(f"equal {_call(scope, subject, (subject.name,))}", bool)
        if equal is True:
            return _Verdict(status=Status.NO_EFFECT, reason="nixpkgs has it already, you can remove it")
        if look.new == "value" and equal is False:
            return _Verdict(status=Status.REACHES)
        return _Verdict(status=Status.UNKNOWN, reason=f"is a {look.new}, not a package")

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
            return _unlike(pair)
        old, new = self._store[pair.old.drv], self._store[pair.new.drv]
        if old.path == new.path or old.outputs == new.outputs:
            return self._same(shown(scope) if shown is not None else None)
        calls = self._try(f"calls {_call(scope, subject)}", tuple[Call, ...]) if len(path) == 1 else ()
        case = Case(
            old=old,
            new=new,
            store=self._store,
            calls=() if isinstance(calls, EvaluationError) else calls,
            top=lambda names: self._top(scope, names),
        )
        left = rules.left(case)
        left += tuple(
            Left(name=".".join(alias.path), why="is still without the override")
            for alias in pair.aliases
            if alias.drv is not None and alias.drv != new.path
        )
        return _Verdict(status=Status.IN_PART if left else Status.REACHES, left=left)

    def _same(self, question: str | None) -> _Verdict:
        shown = self._try(question, Shown) if question is not None else None
        if isinstance(shown, Shown) and (shown.meta or shown.passthru):
            changed = "meta" if shown.meta else "passthru"
            return _Verdict(status=Status.NO_EFFECT, reason=f"only {changed} changes, the build stays the same")
        return _Verdict(status=Status.NO_EFFECT, reason="nixpkgs has it already, you can remove it")

    def _failure(self, subject: Subject, failed: EvaluationError) -> _Verdict:
        reason = failed.message.removeprefix("unlet: ")
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
        )


class _Verdict(Struct, frozen=True, kw_only=True):
    status: Status
    left: tuple[Left, ...] = ()
    reason: str | None = None


def _unlike(pair: Pair) -> _Verdict:
    """Judge a pair of which at most one is a package."""
    if pair.old.kind == "nothing":
        return _Verdict(status=Status.NEW)
    if pair.new.drv is None and pair.old.kind == pair.new.kind:
        return _Verdict(status=Status.UNKNOWN, reason=f"is a {pair.new.kind}, not a package")
    return _Verdict(status=Status.REACHES)


def _is_absent(failed: EvaluationError) -> bool:
    """Tell whether Nix failed since something of the user's is not here, which is not the override's fault."""
    return re.search(r"^unlet: |unable to download|does not exist|cannot fetch", failed.message) is not None


def text(value: str) -> str:
    """Return a string as Nix reads it."""
    return json.dumps(value).replace("${", "\\${")


def _path(names: Sequence[str]) -> str:
    return f"[ {' '.join(map(text, names))} ]"


def _call(scope: str, subject: Subject, path: Sequence[str] | None = None) -> str:
    return f"{scope} {subject.overlay} {text(subject.name) if path is None else _path(path)}"
