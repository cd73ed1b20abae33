"""`reach --fix`: rewrite the user's overrides into forms that take effect.

Nix first evaluates the whole changed file: the rewritten override must take effect, and
no other override may change its outcome. Other rewrites are refused.
"""

import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from toolkit import files
from toolkit.errors import RefusalError, ToolkitError, reason_of
from toolkit.git import worktrees
from toolkit.model import Progress, Silence, SourceRequest
from toolkit.nix.edit import Edit, apply
from toolkit.nix.program import nix_path
from toolkit.nix.stores import STORE
from toolkit.nix.tree import Tree, parsed
from toolkit.proposal import proposing
from toolkit.reach import hashes, sources, spans
from toolkit.reach.effects import Outcome, Override, Reach
from toolkit.reach.mends import Behind, Composition, Proposed
from toolkit.reach.mirrors import Mirror
from toolkit.reach.reaching import ReachRequest, reach
from toolkit.report.mending import Mended, Refused
from toolkit.writable import WritableRoot

_REACHING = frozenset([Outcome.REACHES, Outcome.NEW])


class Fixes(Struct, frozen=True, kw_only=True):
    """The result of `reach --fix`.

    `reach` and `after` are the overrides before and after the change. `mended` are the
    changed files, and `refused` the overrides that stay unchanged. `overlays` are the
    places of unlet's overlays by package, `needed` are the lists of overlays that the
    user has to write, and `untracked` are the overlays that a flake ignores until git
    tracks them. `unhashed` are the fake hashes that remain.
    """

    reach: Reach
    after: Reach
    mended: tuple[Mended, ...]
    refused: tuple[Refused, ...]
    overlays: dict[str, Path] = {}
    needed: tuple[str, ...] = ()
    untracked: tuple[Path, ...] = ()
    unhashed: tuple[hashes.Unhashed, ...] = ()


class _Plan(Struct, frozen=True, kw_only=True):
    """The edits that rewrite one override in its file.

    `place` is the file, line and column of the override. `overlay` is the package whose
    let-bound packages must first become overridable by an overlay of unlet.
    """

    override: Override
    file: Path
    edits: tuple[Edit, ...]
    place: str
    overlay: str | None = None

    @property
    def beside(self) -> Path | None:
        """The directory of the overlay by unlet that the edits require."""
        name = self.overlay
        return None if name is None else self.file.parent / f"{name}-overlay"


def fixes(
    request: ReachRequest, *, progress: Progress, is_built: bool = False
) -> Fixes:
    """Return the changes of the user's files that make their overrides take effect.

    If `is_built`, Nix builds the fixed-output derivations with fake hashes, to find the
    real hashes. Raise ToolkitError as `reach` does, and for standard input.
    """
    if sources.INPUT in request.paths:
        raise ToolkitError(
            "-: --fix can only write to a file, and this is standard input",
            hint="name the file",
        )
    before = reach(request, progress=progress)
    texts = _own_files(before)
    plans, refused = _planned(before, texts)
    trial = _Fix(request=request, before=before, texts=texts, progress=progress)
    kept, after = trial.kept(plans)
    result = hashes.Hashed(texts=_texts(texts, kept), after=after)
    if is_built:
        result = hashes.hashed(
            {**texts, **result.texts},
            after,
            lambda changed: trial.evaluated(changed, kept),
            progress,
        )
    overlays = {
        plan.overlay: plan.beside
        for plan in kept
        if plan.overlay is not None and plan.beside is not None
    }
    return Fixes(
        reach=before,
        after=result.after,
        mended=(*_mended(request, texts, kept, result),),
        refused=(
            *refused,
            *(
                Refused(
                    attribute=plan.override.attribute,
                    reason=(
                        f"{plan.place}: does not reach the build once the whole "
                        "file is evaluated"
                    ),
                )
                for plan in plans
                if plan not in kept
            ),
        ),
        overlays=overlays,
        needed=tuple(
            f"[ (import {nix_path(plan.beside)}) (import {nix_path(plan.file)}) ]"
            for plan in kept
            if plan.beside is not None and not _listing(plan, texts[plan.file])
        ),
        untracked=tuple(
            place for place in overlays.values() if _is_untracked(place, request)
        ),
        unhashed=result.unhashed,
    )


def _planned(
    before: Reach, texts: dict[Path, str]
) -> tuple[list[_Plan], list[Refused]]:
    """Return the edits for each override that has no effect.

    The second list explains why unlet cannot edit the other overrides.
    """
    plans: list[_Plan] = []
    refused: list[Refused] = []
    for override in before.overrides:
        if override.status in _REACHING or override.file is None:
            continue
        try:
            plans.append(_plan(override, before, texts))
        except ToolkitError as error:
            refused.append(Refused(attribute=override.attribute, reason=error.message))
    return plans, refused


def _mended(
    request: ReachRequest,
    texts: Mapping[Path, str],
    kept: Sequence[_Plan],
    result: hashes.Hashed,
) -> Iterator[Mended]:
    """Yield the files that change, with their old and new texts."""
    links = {path.resolve(): path for path in request.paths if path.is_symlink()}
    for file, text in result.texts.items():
        if text == texts[file]:
            continue
        attributes = (plan.override.attribute for plan in kept if plan.file == file)
        yield Mended(
            file=file,
            before=texts[file],
            after=text,
            attributes=(*attributes,),
            hashes=result.counts.get(file, 0),
            link=links.get(file),
            is_changed=_is_changed(file),
        )


def write(fixes: Fixes) -> None:
    """Write the changed files, and unlet's overlays beside them: all or nothing.

    Raise ToolkitError, before writing anything, for a file that has changed meanwhile
    or cannot be written.
    """
    for change in fixes.mended:
        if files.read(change.file).decode() != change.before:
            raise ToolkitError(
                f"{change.file}: has changed while unlet was running; nothing was "
                "written"
            )
        if not change.file.stat().st_mode & stat.S_IWUSR:
            raise ToolkitError(f"{change.file}: is read-only; nothing was written")
    with ExitStack() as undoing:
        for package, place in fixes.overlays.items():
            if not place.exists():
                root = WritableRoot(place.parent.resolve())
                undoing.callback(root.delete, place.name)
                with files.whole_directory(place) as building:
                    _bring(package, fixes.reach, building)
        for change in fixes.mended:
            try:
                files.replace(change.file, change.after.encode())
            except OSError as error:
                raise ToolkitError(
                    f"{change.file}: {reason_of(error)}; nothing was written"
                ) from error
            undoing.callback(files.replace, change.file, change.before.encode())
        undoing.pop_all()


def _bring(package: str, before: Reach, place: Path) -> None:
    """Write the overlay that makes a package's let-bound packages overridable."""
    if not proposing.bring(package, Path(before.nixpkgs), place, progress=Silence()):
        raise ToolkitError(f"{package}: unlet can no longer make an overlay of it")


def _plan(override: Override, before: Reach, texts: dict[Path, str]) -> _Plan:
    """Return the edits for an override; raise RefusalError if there are none."""
    file = Path(override.file or "")
    changes = before.changes.get(override.instead or "", ())
    is_in_later = "# in overlay" in (override.instead or "")
    line = override.line
    if override.replaced_by is not None and is_in_later:
        file, line = Path(override.replaced_by.file), override.replaced_by.line
    text = texts.setdefault(file, files.read(file).decode())
    tree = parsed(text, name=str(file))
    place = _place(tree, line)
    if not changes:
        raise RefusalError(f"{place}: {override.reason or 'no form reaches'}")
    edits: list[Edit] = []
    overlay = None
    for change in changes:
        call, binding = spans.override_at(tree, line or 0, _name(override, change))
        place = call.node.location
        if isinstance(change, Behind):
            overlay = change.package
            edits += spans.edits(call, binding, change.change)
        else:
            edits += spans.edits(call, binding, change)
    return _Plan(
        override=override, file=file, edits=(*edits,), place=place, overlay=overlay
    )


def _place(tree: Tree, line: int | None) -> str:
    """Return the file, line and column of the first binding on a line."""
    nodes = (node for node in tree.root.walk() if node.line == line)
    first = next((node for node in nodes if node.kind == "binding"), None)
    return f"{tree.name}:{line or 1}:1" if first is None else first.location


def _name(override: Override, change: Proposed) -> str:
    """Return the name of the attribute whose override is edited.

    If the override is in a list, it is the name of the overridden package.
    """
    names = override.attribute.split(".")
    is_other = isinstance(change, Composition) and override.replaced_by is not None
    return names[0] if is_other else names[-1]


def _own_files(before: Reach) -> dict[Path, str]:
    """Return the texts of the files with overrides, except files in the store."""
    places = {Path(override.file) for override in before.overrides if override.file}
    return {
        place: files.read(place).decode()
        for place in sorted(places)
        if not place.is_relative_to(STORE) and place.is_file()
    }


def _texts(texts: Mapping[Path, str], plans: Sequence[_Plan]) -> dict[Path, str]:
    """Return the new texts of files, after the edits of several overrides."""
    edits: dict[Path, set[Edit]] = {}
    for plan in plans:
        edits.setdefault(plan.file, set()).update(plan.edits)
        edits[plan.file].update(_listing(plan, texts[plan.file]))
    return {file: apply(texts[file], several) for file, several in edits.items()}


def _listing(plan: _Plan, text: str) -> list[Edit]:
    """Return the edit that puts unlet's overlay first in a file's overlay list."""
    if plan.beside is None:
        return []
    tree = parsed(text, name=str(plan.file))
    return spans.first_in_list(tree, f"(import ./{plan.beside.name})")


class _Fix(Struct, frozen=True, kw_only=True):
    """Evaluates the user's files with edits, and selects edits that take effect."""

    request: ReachRequest
    before: Reach
    texts: Mapping[Path, str]
    progress: Progress

    def kept(self, plans: Sequence[_Plan]) -> tuple[list[_Plan], Reach]:
        """Return the edits that take effect together, and the resulting overrides."""
        if not plans:
            return [], self.before
        if (after := self._tried(plans)) is not None:
            return [*plans], after
        kept: list[_Plan] = []
        best = self.before
        for plan in plans if len(plans) > 1 else ():
            if (after := self._tried([*kept, plan])) is not None:
                kept.append(plan)
                best = after
        return kept, best

    def _tried(self, plans: Sequence[_Plan]) -> Reach | None:
        """Return the overrides in the user's files after some edits.

        Return None if an edited override does not take effect, or if another override
        changes its outcome.
        """
        try:
            texts = _texts(self.texts, plans)
        except ValueError:
            # Two plans change the same place.
            return None
        after = self.evaluated(texts, plans)
        names = {_key(plan.override) for plan in plans}
        before = {
            (row.attribute, row.system): row.status
            for row in self.before.overrides
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

    def evaluated(self, texts: Mapping[Path, str], plans: Sequence[_Plan]) -> Reach:
        """Return the overrides in copies of the user's files with the given texts."""
        places = {plan.beside: plan.overlay for plan in plans if plan.beside}
        listed = {
            plan.beside for plan in plans if _listing(plan, self.texts[plan.file])
        }
        with files.temporary() as directory:
            overlays: dict[Path, Path] = {}
            for number, (beside, package) in enumerate(places.items()):
                overlays[beside] = directory / f"overlay-{number}"
                _bring(package or "", self.before, overlays[beside])
            copies = directory / "copies"
            copies.mkdir()
            mirror = Mirror(copies, texts, overlays)
            first = [
                place for beside, place in overlays.items() if beside not in listed
            ]
            paths = [mirror.path(path) for path in _paths(self.request)]
            source = SourceRequest(nixpkgs=self.before.nixpkgs)
            after = reach(
                replace(self.request, paths=(*first, *paths), source=source),
                progress=self.progress,
            )
        overrides = (
            replace(row, file=str(mirror.originals.get(row.file or "", row.file)))
            for row in after.overrides
        )
        return replace(after, overrides=(*overrides,))


def _key(override: Override) -> tuple[str, str]:
    """Return a key for an override that stays the same if its scope is renamed."""
    return override.attribute.rpartition(".")[2], override.system


def _paths(request: ReachRequest) -> list[Path]:
    """Return the absolute paths to examine, by default those of the user's overlays."""
    named = request.paths or [Path(source.file) for source in sources.users()]
    return [sources.absolute(path.expanduser()) for path in named]


def _is_changed(file: Path) -> bool:
    """Return whether a file has changes that are not committed to git."""
    place = file.resolve()
    try:
        return bool(worktrees.changes(place.parent, place.name))
    except ToolkitError:
        return False


def _is_untracked(place: Path, request: ReachRequest) -> bool:
    """Return whether a new directory is in a flake, but not tracked by git."""
    flakes = [path for path in _paths(request) if sources.is_flake(path)]
    roots = {path if path.is_dir() else path.parent for path in flakes}
    if not any(place.is_relative_to(root) for root in roots):
        return False
    try:
        worktrees.changes(place.parent)
    except ToolkitError:
        return False
    return True
