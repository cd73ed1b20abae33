"""Ask Nix about each override in the user's overlays, and determine its outcome."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from msgspec.structs import replace

from toolkit.asking.session import EvaluationError
from toolkit.model import Progress
from toolkit.nix.program import quoted
from toolkit.reach import instead, nothing, rules
from toolkit.reach.answers import Listed, Look, Named, Pair, Place, Shown, Taken
from toolkit.reach.effects import Brought, Left, Outcome, Override, together
from toolkit.reach.instead import Names
from toolkit.reach.listing import Listing
from toolkit.reach.mends import Proposed
from toolkit.reach.others import Others
from toolkit.reach.overridden import Overridden
from toolkit.reach.sets import ScopedPath, Sets, called, listed
from toolkit.reach.sources import is_own

_MOST = 32
"""The maximum number of packages of a set to compare."""

_SOME = 8
"""The number of packages whose failure shows that a whole package set fails."""

_ALREADY = Override(
    status=Outcome.NO_EFFECT,
    reason="nixpkgs already has this value, so you can remove the override",
)
_BY_OTHERS = Override(
    status=Outcome.NO_EFFECT,
    reason=(
        "your other overrides already give this value, so you can remove the override"
    ),
)


class Judge:
    """Determines the outcome of each override in the user's overlays, on one system."""

    def __init__(
        self,
        sets: Sets,
        progress: Progress,
        bring: Callable[[str], Brought | None],
        parts: Mapping[str, str],
    ) -> None:
        """Store the session with Nix, and the functions to use.

        `bring` writes the overlay that makes a package's let-bound packages
        overridable. `parts` are the names of let-bound packages, with the package that
        binds each.
        """
        self._sets = sets
        self.overlays = Listing(sets)
        self._others = Others(sets, bring)
        self._parts_of = parts
        self._progress = progress
        self._written: dict[tuple[Place | None, str], list[Sequence[str]]] = {}
        self._slow: set[str] = set()
        self._joined: set[tuple[str, ...]] = set()
        self.derivations: set[str] = set()
        """The derivations of the packages with their overrides."""

    @property
    def changes(self) -> Mapping[str, Sequence[Proposed]]:
        """The edits that turn the user's override into an alternative, by its text."""
        known = self._others.changes
        return {
            **{text: (change,) for text, change in known.items()},
            **{
                "\n".join(texts): tuple(known[text] for text in texts)
                for texts in self._joined
                if all(text in known for text in texts)
            },
        }

    def overrides(
        self, subjects: Sequence[Listed], only: Sequence[str]
    ) -> list[Override]:
        """Return the outcome of each override, in order.

        `only` restricts the result to attributes that the user named.
        """
        found: list[Override] = []
        for count, subject in enumerate(subjects):
            self._progress.step(f"{subject.name} ({count + 1} of {len(subjects)})")
            self._sets.begin()
            found += (
                override
                for override in self._attribute(subject)
                if not only
                or any(f"{override.attribute}.".startswith(f"{each}.") for each in only)
            )
        return found

    def _attribute(self, subject: Listed) -> Iterator[Override]:
        joint = self._sets.joint(subject)
        scope = self._sets.alone(subject) if joint in self._slow else joint
        own = (
            (subject.name,)
            if subject.overlay.option is None
            else subject.overlay.option.of
        )
        whole = ScopedPath(
            subject=subject, path=own, scope=scope, place=subject.named.place
        )
        if subject.overlay.option is not None:
            inner = [*self._extended(whole)] if not own[1:] else []
            yield from inner or [self._override(whole, self._judged(whole))]
            return
        found = self._sets.ask(f"look {called(scope, subject)}", Look)
        self._bear(scope, found)
        # Another overlay may remove the extensions of this one.
        if isinstance(found, EvaluationError) or (found.hook and not found.members):
            scope = self._sets.alone(subject)
            found = self._sets.ask(f"look {called(scope, subject)}", Look)
            whole = replace(whole, scope=scope)
        if isinstance(found, EvaluationError):
            # The packages of a new interpreter may fail even if the interpreter itself
            # evaluates.
            verdict = (
                self._failure(subject, found)
                if subject.named.known
                else self._judged(whole)
            )
            yield self._override(whole, verdict)
            return
        members: list[Override] = []
        for each in found.members if subject.named.known else ():
            base = found.base if found.extended else None
            place = each.place or subject.named.place
            member = replace(
                whole, path=(*found.base, each.name), base=base, place=place
            )
            if each.place is None or not self._is_known(member, each.place):
                self._sets.begin()
                members.append(self._override(member, self._judged(member)))
        if not found.members or found.package or not subject.named.known:
            verdict = (
                self._judged(whole)
                if found.package
                else self._unlike(whole, found.old, found.new)
            )
            # An interpreter that differs only in its packages has no outcome of its
            # own.
            if not found.members or verdict.status is not Outcome.NO_EFFECT:
                yield self._override(whole, verdict)
        yield from members

    def _extended(self, whole: ScopedPath) -> Iterator[Override]:
        """Yield the outcomes of the packages in a set that an option extends."""
        look = self._sets.ask(f"look {called(whole.scope, whole.subject)}", Look)
        if isinstance(look, EvaluationError) or look.package or not look.extended:
            return
        for named in look.members:
            member = replace(
                whole,
                path=(*look.base, named.name),
                base=look.base,
                place=named.place or whole.place,
            )
            self._sets.begin()
            yield self._override(member, self._judged(member))

    def _is_known(self, asked: ScopedPath, place: Place) -> bool:
        """Return whether the same override was already judged under another path.

        The override may also come from another overlay.
        """
        subject, path = asked.subject, asked.path
        if place.file != subject.overlay.file and place.file in {
            each.file for each in subject.overlays
        }:
            return True
        known = self._written.setdefault((place, path[-1]), [])
        joint = self._sets.joint(subject)
        drv = self._sets.drv(joint, path) if known else ""
        if drv and any(self._sets.drv(joint, each) == drv for each in known):
            return True
        known.append(path)
        return False

    def _bear(self, scope: str, answer: object) -> None:
        """Skip a package set in which one override used up the whole time limit.

        The next question gets its own time.
        """
        if (
            isinstance(answer, EvaluationError)
            and answer.is_limit
            and scope.startswith("joint")
        ):
            self._slow.add(scope)
            self._sets.begin()

    def _unlike(self, asked: ScopedPath, old: str, new: str) -> Override:
        """Return the outcome if the old and the new value are of different kinds.

        At most one of the values is a package.
        """
        if old == "nothing":
            return Override(status=Outcome.NEW)
        # The old value may be a package that fails.
        if new == "package" or new not in {old, "function"}:
            return Override(status=Outcome.REACHES)
        if new == "set" and (within := self._within(asked)) is not None:
            return within
        equal = self._sets.ask(f"equal {asked.call}", object)
        if equal is True:
            return _ALREADY
        if equal is False:
            return Override(
                status=Outcome.REACHES,
                reason="the package that it makes differs"
                if new == "function"
                else None,
            )
        return Override(status=Outcome.UNKNOWN, reason=f"is a {new}, not a package")

    def _within(self, asked: ScopedPath) -> Override | None:
        """Return the outcome of an override that sets a package set.

        It is derived from at most _MOST packages that differ. Return None if none
        differs.
        """
        subject = asked.subject
        names = self._sets.ask(f"within {asked.call}", tuple[str, ...])
        found = (
            names
            if isinstance(names, EvaluationError)
            else self._differing(asked, names)
        )
        if isinstance(found, EvaluationError):
            failure = self._failure(subject, found)
            return replace(
                failure,
                reason=f"is a set that Nix cannot fully evaluate: {failure.reason}",
            )
        if not found:
            return None
        paths = [
            replace(asked, path=(*asked.path, *each), base=None)
            for each in found[:_MOST]
        ]
        members = [self._override(each, self._judged(each)) for each in paths]
        failing = next((each for each in members if each.status is Outcome.FAILS), None)
        if failing is not None and len(found) <= _MOST:
            return Override(
                status=Outcome.FAILS, reason=f"{failing.attribute}: {failing.reason}"
            )
        # A package set of another version may contain packages for other platforms
        # only.
        verdict = together(
            [each for each in members if each.status is not Outcome.FAILS] or members
        )
        if len(found) > _MOST and verdict.reason is None:
            return replace(
                verdict,
                reason=(
                    f"{_MOST} of its {len(found)} packages that differ were compared"
                ),
            )
        return verdict

    def _differing(
        self, asked: ScopedPath, names: Sequence[str]
    ) -> list[tuple[str, ...]] | EvaluationError:
        """Return the attribute paths of the packages in a set that differ.

        If Nix cannot evaluate the set as a whole, it is halved.
        """
        found = self._sets.ask(
            f"inner {asked.call} {listed(names)}", tuple[tuple[str, ...], ...]
        )
        if not isinstance(found, EvaluationError):
            return [*found]
        if found.is_limit or (
            len(names) > _MOST and self._none_evaluates(asked.call, names, found)
        ):
            return found
        if len(names) == 1:
            # A package that also failed without the override does not count.
            before = self._sets.ask(
                f"before {replace(asked, path=(*asked.path, *names)).call}", object
            )
            return [] if isinstance(before, EvaluationError) else [(names[0],)]
        middle = len(names) // 2
        one = self._differing(asked, names[:middle])
        other = (
            one
            if isinstance(one, EvaluationError)
            else self._differing(asked, names[middle:])
        )
        return (
            other
            if isinstance(one, EvaluationError) or isinstance(other, EvaluationError)
            else one + other
        )

    def _none_evaluates(
        self, call: str, names: Sequence[str], failed: EvaluationError
    ) -> bool:
        """Return whether all packages of a set seem to fail for one reason.

        Only a few packages of the set are tried.
        """
        some = (
            self._sets.ask(f"inner {call} {listed([each])}", object)
            for each in names[:: len(names) // _SOME]
        )
        return all(
            isinstance(each, EvaluationError) and each.message == failed.message
            for each in some
        )

    def _judged(self, asked: ScopedPath) -> Override:
        """Return the outcome of an override, for one attribute path that it sets."""
        is_joint = asked.scope == self._sets.joint(asked.subject)
        asked, pair = self._pair(asked)
        if isinstance(pair, EvaluationError):
            return self._failure(asked.subject, pair)
        self.derivations |= {pair.new.drv} if pair.new.drv else set()
        if pair.old.drv is None or pair.new.drv is None:
            return self._unlike(asked, pair.old.kind, pair.new.kind)
        case = self._others.case(asked, pair)
        old, new = case.old, case.new
        # The paths of content-addressed outputs are unknown.
        if old.path != new.path and (
            old.outputs != new.outputs or "" in old.outputs.values()
        ):
            changed = self._changed(asked, pair, case)
            return replace(changed, derivations=(old.path, new.path))
        if (
            is_joint
            and not asked.subject.again
            and self._sets.drv("plain", asked.path) != old.path
        ):
            # Another override may have the same effect.
            alone = self._judged(replace(asked, scope=self._sets.alone(asked.subject)))
            if alone.status is not Outcome.NO_EFFECT:
                return alone
        return self._unchanged(asked, case)

    def _pair(self, asked: ScopedPath) -> tuple[ScopedPath, Pair | EvaluationError]:
        """Return the values of an attribute path without and with the override.

        If the values fail with all overlays together, try this override alone.
        """

        def pair_in(asked: ScopedPath, afresh: str = "false") -> Pair | EvaluationError:
            if asked.base is None:
                return self._sets.ask(f"pair {afresh} {asked.call}", Pair)
            member = f"{listed(asked.base)} {quoted(asked.path[-1])}"
            return self._sets.ask(
                f"member {afresh} {called(asked.scope, asked.subject)} {member}", Pair
            )

        pair = pair_in(asked)
        self._bear(asked.scope, pair)
        fails = isinstance(pair, EvaluationError) or (
            pair.old.kind == "nothing" and asked.subject.named.known
        )
        if fails and asked.scope == self._sets.joint(asked.subject):
            alone = replace(asked, scope=self._sets.alone(asked.subject))
            by_itself = pair_in(alone)
            if isinstance(pair, EvaluationError) or not isinstance(
                by_itself, EvaluationError
            ):
                asked, pair = alone, by_itself
        if isinstance(pair, EvaluationError) and not pair.is_limit:
            afresh = pair_in(asked, "true")
            pair = pair if isinstance(afresh, EvaluationError) else afresh
        return asked, pair

    def _unchanged(self, asked: ScopedPath, case: Overridden) -> Override:
        """Return the outcome if the override does not change the build."""
        same = _ALREADY
        question = f"differs {asked.call}"
        if asked.base is None:
            failed = self._sets.ask(f"added {asked.call}", object)
            if isinstance(failed, EvaluationError):
                return self._failure(asked.subject, failed)
        else:
            member = called(asked.scope, asked.subject)
            question = f"memberDiffers {member} {quoted(asked.path[-1])}"
        shown = self._sets.known(question, Shown, Shown(meta=False, passthru=()))
        if shown.meta:
            reason = "only meta changes, and the build stays the same"
            same = Override(status=Outcome.NO_EFFECT, reason=reason)
        elif shown.passthru and not case.calls:
            # `package // { … }` replaces attributes that other packages use.
            return Override(
                status=Outcome.REACHES,
                reason=f"only {', '.join(shown.passthru)} changes",
            )
        elif shown.passthru:
            reason = "only passthru changes, and the build stays the same"
            same = Override(status=Outcome.NO_EFFECT, reason=reason)
        if same is _ALREADY and self._sets.drv("plain", asked.path) not in {
            "",
            case.new.path,
        }:
            same = _BY_OTHERS
        if same is _ALREADY and (fact := nothing.reason(case, asked.place)):
            same = Override(status=Outcome.NO_EFFECT, reason=fact)
        other, _ = self._others.instead(asked, case, (), _names(asked))
        return (
            same
            if other is None
            else replace(same, reason="the derivation stays the same", instead=other)
        )

    def _changed(self, asked: ScopedPath, pair: Pair, case: Overridden) -> Override:
        """Return the outcome if the override changes the derivation."""
        old, new = case.old, case.new
        if rules.is_meta(old, new):
            return Override(
                status=Outcome.NO_EFFECT,
                reason="only meta changes, and with it NIX_MAIN_PROGRAM",
            )
        left = rules.left(case)
        known = self._written.get((asked.place, asked.path[-1]), [])
        # The same line may also have overridden the old value.
        stays = {old.path} - {
            self._sets.drv(self._sets.joint(asked.subject), each) for each in known
        }
        rest = tuple(
            Left(name=".".join(alias.path), why="still lacks the override")
            for alias in pair.aliases
            if len(alias.path) > 1
            and alias.drv not in {None, new.path}
            and alias.drv in {*stays, alias.plain}
        )
        if not left and not rest:
            follower = next(
                (
                    each.path[0]
                    for each in pair.aliases
                    if len(each.path) == 1 and each.drv == new.path
                ),
                None,
            )
            return Override(
                status=Outcome.REACHES,
                reason=f"{follower} follows" if follower is not None else None,
            )
        names = _names(asked)
        found, remains = (
            self._others.instead(asked, case, left, names) if left else ("", ())
        )
        others = [None if remains else found]
        if rest and None not in others:
            others.append(self._beside(asked, rest, names))
        texts = [text for text in others if text]
        self._joined.add((*texts,))
        other = "\n".join(texts) or None
        reason = instead.obstacle(left, remains) if other is None else None
        closest = found or None if other is None else None
        return Override(
            status=Outcome.IN_PART,
            left=left + rest,
            reason=reason,
            instead=other,
            closest=closest,
        )

    def _beside(
        self, asked: ScopedPath, rest: Sequence[Left], names: Names
    ) -> str | None:
        """Return an alternative that also overrides another name of the package.

        The first path in `rest` is the name that still lacks the override.
        """
        target = rest[0].name.split(".")
        is_kernel = target[1:] == ["kernel"]
        path = asked.path
        among = (
            [instead.kernel(target[0], path[0], names)]
            if is_kernel
            else [*instead.placed(path, names)]
        )
        return self._others.placed(asked, target, among, names)

    def _failure(self, subject: Listed, failed: EvaluationError) -> Override:
        reason, package = failed.fact, self._parts_of.get(subject.name)
        place = subject.named.place
        names = _names(
            ScopedPath(subject=subject, path=(subject.name,), scope="", place=place)
        )
        other = (
            self._others.part(subject, subject.name, package, names)
            if package is not None
            else None
        )
        if other is not None:
            reason += f"; it is a part of {package}"
        elif (asked := re.search(r"unexpected argument '([^']+)'", reason)) is not None:
            other = self._others.part(subject, asked[1], subject.name, names)
            arguments = self._sets.known(
                f"arguments {called(self._sets.joint(subject), subject)}",
                tuple[str, ...],
                (),
            )
            near = get_close_matches(asked[1], arguments, n=3)
            if other is not None:
                reason += f"; the file of {subject.name} defines it as a part"
            elif near:
                reason += f"; the nearest names are {', '.join(near)}"
        elif (
            meant := re.search(r"^\s*Did you mean (.*)\?$", failed.stderr, re.MULTILINE)
        ) is not None:
            reason += f"; did you mean {meant[1]}?"
        status = self.overlays.status_of(subject.overlay.file, failed)
        return Override(status=status, reason=reason, instead=other)

    def _override(self, asked: ScopedPath, verdict: Override) -> Override:
        """Return the final result for an override, with its place.

        The result takes the other overlays of the list into account.
        """
        subject, path, where = asked.subject, asked.path, asked.place
        chosen = subject.overlay.option
        if verdict.status in {Outcome.REACHES, Outcome.IN_PART, Outcome.NEW}:
            verdict = self._in_list(asked, verdict)
        elif (
            verdict.status is Outcome.NO_EFFECT
            and where is not None
            and is_own(where.file)
        ):
            reason = "the build stays the same, and its parts become overridable"
            verdict = Override(status=Outcome.REACHES, reason=reason)
        if chosen is None and list(path) == [subject.name]:
            self._warn_of_others(subject, where)
        return replace(
            verdict,
            attribute=".".join(
                path
                if chosen is None
                else (
                    *chosen.option,
                    *(path if chosen.is_whole else path[len(chosen.of) :]),
                )
            ),
            system=self.overlays.system,
            file=where.file if where is not None else subject.overlay.file,
            line=where.line if where is not None else None,
        )

    def _warn_of_others(self, subject: Listed, where: Place | None) -> None:
        """Warn if a service uses another package than the overridden one."""
        place = (
            f"{where.file}:{where.line}" if where is not None else subject.overlay.file
        )
        for each in self._sets.known(
            f"taken {subject.overlay.source} {quoted(subject.name)}",
            tuple[Taken, ...],
            (),
        ):
            fact = f"{each.option} is {each.attribute}, not {subject.name}"
            self.overlays.warnings.append(
                f"{place}: {fact}: override that package, or set {each.option} = pkgs."
                f"{subject.name}"
            )

    def _in_list(self, asked: ScopedPath, verdict: Override) -> Override:
        """Return the outcome of an override among all overlays, in their order.

        `verdict` is the outcome of the override alone, which takes effect.
        """
        subject, path = asked.subject, asked.path
        if self._sets.joint(subject) in self._slow:
            return verdict
        by = self._sets.replacement(subject, path)
        if by is None:
            refused = self._sets.refusal(subject, path)
            return (
                replace(
                    verdict, reason="; ".join(filter(None, (verdict.reason, refused)))
                )
                if refused
                else verdict
            )
        place = by.file if by.line is None else f"{by.file}:{by.line}"
        asked, names = (
            replace(asked, scope=self._sets.joint(subject)),
            _names(asked),
        )
        other = self._others.placed(asked, path, [*instead.placed(path, names)], names)
        if other is None:
            later = replace(
                subject,
                overlay=subject.overlays[by.overlay - 1],
                named=Named(name=subject.name),
            )
            names = instead.names_at(Place(file=by.file, line=by.line))
            among = [*instead.composed(path, f"overlay {by.overlay} ({place})", names)]
            other = self._others.placed(
                replace(asked, subject=later), path, among, names
            )
        reason = f"replaced by overlay {by.overlay} ({place})"
        if other is None:
            reason += (
                f"; no form works, because that overlay creates '{subject.name}' anew"
            )
        return Override(
            status=Outcome.NO_EFFECT, reason=reason, instead=other, replaced_by=by
        )


def _names(asked: ScopedPath) -> Names:
    """Return the argument names in the user's code at the place of an override."""
    option, names = asked.subject.overlay.option, instead.names_at(asked.place)
    if option is None and asked.base is None and asked.path[1:]:
        return replace(names, before=".".join((names.prev, *asked.path[:-1])))
    if option is None:
        return names
    if asked.base is None:
        return Names(final="pkgs", prev="pkgs", option=option)
    return Names(final="pkgs", prev="pkgs", own=names.final, before=names.prev)
