"""Run `unlet reach`: find the overlays, the nixpkgs and the systems, then judge."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

from msgspec import Struct
from msgspec.structs import replace

from toolkit import files
from toolkit.errors import ToolkitError, did_you_mean
from toolkit.model import Progress, Silence, SourceRequest
from toolkit.nix import limits, stores
from toolkit.nix.limits import sealed
from toolkit.proposal import proposing, registry
from toolkit.proposal.overlays import STEPS_ASIDE
from toolkit.proposal.requests import Request, command
from toolkit.reach import sources
from toolkit.reach.answers import OverlaySource
from toolkit.reach.effects import Brought, Override, Reach
from toolkit.reach.judging import Judge
from toolkit.reach.sets import Sets
from toolkit.sources import trees

_EXPRESSION = Path(__file__).parents[1] / "expressions/reach.nix"
_SECONDS = 120.0
_SEARCHED = "<nixpkgs>"


class ReachRequest(Struct, frozen=True, kw_only=True):
    """The user's request to `unlet reach`.

    `paths` are the files to examine; if empty, they are the user's own overlays.
    """

    paths: tuple[Path, ...]
    source: SourceRequest
    systems: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    sealed: bool = False


def reach(request: ReachRequest, *, progress: Progress) -> Reach:
    """Return the outcomes of the overrides in overlays.

    Raise ToolkitError for an unreadable path, for an attribute in `only` that no
    overlay sets, and if the nixpkgs is unavailable.
    """
    with files.temporary() as directory:
        given = directory / "overlay.nix"
        if sources.INPUT in request.paths:
            sources.write_input(given)
            paths = tuple(
                given if path == sources.INPUT else path for path in request.paths
            )
            request = replace(request, paths=paths)
        groups = [*_groups(request)]
        request = replace(request, source=_source(request))
        root = _nixpkgs(request, progress)
        results = [
            _on(system, root, groups, request, progress)
            for system in request.systems or ("",)
        ]
    overrides = tuple(each for result in results for each in result.overrides)
    found = [
        name
        for name in request.only
        for each in overrides
        if f"{each.attribute}.".startswith(f"{name}.")
    ]
    missing = next((name for name in request.only if name not in found), None)
    # An overlay that could not be read may set the attribute.
    if missing is not None and len(overrides) == len(found):
        raise ToolkitError(
            f"{missing}: no overlay here sets it",
            hint=did_you_mean(
                missing,
                sorted({name for result in results for name in result.names}),
                otherwise="leave out --only to see all overrides",
            ),
        )
    return Reach(
        nixpkgs=str(root),
        overrides=tuple(
            replace(each, file="-") if each.file == str(given) else each
            for each in overrides
        ),
        warnings=tuple(
            dict.fromkeys(each for result in results for each in result.warnings)
        ),
        changes={
            text: change
            for result in results
            for text, change in result.changes.items()
        },
        derivations=frozenset(
            path for result in results for path in result.derivations
        ),
    )


def _groups(request: ReachRequest) -> Iterator[Path | list[OverlaySource]]:
    """Yield the overlays that are used together.

    A group is a list of overlays, or the path of a flake.
    """
    if not request.paths:
        yield sources.users()
    together: list[OverlaySource] = []
    for path in request.paths:
        if sources.is_flake(path):
            yield path
        else:
            together += sources.overlays(path)
    if together:
        yield together


def _source(request: ReachRequest) -> SourceRequest:
    """Return the nixpkgs to use: the user's choice, or a flake.lock's, or <nixpkgs>."""
    source = request.source
    if source.nixpkgs is None and source.rev is None:
        directories = (
            path.parent if path.is_file() else path for path in request.paths
        )
        lock = next(
            (
                str(each / "flake.lock")
                for each in directories
                if (each / "flake.lock").is_file()
            ),
            _SEARCHED,
        )
        source = SourceRequest(nixpkgs=lock, offline=source.offline)
    named = source.nixpkgs or ""
    is_lock = any(
        Path(each).expanduser().is_file()
        for each in (named, named.rpartition("#")[0])
        if each
    )
    return (
        replace(source, offline=True, pinned=True)
        if request.sealed and is_lock
        else source
    )


def _nixpkgs(request: ReachRequest, progress: Progress) -> Path:
    try:
        return trees.as_they_are(request.source, progress=progress)
    except ToolkitError as error:
        if request.source.pinned:
            message, hint = (
                error.message,
                "--sealed forbids downloads: add --nixpkgs DIRECTORY",
            )
        elif request.source.nixpkgs == _SEARCHED and any(
            map(sources.is_flake, request.paths)
        ):
            message = f"flake.nix has no flake.lock beside it, and {error.message}"
            hint = "'nix flake lock' writes one; or add --nixpkgs DIRECTORY"
        else:
            raise
        raise ToolkitError(message, hint=hint) from error


def _apart(
    overrides: Sequence[Override], known: Sequence[Override], label: str
) -> Iterator[Override]:
    """Yield the overrides of a flake's configuration.

    An override of the flake's overlays is repeated only if its outcome differs here.
    """
    places = {(each.attribute, each.file, each.line) for each in known}
    for each in overrides:
        if (each.attribute, each.file, each.line) not in places:
            yield each
        elif each not in known:
            yield replace(
                each,
                reason=f"in {label}{f': {each.reason}' if each.reason is not None else ''}",
            )


def _on(
    system: str,
    root: Path,
    groups: Sequence[Path | list[OverlaySource]],
    request: ReachRequest,
    progress: Progress,
) -> Reach:
    """Return the result for one system, by default the configuration's system."""
    arguments = {
        "tree": str(root),
        "system": system,
        "inputs": json.dumps({"nixpkgs": str(root)}),
    }
    overrides: list[Override] = []
    seconds = limits.seconds(_SECONDS)
    parts = {
        part: name for name, target in registry.named().items() for part in target.parts
    }
    with ExitStack() as around:
        scratch = around.enter_context(files.temporary())
        if request.sealed:
            around.enter_context(
                sealed(*(path.absolute() for path in request.paths), root, scratch)
            )
            around.enter_context(stores.passing())
        lookup = root
        if limits.is_sealed() and limits.without_git(root) != (root,):
            # With the tree's own path, Nix could read the whole tree, including git's
            # files.
            lookup = scratch / "nixpkgs"
            lookup.symlink_to(root)
        sets = around.enter_context(
            Sets(
                _EXPRESSION,
                arguments,
                lookup=lookup,
                seconds=seconds,
                notice=STEPS_ASIDE,
            )
        )

        def bring(package: str) -> Brought | None:
            directory = Path(mkdtemp(dir=scratch)) / "overlay"
            if not proposing.bring(package, root, directory, progress=Silence()):
                return None
            named = registry.named().get(package)
            asked = Request(target=package, source=request.source)
            return Brought(
                directory=directory,
                command=command("overlay", asked, *(named.overlay if named else ())),
            )

        judge = Judge(sets, progress, bring, parts)

        def judged(group: Sequence[OverlaySource]) -> list[Override]:
            unread, subjects = judge.overlays.subjects(group, request.only)
            return [*unread, *judge.overrides(subjects, request.only)]

        for group in groups:
            if not isinstance(group, Path):
                overrides += judged(group)
                continue
            directory, overlays = sources.flake(group)
            own = judged([overlays])
            count = len(overrides)
            overrides += own
            for kind, name in judge.overlays.hosts(str(directory)):
                overrides += _apart(
                    judged([sources.host(directory, kind, name)]), own, f"{kind}.{name}"
                )
            if len(overrides) == count:
                calls = sources.calls(directory / "flake.nix")
                overrides += judge.overlays.overlooked(replace(overlays, calls=calls))
        return Reach(
            nixpkgs=str(root),
            overrides=tuple(overrides),
            warnings=(*judge.overlays.warnings, *sets.warnings),
            changes={text: (*several,) for text, several in judge.changes.items()},
            derivations=frozenset(judge.derivations),
            names=frozenset(judge.overlays.names),
        )
