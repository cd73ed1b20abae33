"""List the overlays in a user's files, and the attributes that each overlay sets."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from toolkit.asking.session import EvaluationError
from toolkit.nix.program import quoted
from toolkit.reach.answers import (
    Listed,
    Named,
    Overlay,
    OverlaySource,
    OverrideCall,
    Place,
    SetOption,
)
from toolkit.reach.effects import Outcome, Override
from toolkit.reach.sets import Sets, listed

_HOOKED = {
    "pythonPackagesExtensions": ("python3Packages",),
    "haskell": ("haskellPackages",),
}


_OVERLOOKED = (
    "is outside of overlays and options, so unlet did not check it: name the "
    "overlay, configuration, flake or shell that uses it"
)


def status_of(failed: EvaluationError) -> Outcome:
    """Return the outcome of an override whose value does not evaluate.

    The outcome is unknown at a limit, or if a file is missing.
    """
    return Outcome.UNKNOWN if failed.is_limit or failed.is_absent else Outcome.FAILS


class Listing:
    """The overlays in the user's files, as Nix reads them.

    `warnings` are about overrides and files that Nix could not read.
    """

    def __init__(self, sets: Sets) -> None:
        self._sets = sets
        self.system = ""
        self.warnings: list[str] = []
        self.names: set[str] = set()
        """The attributes that the overlays set, as far as Nix has read them."""
        self._partial: set[str] = set()

    def subjects(
        self, sources: Sequence[OverlaySource], only: Sequence[str]
    ) -> tuple[list[Override], list[Listed]]:
        """Return the overlays that cannot be read, and the attributes of the others.

        The overlays in `sources` are used together. `only` restricts the attributes.
        """
        unread: list[Override] = []
        overlays: list[Overlay] = []
        for source in sources:
            self._sets.begin()
            if source.is_configuration and not source.otherwise:
                self._partial.add(source.file)
            own = self._sets.define("file", source.question)
            readable = self._readable(source)
            opened = self._sets.ask(f"overlays {readable}", tuple[str, ...])
            for place, label, found in self._parts(readable, source.label, opened):
                if isinstance(found, EvaluationError):
                    unread.append(self._unread(source.file, label, found))
                    continue
                for number, name in enumerate(found):
                    words = f"{place} {number}"
                    overlay = self._sets.define(
                        "overlay", f"overlayOf {words} {quoted(words)}"
                    )
                    names = self._sets.ask(f"names {overlay}", tuple[Named, ...])
                    if isinstance(names, EvaluationError):
                        unread.append(self._unread(source.file, name, names))
                    else:
                        overlays.append(
                            Overlay(
                                key=overlay,
                                number=len(overlays) + 1,
                                file=source.file,
                                names=names,
                                listed=name.endswith("]") or name == "packageOverrides",
                                source=own,
                            )
                        )
        for source in sources:
            options = [*self._options(source, overlays)]
            chosen = [option for option in options if isinstance(option, Overlay)]
            overlays += chosen
            if chosen and not source.is_configuration:
                # A file that defines packages from others has no overlays, but its
                # options were read.
                unread = [row for row in unread if row.file != source.file]
            # An error that affects the overlays is reported once, for the overlays.
            elif all(row.file != source.file for row in unread):
                unread += (row for row in options if isinstance(row, Override))
            unread += self.overlooked(source, overlays, unread)
        self.names |= {each.name for overlay in overlays for each in overlay.names}
        self.system = self._sets.known(f"system {self._sets.used(overlays)}", str, "")
        return [replace(each, system=self.system) for each in unread], [
            Listed(overlay=overlay, overlays=tuple(overlays), named=each)
            for overlay in overlays
            for each in overlay.names
            if not only
            or overlay.option is not None
            or any(
                wanted.partition(".")[0] in {each.name, *_HOOKED.get(each.name, ())}
                for wanted in only
            )
        ]

    def status_of(self, file: str, failed: EvaluationError) -> Outcome:
        """Return the outcome of an override in a file that does not evaluate."""
        is_lacking = failed.is_missing and file in self._partial
        return Outcome.UNKNOWN if is_lacking else status_of(failed)

    def hosts(self, directory: str) -> tuple[tuple[str, str], ...]:
        """Return the configurations of a flake, such as NixOS hosts, by kind and name.

        Return an empty tuple if the flake cannot be read; its overlays then have the
        error.
        """
        return self._sets.known(
            f"hosts {quoted(directory)}", tuple[tuple[str, str], ...], ()
        )

    def _options(
        self, source: OverlaySource, overlays: Sequence[Overlay]
    ) -> Iterator[Overlay | Override]:
        """Yield the overrides in the options of a configuration, as overlays.

        Options that Nix cannot read are yielded as an `Override` with the reason. Warn
        about overrides that are in neither an overlay nor an option.
        """
        own = self._sets.define("file", source.question)
        readable = self._readable(source)
        if source.is_configuration and source.otherwise:
            whole = self._sets.define("file", source.otherwise[0])
            own = readable if readable == whole else own
        known: set[str] = set()
        lines: set[int | None] = {
            named.place.line
            for overlay in overlays
            for named in overlay.names
            if named.place is not None and named.place.file == source.file
        }
        chosen = [*self._chosen(source, own, ())]
        if source.is_configuration or source.label:
            yield from {
                each.reason: each
                for each in reversed(chosen)
                if isinstance(each, Override)
            }.values()
        for number, found in enumerate(
            (each for each in chosen if isinstance(each, SetOption)),
            len(overlays) + 1,
        ):
            # If the whole file is an override, no attribute contains it.
            line = next(
                (call.line for call in source.calls if call.name == found.of[-1]), None
            )
            place = found.place or Place(file=source.file, line=line)
            words = (
                f"{listed(found.keys)} {listed(found.of[::-1])} "
                f"{quoted(f'{own} {number}')}"
            )
            known.add(found.of[-1])
            lines.add(found.place.line if found.place is not None else None)
            yield Overlay(
                key=self._sets.define("overlay", f"chosenOf {own} {readable} {words}"),
                number=number,
                file=source.file,
                names=(Named(name=found.of[0], place=place),),
                listed=False,
                source=own,
                option=found,
            )
        if not source.is_configuration:
            return
        rest = [
            call
            for call in source.calls
            if call.name not in known and lines.isdisjoint(call.bindings)
        ]
        self._warn_of_lines(source, rest)

    def overlooked(
        self,
        source: OverlaySource,
        overlays: Sequence[Overlay] = (),
        unread: Sequence[Override] = (),
    ) -> Iterator[Override]:
        """Yield the overrides in a file's text that are in no overlay and no option.

        Warn about overrides in an overlay that set nothing here, for example because of
        a false condition.
        """
        own = [overlay for overlay in overlays if overlay.file == source.file]
        named = [named for overlay in own for named in overlay.names]
        places = {named.place.line for named in named if named.place is not None}
        names = {named.name for named in named}
        rest = [
            call
            for call in source.calls
            if places.isdisjoint(call.bindings) and call.name not in names
        ]
        if any(row.file == source.file for row in unread):
            if not source.is_configuration:
                self._warn_of_lines(source, rest)
        elif not named:
            for call in rest:
                yield Override(
                    attribute=call.name,
                    status=Outcome.UNKNOWN,
                    file=source.file,
                    line=call.line,
                    reason=_OVERLOOKED,
                )
        elif any(overlay.option is not None for overlay in own):
            if not source.is_configuration:
                self._warn_of_lines(source, rest)
        elif not source.is_configuration:
            self.warnings += (
                (
                    f"{source.file}:{call.line}: the override of '{call.name}' sets "
                    "nothing here, for example behind a condition that is false"
                )
                for call in rest
                if not call.is_local
            )

    def _warn_of_lines(
        self, source: OverlaySource, calls: Sequence[OverrideCall]
    ) -> None:
        """Warn about overrides that unlet did not check, with their lines."""
        lines = ", ".join(dict.fromkeys(str(call.line) for call in calls))
        if lines:
            fact = f"unlet did not check overrides outside of overlays: line {lines}"
            self.warnings.append(f"{source.file}: {fact}")

    def _chosen(
        self, source: OverlaySource, place: str, keys: tuple[str, ...]
    ) -> Iterator[SetOption | Override]:
        """Yield the overrides in the options of a file.

        For an option that Nix cannot read, yield an `Override` with the error.
        """
        found = self._sets.ask(f"chosen {place} {listed(keys)}", tuple[SetOption, ...])
        if not isinstance(found, EvaluationError):
            yield from found
            return
        names = self._sets.known(f"keys {place} {listed(keys)}", tuple[str, ...], ())
        for name in names:
            yield from self._chosen(source, place, (*keys, name))
        if not names:
            option = ".".join(key for key in keys if not key.isdigit())
            unread = self._unread(
                source.file, option or source.label or "options", found
            )
            fact = (
                f"unlet did not read the options of the configuration: {unread.reason}"
            )
            yield replace(unread, status=Outcome.UNKNOWN, reason=fact)

    def _readable(self, source: OverlaySource) -> str:
        """Return the session's name for a file, in the first form that evaluates."""
        place = self._sets.define("file", source.question)
        for number, question in enumerate(source.otherwise):
            failed = self._sets.ask(f"overlays {place}", object)
            if not isinstance(failed, EvaluationError):
                break
            if source.warning and number == 0:
                self.warnings.append(f"{source.file}: {source.warning}: {failed.fact}")
                self._partial.add(source.file)
            place = self._sets.define("file", question)
        return place

    def _parts(
        self, place: str, label: str, found: tuple[str, ...] | EvaluationError
    ) -> Iterator[tuple[str, str, tuple[str, ...] | EvaluationError]]:
        """Yield the overlays of a file.

        If Nix cannot read all overlays at once, they are read one by one.
        """
        is_read = not isinstance(found, EvaluationError)
        if is_read or not (
            parts := self._sets.known(f"parts {place}", tuple[str, ...], ())
        ):
            yield place, label, found
            return
        for number, name in enumerate(parts):
            part = self._sets.define("file", f"part {place} {number}")
            yield from self._parts(
                part, name, self._sets.ask(f"overlays {part}", tuple[str, ...])
            )

    def _unread(self, file: str, label: str, failed: EvaluationError) -> Override:
        """Return the result for the overrides of an overlay that Nix cannot read."""
        status = status_of(failed)
        if file in self._partial:
            # If only a fragment of a configuration was read, an error may come from the
            # missing rest.
            status = Outcome.UNKNOWN
        elif status is Outcome.UNKNOWN:
            self._partial.add(file)
        return Override(attribute=label, status=status, file=file, reason=failed.fact)
