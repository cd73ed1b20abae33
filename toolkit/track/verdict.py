"""Advise the user what to do with an overlay and with nixpkgs.

The advice is to keep the overlay, make it again, update nixpkgs, or remove the overlay.
It is unknown if the states of the refs do not decide.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import documents, inside
from toolkit.errors import ToolkitError, UnreachableError, without_passwords
from toolkit.files import REPORT
from toolkit.git import clone, reading
from toolkit.model import Oid, Progress, SourceRequest
from toolkit.proposal import registry
from toolkit.proposal.registry import OverlayUse
from toolkit.sources import locks, trees
from toolkit.track import readings
from toolkit.track.answer import Advice, NextStep, Ref, RefKind, TrackVerdict
from toolkit.track.readings import EVALUATION, Overridable, Reading, State
from toolkit.track.upstream import (
    FoundFile,
    NoPackageError,
    Refs,
    TrackedPackage,
    WantedRef,
)

NOTHING_CHANGED, CHANGED, TO_DO, UNKNOWN = 0, 1, 10, 11

# The name of a channel's release ends with the beginning of its commit:
# nixos-26.05.1234.058a66cee256.
_RELEASE = re.compile(r"/(?:nixos|nixpkgs)-[\w.-]*\.([0-9a-f]{11,40})/[^/]*$")


_PATCHED = "patched"
"""The kind of an overlay that `unlet propose` writes."""


class Used(Struct, frozen=True, kw_only=True):
    """The overlay for a package that the user has.

    `blob` is the git id of the file from which the overlay was made, if known, and
    `directory` is the overlay's place. `is_aside` is true if the overlay changes
    nothing in the user's nixpkgs. `bindings` are the let-bound packages that it makes
    overridable, empty if unknown. `kind` is None if the user does not name a kind.
    """

    package: str = field(default_factory=registry.usual)
    bindings: tuple[str, ...] = ()
    kind: str | None = None
    blob: str | None = None
    directory: Path | None = None
    is_aside: bool = False

    @property
    def is_named(self) -> bool:
        """Return whether the user named an overlay, by its directory or its kind."""
        return self.directory is not None or self.kind is not None

    @property
    def use(self) -> OverlayUse:
        """The conditions under which an overlay of this kind is needed."""
        return registry.tracking(self.package).overlays.get(
            self.kind or "", OverlayUse()
        )

    def is_needed(self, reading: Reading) -> bool | None:
        """Return whether a version of the package's file still needs the overlay.

        Return None if unknown. Only Nix's evaluation of a version can show that the
        overlay is not needed.
        """
        if self.use.fact is not None:
            fact = reading.fact(self.use.fact)
            is_known, needed, by = (
                fact.value != readings.UNKNOWN,
                fact.value in self.use.values,
                fact.by,
            )
        else:
            needed, by = reading.state is not State.FIXED, reading.overridable_by
            is_old = (
                self.kind is not None
                and reading.overridable is Overridable.NOT_APPLICABLE
            )
            is_known = reading.state is not State.UNKNOWN and not is_old
        return needed if is_known and (needed or by == EVALUATION) else None


class _Source(Struct, frozen=True, kw_only=True):
    blob: str


class _Report(Struct, frozen=True, kw_only=True):
    """The fields of an overlay's report.json that `unlet track` reads.

    `unlet propose` writes a report without a kind; for a lift, the kind is the design.
    """

    source: _Source
    target: str = field(default_factory=registry.usual)
    bindings: tuple[str, ...] = ()
    kind: str = _PATCHED


def read_overlay(directory: Path) -> Used:
    """Return the overlay in a directory that `unlet overlay` or `propose` wrote.

    Raise ToolkitError for a directory without report.json. A proposal's report is
    beside its `overlay/`.
    """
    for place in (directory, directory.resolve().parent):
        if (content := inside.find(place, REPORT)) is None:
            continue
        report = documents.read(content, _Report, document=str(place / REPORT))
        is_named = report.target in registry.named()
        if is_named and report.kind not in registry.tracking(report.target).overlays:
            raise ToolkitError(
                f"{place / REPORT}: field 'kind' is '{report.kind}', which is not a "
                "kind of overlay"
            )
        kind, blob = report.kind if is_named else _PATCHED, report.source.blob
        return Used(
            package=report.target,
            bindings=report.bindings,
            kind=kind,
            blob=blob,
            directory=directory,
        )
    hint = "name the kind with --kind if unlet did not write the overlay"
    raise ToolkitError(
        f"{directory}: has no {REPORT} that states the kind of overlay", hint=hint
    )


def pinned(
    nixpkgs: str,
    subject: TrackedPackage,
    upstream: Refs,
    repository: str,
    progress: Progress,
) -> FoundFile:
    """Return the package's file in the user's own nixpkgs.

    A commit in a lock file is read only from the source of the refs: the clone, without
    a network, or the server, with one small request. Paths on this computer are read
    directly. If the nixpkgs is unavailable now, the result has the reason. Raise
    ToolkitError if `nixpkgs` does not name a nixpkgs.
    """
    name = without_passwords(nixpkgs)
    locked = _locked(nixpkgs, repository)
    if locked is not None:
        (found,) = upstream.look([WantedRef(locked, RefKind.PIN)])
        return replace(found, wanted=WantedRef(f"{name} {locked[:12]}", RefKind.PIN))
    wanted = WantedRef(name, RefKind.PIN)
    try:
        root = trees.as_they_are(SourceRequest(nixpkgs=nixpkgs), progress=progress)
    except UnreachableError as error:
        return FoundFile(wanted=wanted, reason=error.message)

    def read(paths: Sequence[PurePosixPath]) -> list[tuple[Oid, bytes] | None]:
        contents = [inside.find(root, path) for path in paths]
        return [
            (reading.blob_id(content), content) if content is not None else None
            for content in contents
        ]

    try:
        file = subject.find(read)
    except ToolkitError as error:
        return FoundFile(
            wanted=wanted,
            reason=error.message,
            absent=isinstance(error, NoPackageError),
        )
    return FoundFile(wanted=wanted, file=file, tree=root)


def _locked(nixpkgs: str, repository: str) -> str | None:
    """Return the commit of `repository` that a lock file pins.

    Return None for any other form of `nixpkgs`.
    """
    path, _, entry = nixpkgs.partition("#")
    file = Path(path).expanduser()
    if not file.is_file():
        return None
    locked = locks.read(file, entry or "nixpkgs")
    if (
        isinstance(locked, locks.AtRelease)
        and (found := _RELEASE.search(locked.url)) is not None
    ):
        return found[1]
    if not isinstance(locked, locks.AtCommit) or not re.fullmatch(
        r"[0-9a-f]{40}", locked.rev
    ):
        return None
    ours = locked.url is None or clone.owner_and_name(locked.url) == repository.lower()
    return locked.rev if ours else None


def track_verdict(
    refs: Sequence[Ref],
    pin: Ref | None,
    *,
    used: Used,
    nixpkgs: str | None = None,
    are_all: bool = True,
) -> TrackVerdict:
    """Return the advice for the user's overlay, from the refs and the user's pin.

    `nixpkgs` is the user's name for the pin. A fix is available from a channel, or from
    a ref that the user named, but not from a branch of nixpkgs. Unless the refs
    `are_all` of the usual channels, the text says nothing about other channels. An
    unknown state is no reason to keep or to remove an overlay.
    """
    judgement, text = _judged(refs, pin, used, are_all=are_all)
    fixed = [ref.name for ref in refs if ref.state is State.FIXED]
    unknown = [
        ref.name
        for ref in (*refs, *((pin,) if pin is not None else ()))
        if ref.state is State.UNKNOWN
    ]
    steps = tuple(_steps(judgement, refs, pin, used, nixpkgs))
    return TrackVerdict(
        judgement=judgement,
        text=text,
        next=steps,
        fixed_in=tuple(fixed),
        unknown=tuple(unknown),
    )


def exit_code(verdict: TrackVerdict, *, changed: bool) -> int:
    """Return the exit code of `track`.

    Advice that requires an action has priority. A result with unknown refs never counts
    as unchanged.
    """
    if verdict.judgement in {Advice.REMOVE, Advice.UPDATE, Advice.RENEW}:
        return TO_DO
    if verdict.judgement is Advice.UNKNOWN or verdict.unknown:
        return UNKNOWN
    return CHANGED if changed else NOTHING_CHANGED


def _judged(
    refs: Sequence[Ref], pin: Ref | None, used: Used, *, are_all: bool
) -> tuple[Advice, str]:
    if used.use.always is not None:
        return Advice.KEEP, used.use.always
    fact = used.use.gone
    found = _by_pin(pin, used, fact) if pin is not None else None
    there = [ref for ref in refs if ref.state is not State.ABSENT]
    return (
        found
        or _by_source(there, pin, used, fact)
        or _nowhere(there, used, fact, are_all=are_all)
    )


def _by_pin(pin: Ref, used: Used, fact: str) -> tuple[Advice, str] | None:
    """Return advice from the user's own nixpkgs.

    Return None if this nixpkgs still needs the overlay as it is.
    """
    needed = _is_needed(pin, used)
    if needed is None:
        reason = (
            pin.reason
            or (pin.reading.reason if pin.reading is not None else None)
            or "unlet knows no reason"
        )
        return Advice.UNKNOWN, f"unknown for your nixpkgs ({pin.name}): {reason}"
    if not needed:
        return Advice.REMOVE, f"{fact} in your nixpkgs ({pin.name}): remove the overlay"
    if _is_stale(pin, used) or used.is_aside:
        fact = (
            f"your nixpkgs ({pin.name}) has another {used.package} than the one the "
            "overlay was made for"
        )
        return Advice.RENEW, f"{fact}, so the overlay does nothing there: make it again"
    return None


def _by_source(
    refs: Sequence[Ref], pin: Ref | None, used: Used, fact: str
) -> tuple[Advice, str] | None:
    """Return advice from the refs that users can install.

    Return None if all of these refs still need the overlay.
    """
    channels = [ref for ref in refs if ref.kind is RefKind.CHANNEL]
    sources = channels or [ref for ref in refs if ref.kind is not RefKind.BRANCH]
    done = [ref for ref in sources if _is_needed(ref, used) is False]
    if done and pin is not None:
        return (
            Advice.UPDATE,
            f"{fact} in {_listed(done)}, but not yet in your pin ({pin.name})",
        )
    if done:
        then = (
            ": you can remove the overlay once your nixpkgs includes it"
            if used.is_named
            else ""
        )
        return Advice.UPDATE, f"{fact} in {_listed(done)}{then}"
    if unknown := ", ".join(
        ref.name for ref in sources if _is_needed(ref, used) is None
    ):
        then = ": keep the overlay until this is known" if used.is_named else ""
        return Advice.UNKNOWN, f"unknown for {unknown}{then}"
    return None


def _nowhere(
    refs: Sequence[Ref], used: Used, fact: str, *, are_all: bool
) -> tuple[Advice, str]:
    keep = "keep the overlay: " if used.is_named else ""
    if elsewhere := [ref for ref in refs if _is_needed(ref, used) is False]:
        channels = (
            "but not in any channel yet"
            if are_all
            else "but not in any channel that unlet checked"
        )
        if not any(ref.kind is RefKind.CHANNEL for ref in refs):
            channels = "and unlet checked no channel"
        return Advice.KEEP, f"{keep}{fact} in {_listed(elsewhere)}, {channels}"
    if half := ", ".join(ref.name for ref in refs if ref.state is State.HALF_FIXED):
        return Advice.KEEP, f"{keep}half fixed in {half}, completely fixed nowhere"
    where = "nowhere yet" if are_all else "in none of the refs that unlet checked"
    return Advice.KEEP, f"{keep}fixed {where}"


def _steps(
    judgement: Advice,
    refs: Sequence[Ref],
    pin: Ref | None,
    used: Used,
    nixpkgs: str | None,
) -> Iterator[NextStep]:
    # The commands are printed and written to files, so they must not contain a
    # password.
    nixpkgs = without_passwords(nixpkgs) if nixpkgs is not None else None
    again = shlex.join(_again(used, nixpkgs))
    match judgement:
        case Advice.REMOVE:
            yield from _removal(used, nixpkgs)
        case Advice.RENEW:
            yield NextStep(
                text="Make the overlay again, and replace yours with the new one.",
                command=_anew(used, nixpkgs),
            )
        case Advice.UPDATE:
            yield NextStep(
                text="Update your nixpkgs, and run track again.",
                command=_update(nixpkgs) or again,
            )
        case Advice.UNKNOWN:
            yield NextStep(
                text="The notes explain why. Change nothing until the answer is known."
            )
            if all(ref.commit is None for ref in refs):
                text = "If the server cannot be reached, use a clone of nixpkgs."
                yield NextStep(text=text, command="unlet track --git-dir CLONE")
            else:
                yield NextStep(text="Then ask again.", command=again)
        case _ if used.use.always is not None:
            yield NextStep(text="There is no overlay to remove.", command=again)
        case _ if pin is None and any(_is_stale(ref, used) for ref in refs):
            text = (
                f"The {used.package} file has changed upstream: make the overlay "
                "again when you update nixpkgs."
            )
            yield NextStep(text=text, command=_anew(used, nixpkgs))
        case _:
            text = "Run track again after you next update nixpkgs."
            yield NextStep(text=text, command=again)
    if not used.is_named and judgement is not Advice.UNKNOWN:
        kinds = " or --kind" if used.package in registry.named() else ""
        ways = f"--overlay DIR{kinds}"
        yield NextStep(
            text=f"To check your own overlay, name it with {ways}.",
            command=shlex.join([*_again(used, nixpkgs), "--overlay", "DIR"]),
        )


def _removal(used: Used, nixpkgs: str | None) -> Iterator[NextStep]:
    where = f" ({used.directory})" if used.directory is not None else ""
    yield NextStep(text=f"Remove the overlay{where} from nixpkgs.overlays.")
    if (left := registry.tracking(used.package).without) is not None:
        yield NextStep(text=left)
    yield NextStep(
        text="Check whether your other overrides still reach the build.",
        command=shlex.join(["unlet", "reach", "FILE", *_given(nixpkgs)]),
    )


def _is_needed(ref: Ref, used: Used) -> bool | None:
    return used.is_needed(ref.reading) if ref.reading is not None else None


def _is_stale(ref: Ref, used: Used) -> bool:
    """Return whether the overlay was made from another version of its file."""
    return (
        used.use.fact is None
        and ref.blob is not None
        and used.blob not in {None, str(ref.blob)}
    )


def _anew(used: Used, nixpkgs: str | None) -> str:
    target = registry.named().get(used.package)
    words = [
        *(target.overlay if target is not None else [used.package]),
        "--nixpkgs",
        nixpkgs or "WHERE",
    ]
    words += (
        ["--out", str(used.directory), "--force"] if used.directory is not None else []
    )
    return shlex.join(["unlet", "overlay", *words])


def _again(used: Used, nixpkgs: str | None) -> list[str]:
    """Return the command line that checks the same package and overlay again."""
    target = [] if used.package == registry.usual() else [used.package]
    overlay = ["--overlay", str(used.directory)] if used.directory is not None else []
    kind = ["--kind", used.kind] if used.kind is not None and not overlay else []
    return ["unlet", "track", *target, *_given(nixpkgs), *overlay, *kind]


def _given(nixpkgs: str | None) -> list[str]:
    return ["--nixpkgs", nixpkgs] if nixpkgs is not None else []


def _update(nixpkgs: str | None) -> str | None:
    """Return the command that updates a nixpkgs of this name, or None if unknown."""
    file, _, entry = (nixpkgs or "").partition("#")
    if Path(file).name == "flake.lock":
        return f"nix flake update {entry or 'nixpkgs'}"
    if Path(file).name == "sources.json":
        return f"npins update {entry or 'nixpkgs'}"
    return "nix-channel --update" if file.startswith("<") else None


def _listed(refs: Sequence[Ref]) -> str:
    """Return the names of refs, with the dates of their fixes."""
    by_date: dict[str, list[str]] = {}
    for ref in refs:
        since = (
            f" since {ref.fixed_by.date:%Y-%m-%d}" if ref.fixed_by is not None else ""
        )
        by_date.setdefault(since, []).append(ref.name)
    return ", ".join(f"{', '.join(names)}{since}" for since, names in by_date.items())
