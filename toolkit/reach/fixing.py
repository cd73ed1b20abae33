"""`reach --fix`: write the forms that reach into the user's files, if Nix confirms them.

A file gets all of its changes or none. Each is tried in the whole file first: it has to
reach, and every other override has to be what it was.
"""

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from toolkit import files
from toolkit.errors import RefusalError, ToolkitError, reason_of
from toolkit.git import worktrees
from toolkit.model import Progress, Silence, SourceRequest
from toolkit.nix.edit import Edit, apply
from toolkit.nix.program import nix_path
from toolkit.nix.tree import parsed
from toolkit.proposal import proposing
from toolkit.reach import sources, spans
from toolkit.reach.effects import Outcome, Override, Reach
from toolkit.reach.mends import Behind, Composition, Proposed
from toolkit.reach.mirrors import Mirror
from toolkit.reach.reaching import ReachRequest, reach
from toolkit.report.mending import Mended, Refused

_REACHING = frozenset([Outcome.REACHES, Outcome.NEW])


class Fixes(Struct, frozen=True, kw_only=True):
    """The changed files, the refusals, and the overrides before and after the change."""

    reach: Reach
    after: Reach
    mended: tuple[Mended, ...]
    refused: tuple[Refused, ...]
    overlays: dict[str, Path] = {}
    needed: tuple[str, ...] = ()


class _Plan(Struct, frozen=True, kw_only=True):
    """An override, its file, and the edits that make it reach."""

    override: Override
    file: Path
    edits: tuple[Edit, ...]
    overlay: str | None = None

    @property
    def beside(self) -> Path | None:
        """The directory of unlet's overlay that the change needs."""
        name = self.overlay
        return None if name is None else self.file.parent / f"{name}-overlay"


def fixes(
    request: ReachRequest,
    *,
    progress: Progress,
) -> Fixes:
    """Return the changes of the user's files that make their overrides reach.

    Raise ToolkitError as `reach` does, and for what is no file.
    """
    if sources.INPUT in request.paths:
        raise ToolkitError(
            "-: --fix writes into a file, and this is none", hint="name the file"
        )
    found = reach(request, progress=progress)
    texts: dict[Path, str] = {}
    plans: list[_Plan] = []
    refused: list[Refused] = []
    for override in found.overrides:
        if override.status in _REACHING or override.file is None:
            continue
        try:
            plans.append(_plan(override, found, texts))
        except ToolkitError as error:
            refused.append(Refused(attribute=override.attribute, reason=error.message))
    if not plans:
        return Fixes(reach=found, after=found, mended=(), refused=(*refused,))
    trial = _Fix(request=request, found=found, texts=texts, progress=progress)
    kept, after = trial.kept(plans)
    refused += (
        Refused(
            attribute=plan.override.attribute,
            reason=f"{plan.file}:{plan.override.line}: does not reach the build in "
            f"the context of the whole file",
        )
        for plan in plans
        if plan not in kept
    )
    changed = _texts(texts, kept)
    links = {path.resolve(): path for path in request.paths if path.is_symlink()}
    mended = tuple(
        Mended(
            file=file,
            before=texts[file],
            after=text,
            attributes=tuple(
                plan.override.attribute for plan in kept if plan.file == file
            ),
            link=links.get(file),
            is_changed=_is_changed(file),
        )
        for file, text in changed.items()
    )
    overlays = {
        plan.overlay: plan.beside
        for plan in kept
        if plan.overlay is not None and plan.beside is not None
    }
    needed = tuple(
        f"[ (import {nix_path(plan.beside)}) (import {nix_path(plan.file)}) ]"
        for plan in kept
        if plan.beside is not None and not _listing(plan, texts[plan.file])
    )
    return Fixes(
        reach=found,
        after=after,
        mended=mended,
        refused=(*refused,),
        overlays=overlays,
        needed=needed,
    )


def write(fixes: Fixes) -> None:
    """Write the new texts, each file atomically, and unlet's overlays beside them.

    Raise ToolkitError, before anything is written, for a file that has changed
    meanwhile or may not be written.
    """
    for change in fixes.mended:
        if files.read(change.file).decode() != change.before:
            raise ToolkitError(f"{change.file}: has changed meanwhile, nothing written")
        if not change.file.stat().st_mode & stat.S_IWUSR:
            raise ToolkitError(f"{change.file}: is read-only, nothing written")
    for package, place in fixes.overlays.items():
        if not place.exists():
            with files.whole_directory(place) as building:
                root = Path(fixes.reach.nixpkgs)
                proposing.bring(package, root, building, progress=Silence())
    for change in fixes.mended:
        try:
            files.replace(change.file, change.after.encode())
        except OSError as error:
            raise ToolkitError(f"{change.file}: {reason_of(error)}") from error


def _plan(override: Override, found: Reach, texts: dict[Path, str]) -> _Plan:
    """Return the edits for an override, or raise RefusalError."""
    file = Path(override.file or "")
    place = f"{file}:{override.line}"
    changes = found.changes.get(override.instead or "", ())
    if not changes:
        raise RefusalError(f"{place}: {override.reason or 'no form reaches'}")
    if override.replaced_by is not None and "# in overlay" in (override.instead or ""):
        file, line = Path(override.replaced_by.file), override.replaced_by.line
    else:
        line = override.line
    text = texts.setdefault(file, files.read(file).decode())
    tree = parsed(text, name=str(file))
    edits: list[Edit] = []
    overlay = None
    for change in changes:
        call, binding = spans.override_at(tree, line or 0, _name(override, change))
        if isinstance(change, Behind):
            overlay = change.package
            edits += spans.edits(call, binding, change.change)
        else:
            edits += spans.edits(call, binding, change)
    return _Plan(override=override, file=file, edits=(*edits,), overlay=overlay)


def _name(override: Override, change: Proposed) -> str:
    """Return the name of the attribute to change, or of the package in a list."""
    names = override.attribute.split(".")
    is_other = isinstance(change, Composition) and override.replaced_by is not None
    return names[0] if is_other else names[-1]


def _texts(texts: Mapping[Path, str], plans: Sequence[_Plan]) -> dict[Path, str]:
    """Return the new texts of files."""
    edits: dict[Path, set[Edit]] = {}
    for plan in plans:
        edits.setdefault(plan.file, set()).update(plan.edits)
        edits[plan.file].update(_listing(plan, texts[plan.file]))
    return {file: apply(texts[file], each) for file, each in edits.items()}


def _listing(plan: _Plan, text: str) -> list[Edit]:
    """Return what puts unlet's overlay first in the list of the file, if it has one."""
    if plan.beside is None:
        return []
    tree = parsed(text, name=str(plan.file))
    return spans.first_in_list(tree, f"(import ./{plan.beside.name})")


class _Fix(Struct, frozen=True, kw_only=True):
    """Tries changes of files as a whole."""

    request: ReachRequest
    found: Reach
    texts: Mapping[Path, str]
    progress: Progress

    def kept(self, plans: Sequence[_Plan]) -> tuple[list[_Plan], Reach]:
        """Return the changes that reach together, and what the overrides are with them."""
        if (after := self._tried(plans)) is not None:
            return [*plans], after
        kept: list[_Plan] = []
        best = self.found
        for plan in plans if len(plans) > 1 else ():
            if (after := self._tried([*kept, plan])) is not None:
                kept.append(plan)
                best = after
        return kept, best

    def _tried(self, plans: Sequence[_Plan]) -> Reach | None:
        """Return what the overrides are with changes; None if one does not reach so."""
        try:
            texts = _texts(self.texts, plans)
        except ValueError:
            # Two of them change the same place.
            return None
        with files.temporary() as directory:
            after = reach(
                self._changed(texts, plans, directory), progress=self.progress
            )
        names = {_key(plan.override) for plan in plans}
        before = {
            (row.attribute, row.system): row.status
            for row in self.found.overrides
            if _key(row) not in names
        }
        rows = {(row.attribute, row.system): row.status for row in after.overrides}
        are_same = all(
            rows.get(key, status) == status for key, status in before.items()
        )
        others = [rows[key] for key in rows if key not in before]
        reached = {_key(row) for row in after.overrides if row.status in _REACHING}
        is_better = names <= reached and {*others} <= _REACHING
        return after if are_same and is_better else None

    def _changed(
        self, texts: Mapping[Path, str], plans: Sequence[_Plan], directory: Path
    ) -> ReachRequest:
        """Return the request for copies of the files with other texts."""
        places = {plan.beside: plan.overlay for plan in plans if plan.beside}
        overlays = {
            beside: self._overlay(package or "", directory / f"overlay-{number}")
            for number, (beside, package) in enumerate(places.items())
        }
        copies = directory / "copies"
        copies.mkdir()
        mirror = Mirror(copies, texts, overlays)
        listed = {
            plan.beside for plan in plans if _listing(plan, self.texts[plan.file])
        }
        first = [place for beside, place in overlays.items() if beside not in listed]
        paths = [mirror.path(path) for path in _paths(self.request)]
        source = SourceRequest(nixpkgs=self.found.nixpkgs)
        return replace(self.request, paths=(*first, *paths), source=source)

    def _overlay(self, package: str, place: Path) -> Path:
        if not place.exists():
            root = Path(self.found.nixpkgs)
            proposing.bring(package, root, place, progress=Silence())
        return place


def _key(override: Override) -> tuple[str, str]:
    """Return what an override is of, whatever path leads to it."""
    return override.attribute.rpartition(".")[2], override.system


def _paths(request: ReachRequest) -> list[Path]:
    """Return the paths of a request, by default the user's own, as absolute ones."""
    named = request.paths or [Path(source.file) for source in sources.users()]
    return [sources.absolute(path.expanduser()) for path in named]


def _is_changed(file: Path) -> bool:
    """Return whether git knows another text of a file."""
    try:
        return any(
            file.name in line for line in worktrees.changes(file.resolve().parent)
        )
    except ToolkitError:
        return False
