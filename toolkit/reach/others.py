"""Find alternatives to an override that takes effect only in part.

Nix evaluates each alternative.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec.structs import replace

from toolkit.asking.session import EvaluationError
from toolkit.nix.derivations import DerivationStore
from toolkit.nix.program import quoted
from toolkit.nix.stores import own
from toolkit.reach import instead as ways
from toolkit.reach import rules
from toolkit.reach.answers import Listed, Pair
from toolkit.reach.effects import Brought, Left
from toolkit.reach.instead import Names, Way
from toolkit.reach.mends import Proposed
from toolkit.reach.overridden import Call, Overridden
from toolkit.reach.sets import ScopedPath, Sets, called, listed

_IN_PLACE = 3
"""The maximum number of alternatives to try in the place of the user's override."""


def _rank(left: Sequence[Left], case: Overridden) -> tuple[bool, bool, int]:
    """Return a sort key for the number of old values that remain in a build.

    A remaining version or source counts most, because it hides other old values.
    """
    names = [each.name for each in left]
    has_old = any(case.old.version in name for name in names)
    return has_old, "src" in names, len(names)


class Others:
    """Finds alternatives to an override that takes effect only in part.

    An alternative may need an overlay of unlet that makes let-bound packages
    overridable.
    """

    def __init__(self, sets: Sets, bring: Callable[[str], Brought | None]) -> None:
        self._sets = sets
        self._bring = bring
        self.changes: dict[str, Proposed] = {}
        """The edits that turn the override into an alternative, by its text."""
        self._store = DerivationStore(own())

    def case(self, asked: ScopedPath, pair: Pair) -> Overridden:
        """Return a package's derivations without and with an override.

        The result also has the calls of the override, and is the input of the rules.
        """
        is_inner = asked.base is None and len(asked.path) > 1
        calls = f"callsTo {asked.call}" if is_inner else f"calls {asked.member}"
        return Overridden(
            old=self._store[pair.old.drv or ""],
            new=self._store[pair.new.drv or ""],
            store=self._store,
            calls=self._sets.known(calls, tuple[Call, ...], ()),
            top=partial(self._top, asked.scope),
            named=pair.written,
        )

    def _top(self, scope: str, names: Sequence[str]) -> Mapping[str, str]:
        found = self._sets.known(
            f"top {scope} {listed(names)}", tuple[str | None, ...], ()
        )
        return {
            name: path
            for name, path in zip(names, found, strict=False)
            if path is not None
        }

    def _left(
        self, pair: Pair | EvaluationError, case: Overridden
    ) -> tuple[Left, ...] | None:
        """Return the old values that remain in a package with an override.

        Return None if a package does not evaluate, or if the derivations are the same.
        """
        if (
            isinstance(pair, EvaluationError)
            or pair.old.drv is None
            or pair.new.drv is None
        ):
            return None
        old, new = self._store[pair.old.drv], self._store[pair.new.drv]
        return (
            rules.left(replace(case, old=old, new=new))
            if old.path != new.path
            else None
        )

    def instead(
        self, asked: ScopedPath, case: Overridden, left: Sequence[Left], names: Names
    ) -> tuple[str | None, Sequence[Left]]:
        """Return the first alternative that takes effect, or else the best one.

        The second result lists the old values that remain with the alternative; it is
        empty if the alternative takes effect. Nix has evaluated the alternative.
        """
        is_inner = asked.base is None and len(asked.path) > 1
        own = "_: _" if is_inner else f"{names.own}: {names.before}"
        arguments = f"{names.final}: {names.prev}: {own}: given"
        question = f"wayTo {asked.call}" if is_inner else f"way {asked.member}"
        name = asked.path[0]
        found = [*ways.ways(asked.path, case, left, names)]
        if left and len(asked.path) == 1:
            downloads = self._sets.known(
                f"downloads {asked.member} {listed(rules.DEPENDENCIES)}",
                tuple[tuple[str, ...], ...],
                (),
            )
            found += ways.updated(name, case, left, downloads, names)
        known: list[tuple[Way, tuple[Left, ...]]] = []
        for way in found:
            function = f"({arguments}: {{ {way.attribute} = {way.question}; }})"
            pair = self._sets.ask(
                f"{question} {quoted(way.attribute)} {function}", Pair
            )
            stays = self._left(pair, replace(case, calls=(), named=()))
            if stays == ():
                self._keep(way.text, way.change)
                return way.text, ()
            if stays and _rank(stays, case) < _rank(left, case):
                known.append((way, stays))
        known.sort(key=lambda each: _rank(each[1], case))
        for way, _ in known[:_IN_PLACE] if len(asked.path) == 1 else ():
            function = f"({arguments}: {{ {way.attribute} = {way.question}; }})"
            if self._reaches_in_place(asked, case, way, function):
                self._keep(way.text, way.change)
                return way.text, ()
        closest, least = next(((way.text, stays) for way, stays in known), (None, ()))
        is_of_file = len(asked.path) == 1 and any(each.part for each in left)
        text = self._brought(asked.member, name, case, names) if is_of_file else None
        return (text, ()) if text is not None else (closest, least)

    def _reaches_in_place(
        self, asked: ScopedPath, case: Overridden, way: Way, function: str
    ) -> bool:
        """Return whether an alternative takes effect in the user's overlay.

        For this evaluation, the alternative replaces the user's override.
        """
        subject = asked.subject
        if subject.overlay.option is not None or way.attribute != subject.name:
            return False
        words = f"{self._sets.used(subject.overlays)} {called(asked.scope, subject)}"
        pair = self._sets.ask(
            f"replaced {words} {quoted(way.attribute)} {function}", Pair
        )
        return self._left(pair, replace(case, calls=(), named=())) == ()

    def _brought(
        self, words: str, name: str, case: Overridden, names: Names
    ) -> str | None:
        """Return an override that takes effect after an overlay by unlet.

        The overlay makes the package's let-bound packages overridable. Return None if
        no override takes effect there.
        """
        if (made := self._bring(name)) is None:
            return None
        moved: tuple[str, ...] = ()
        downloads: Sequence[Sequence[str]] = ()
        for attempt in range(3):
            more = (
                f"[ {' '.join(map(listed, downloads))} ] {listed(rules.DEPENDENCIES)}"
            )
            pair = self._sets.ask(
                f"brought {words} {quoted(str(made.directory))} {listed(moved)} {more}",
                Pair,
            )
            if self._left(pair, case) == ():
                text, change = ways.behind(
                    made.command, name, case.calls, moved, downloads, names
                )
                self._keep(text, change)
                return text
            if isinstance(pair, EvaluationError):
                break
            # A let-bound package in passthru is overridden there, and fixed-output
            # derivations get other hashes.
            moved = (
                tuple(each for each in case.calls[-1].names if each in pair.passthru)
                if case.calls
                else ()
            )
            downloads = (
                ways.unset(pair.downloads, case.calls) if attempt or not moved else ()
            )
        return None

    def _keep(self, text: str, change: Proposed | None) -> None:
        if change is not None:
            self.changes[text] = change

    def placed(
        self,
        asked: ScopedPath,
        target: Sequence[str],
        among: Sequence[Way],
        names: Names,
    ) -> str | None:
        """Return the first alternative that changes the package at `target`.

        All overlays are applied in this evaluation.
        """
        subject = asked.subject
        before = self._sets.drv(self._sets.joint(subject), target)
        words = f"{self._sets.used(subject.overlays)} {called(asked.scope, subject)}"
        for way in among:
            function = (
                f"({names.final}: {names.prev}: given: {{ {way.attribute} = "
                f"{way.question}; }})"
            )
            drv = self._sets.ask(
                f"placed {words} {quoted(way.member)} {listed(target)} {function}", str
            )
            if not isinstance(drv, EvaluationError) and drv not in {"", before}:
                self._keep(way.text, way.change)
                return way.text
        return None

    def part(
        self, subject: Listed, part: str, package: str, names: Names
    ) -> str | None:
        """Return an override of a let-bound package.

        The override requires unlet's overlay for the package that contains the let.
        Return None if it has no effect.
        """
        if self._sets.ask(f"binds {quoted(package)} {quoted(part)}", bool) is not True:
            return None
        if (made := self._bring(package)) is None:
            return None
        asked = ScopedPath(subject=subject, path=(), scope=self._sets.joint(subject))
        words = " ".join(map(quoted, (package, part, str(made.directory))))
        for in_passthru in (False, True):
            question = (
                f"replacing {called(asked.scope, subject)} {words} "
                f"{str(in_passthru).lower()}"
            )
            pair = self._sets.ask(question, Pair)
            if isinstance(pair, EvaluationError) or None in {
                pair.old.drv,
                pair.new.drv,
            }:
                continue
            if self._left(pair, self.case(asked, pair)) == ():
                value = f"old.{part}.…" if subject.name == part else "…"
                return ways.part(
                    made.command,
                    package,
                    f"{part} = {value};",
                    names,
                    in_passthru=in_passthru,
                )
        return None
