"""Find alternatives to an override that stops halfway; Nix has evaluated each."""

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from toolkit.nix.derivations import Derivation, DerivationStore
from toolkit.nix.program import quoted
from toolkit.nix.stores import own
from toolkit.reach import instead as ways
from toolkit.reach import rules
from toolkit.reach.answers import Listed, Pair
from toolkit.reach.effects import Brought, Left
from toolkit.reach.instead import Names, Way
from toolkit.reach.overridden import Call, Overridden
from toolkit.reach.session import EvaluationError
from toolkit.reach.sets import Sets, called, listed


class Others:
    """Tries alternatives, and overlays that make a file's let-bound packages overridable."""

    def __init__(self, sets: Sets, bring: Callable[[str], Brought | None]) -> None:
        self._sets = sets
        self._bring = bring
        self.store = DerivationStore(own())

    def case(self, scope: str, old: Derivation, new: Derivation, calls: Sequence[Call]) -> Overridden:
        """Return a case from two derivations, the calls between them, and a package set."""
        return Overridden(old=old, new=new, store=self.store, calls=calls, top=lambda names: self._top(scope, names))

    def _top(self, scope: str, names: Sequence[str]) -> Mapping[str, str]:
        found = self._sets.known(f"top {scope} {listed(names)}", tuple[str | None, ...], ())
        return {name: path for name, path in zip(names, found, strict=False) if path is not None}

    def _reaches(self, pair: Pair | EvaluationError, case: Callable[[Derivation, Derivation], Overridden]) -> bool:
        """Return whether the package differs and nothing stays in it of the old version."""
        if isinstance(pair, EvaluationError) or pair.old.drv is None or pair.new.drv is None:
            return False
        old, new = self.store[pair.old.drv], self.store[pair.new.drv]
        return old.path != new.path and not rules.left(case(old, new))

    def instead(
        self, words: str, path: Sequence[str], case: Overridden, left: Sequence[Left], names: Names
    ) -> str | None:
        """Return the first alternative that reaches, as Nix has evaluated it."""
        arguments = f"{names.final}: {names.prev}: {names.own}: {names.before}: given"
        found = [*ways.ways(path, case, left, names)]
        if left and len(path) == 1:
            downloads = self._sets.known(
                f"downloads {words} {listed(rules.DEPENDENCIES)}", tuple[tuple[str, str], ...], ()
            )
            found += filter(None, [ways.updated(path[0], case.calls, downloads, names)])
        for way in found:
            function = f"({arguments}: {{ {way.attribute} = {way.question}; }})"
            pair = self._sets.ask(f"way {words} {quoted(way.attribute)} {function}", Pair)
            if self._reaches(pair, lambda old, new: replace(case, old=old, new=new, calls=())):
                return way.text
        parts = len(path) == 1 and any(each.part for each in left)
        return self._brought(words, path[0], case, names) if parts else None

    def _brought(self, words: str, name: str, case: Overridden, names: Names) -> str | None:
        """Return what to write behind the overlay that lifts what the package's file binds, if it reaches there."""
        made = self._bring(name)
        if made is None:
            return None
        moved: tuple[str, ...] = ()
        downloads: tuple[tuple[str, str], ...] = ()
        while True:
            more = f"[ {' '.join(map(listed, downloads))} ] {listed(rules.DEPENDENCIES)}"
            question = f"brought {words} {quoted(str(made.directory))} {listed(moved)} {more}"
            pair = self._sets.ask(question, Pair)
            if self._reaches(pair, lambda old, new: replace(case, old=old, new=new)):
                return ways.behind(made.command, name, case.calls, moved, downloads, names)
            if downloads or isinstance(pair, EvaluationError) or None in {pair.old.drv, pair.new.drv}:
                return None
            if moved or not (moved := ways.parts(case.calls, pair.passthru)):
                downloads = pair.downloads
                if not downloads:
                    return None

    def placed(
        self, scope: str, subject: Listed, target: Sequence[str], among: Sequence[Way], names: Names
    ) -> str | None:
        """Return the first alternative that changes a target under the whole list of overlays."""
        before = self._sets.drv(self._sets.joint(subject), target)
        words = f"{self._sets.used(subject.overlays)} {called(scope, subject)}"
        for way in among:
            function = f"({names.final}: {names.prev}: given: {{ {way.attribute} = {way.question}; }})"
            drv = self._sets.ask(f"placed {words} {quoted(way.member)} {listed(target)} {function}", str)
            if not isinstance(drv, EvaluationError) and drv not in {"", before}:
                return way.text
        return None

    def part(self, subject: Listed, part: str, package: str, names: Names) -> str | None:
        """Return the override of a part under the overlay that makes it overridable."""
        if self._sets.ask(f"binds {quoted(package)} {quoted(part)}", bool) is not True:
            return None
        if (made := self._bring(package)) is None:
            return None
        scope = self._sets.joint(subject)
        words = " ".join(map(quoted, (package, part, str(made.directory))))
        for in_passthru in (False, True):
            pair = self._sets.ask(f"replacing {called(scope, subject)} {words} {str(in_passthru).lower()}", Pair)
            if self._reaches(pair, lambda old, new: self.case(scope, old, new, ())):
                value = f"old.{part}.…" if subject.name == part else "…"
                return ways.part(made.command, package, f"{part} = {value};", names, in_passthru=in_passthru)
        return None
