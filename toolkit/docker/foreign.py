"""Somebody's change of docker's file: a patch, a pull request, a commit, or what is not committed in a clone."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from toolkit import confined, files, inside
from toolkit.docker import COMPONENTS, PACKAGE, PREFIX_ENTRY, TARGET, evaluating, meaning, staging
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED
from toolkit.docker.claims import evaluation
from toolkit.docker.claims.facts import open_doors
from toolkit.docker.plan import DEMOTE, LIFT, Demotion, steps
from toolkit.docker.readings import Place
from toolkit.docker.rewrite import layout
from toolkit.docker.rewrite.layout import docker_file
from toolkit.errors import ToolkitError
from toolkit.forge.nixpkgs import tracked
from toolkit.git import clone as clones
from toolkit.git import history, patching, reading
from toolkit.model import Commit, Proposal, Source, SourceRequest, Tier
from toolkit.nix.limits import sealed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolkit.docker.case import DockerCase
    from toolkit.docker.rewrite.layout import DockerFile
    from toolkit.forge.nixpkgs import Server
    from toolkit.model import Oid, Progress
    from toolkit.proposal.requests import CheckRequest

DROP_WARNING = (
    "without rootlesskit on PATH rootless docker does not start, and docker before 28 needs "
    "rootlesskit-docker-proxy from the same package even if there is a security wrapper"
)

# So many other files of a change are named.
_OTHERS = 8


class _Change(Struct, frozen=True, kw_only=True):
    """The unchanged file with what is around it, and the changed one; `others` are further files that change."""

    source: Source
    content: bytes
    subject: str
    diff: bytes
    others: Sequence[PurePosixPath]


def foreign(request: CheckRequest, *, progress: Progress) -> tuple[DockerCase, Proposal, tuple[str, ...]]:
    """Find out which of the two changes somebody's change of the file makes."""
    change = _change(request, progress)
    found, patched = change.source, change.content
    name = str(TARGET)
    before, after = (docker_file(content, name=name) for content in (found.content, patched))
    places = _places(before, after)
    demotion = _demotion(*places)
    contents = {BEFORE: found.content, LIFTED if demotion is None else DEMOTED: patched}
    case = staging.case(contents, name=name, source=found)
    made = {LIFT} if demotion is None else {LIFT, DEMOTE} if _lifts(case) else {DEMOTE}
    stages = (case.before, replace(case.after, steps=frozenset(made)))
    case = replace(case, demotion=demotion, stages=stages, upstream_diff=change.diff)
    proposal = Proposal(
        source=found,
        package=PACKAGE,
        target=TARGET,
        bindings=COMPONENTS,
        steps=steps(None, demotion),
        commits=(Commit(subject=change.subject, body="", before=found.content, after=patched),),
        upstream_diff=change.diff,
    )
    warnings = [*found.warnings]
    if demotion is Demotion.DROP:
        warnings.append(DROP_WARNING)
    if Place.UNKNOWN in places:
        warnings.append(f"could not tell what the patch does to {PREFIX_ENTRY} in the wrapper's PATH")
    if change.others:
        shown = [*map(str, change.others[:_OTHERS]), *(["…"] if len(change.others) > _OTHERS else [])]
        warnings.append(f"not covered by the proofs, other files of the patch: {', '.join(shown)}")
    if request.also or request.depth.tier.includes(Tier.BUILD):
        option = "--run" if request.also else f"--tier {request.depth.tier}"
        warnings.append(f"the patch was run with your rights, as {option} asks for")
    return case, proposal, tuple(warnings)


def lifts_or_demotes(request: CheckRequest, *, progress: Progress) -> bool:
    """Tell whether somebody's change moves a component, opens a door or changes the wrapper's PATH."""
    case, _, _ = foreign(request, progress=progress)
    with sealed(*case.reach):
        return case.demotion is not None or _lifts(case)


def _lifts(case: DockerCase) -> bool:
    """Tell whether a patch which demotes does anything about the components too: moves them, or opens a door."""
    bound = ([layout.component(stage.file, name).bound for name in COMPONENTS] for stage in case.stages)
    if next(bound) != next(bound):
        return True
    try:
        before, after = (open_doors(evaluation.evaluate(case)[stage.name].values()) for stage in case.stages)
    except ToolkitError:
        return False
    return before != after


def _places(*files: DockerFile) -> list[Place]:
    """Return where rootlesskit is in each file; Nix is asked if the syntax does not show it."""
    places = [meaning.of(file).reading.rootlesskit for file in files]
    if Place.UNKNOWN in places:
        places = [reading.rootlesskit for reading in evaluating.read([file.text.encode() for file in files])]
    return places


def _demotion(before: Place, after: Place) -> Demotion | None:
    """Say what a patch does to the wrapper's PATH, None where it leaves it alone or that could not be told."""
    if before is after or Place.UNKNOWN in {before, after}:
        return None
    return Demotion.SUFFIX if after in {Place.SUFFIX, Place.BOTH} else Demotion.DROP


def _change(request: CheckRequest, progress: Progress) -> _Change:
    """Return the change that is to be judged; raise ToolkitError for one that cannot be had or is none of the file."""
    progress.step("reading nixpkgs")
    if request.patch is not None:
        return _of_patch(request.patch, request.source, progress)
    if request.pull is None:
        return _of_clone(_top(request.clone or Path()), request.rev, progress)
    if request.clone is None:
        return _of_server(request.pull, request.server)
    return _of_fetched(request.pull, _top(request.clone), progress)


def _of_patch(path: Path, asked: SourceRequest, progress: Progress) -> _Change:
    found = staging.nixpkgs(asked, progress=progress)
    diff = files.read(path)
    content = patching.apply(found.content, TARGET, diff)
    others = tuple(file for file in patching.touched(diff) if file != TARGET)
    return _Change(source=found, content=_bounded(content), subject=path.name, diff=diff, others=others)


def _of_server(number: int, server: Server) -> _Change:
    """Ask GitHub for both files: at the pull request's head, and where it has left its base."""
    # Who judges a file of their own needs no network.
    from toolkit.forge.client import Settings  # noqa: PLC0415
    from toolkit.forge.github import connect, moved_to  # noqa: PLC0415

    github = connect(server, Settings())
    pull = github.pull(number)
    changed = github.pull_files(number)
    target = str(TARGET)
    after = moved_to(changed, target) or target
    if after not in {each.filename for each in changed if each.status != "removed"}:
        raise ToolkitError(f"#{number}: does not change '{target}'", hint="'unlet track --pull' follows it")
    base = github.merge_base(pull.base.ref, pull.head.sha)
    before, content = (
        github.raw(commit, path, most=files.MAXIMUM_BYTES) for commit, path in ((base, target), (pull.head.sha, after))
    )
    name = f"#{number}: {target}"
    files.check_content(name, before)
    files.check_content(name, content)
    source = Source(
        origin=f"{github.repository} at {base[:12]}, where #{number} has left {pull.base.ref}",
        content=before,
        # Nothing is beside the file, and nothing can be.
        directory=Path(os.devnull),
    )
    subject = f"#{number} {' '.join(pull.title.split())}"
    others = tuple(path for each in changed if (path := PurePosixPath(each.filename)) != PurePosixPath(after))
    return _edited(source, content, subject, others)


def _of_fetched(number: int, directory: Path, progress: Progress) -> _Change:
    """Read a pull request whose head the clone has, as `track --git-dir` does."""
    name = f"pull/{number}/head"
    head = clones.branches(directory, tracked().repository).commits.get(name)
    if head is None:
        hint = f"run git -C {quote(str(directory))} fetch REMOTE {quote(f'{name}:refs/{name}')}"
        raise ToolkitError(f"{directory}: has nothing of #{number}", hint=hint)
    return _of_commit(directory, head, f"#{number} as fetched", progress)


def _of_clone(directory: Path, rev: str | None, progress: Progress) -> _Change:
    """Read one's own edits: those that a commit brings, or those that are not committed."""
    if rev is not None:
        return _of_commit(directory, reading.locate(directory, rev).commit, rev, progress)
    path = directory / TARGET
    source = _at(directory, "HEAD", progress)
    content = inside.read(directory, TARGET)
    files.check_content(str(path), content)
    if content == source.content:
        raise ToolkitError(
            f"{path}: has no changes that are not committed",
            hint="'unlet check REV' judges a commit, 'unlet check DIR' a proposal",
        )
    subject = f"the uncommitted changes in {directory}"
    others = history.changed(directory, "HEAD")
    return _edited(source, content, subject, [path for path in others if path != TARGET])


def _of_commit(directory: Path, head: Oid, subject: str, progress: Progress) -> _Change:
    """Read what a commit and those before it have changed since they left the main branch, or if it is there itself."""
    known = clones.branches(directory, tracked().repository)
    main = known.commits.get(tracked().branches[0])
    base = history.common_ancestor(known.repository, main, head) if main is not None else None
    if base is None or base == head:
        base = reading.locate(directory, f"{head}~1").commit
    source = _at(directory, str(base), progress)
    (content,) = reading.read_objects(known.repository, [f"{head}:{TARGET}"], most=files.MAXIMUM_BYTES)
    others = history.changed(directory, str(base), str(head))
    if TARGET not in others:
        raise ToolkitError(f"{directory}: '{TARGET}' is the same in {subject} and in {base.short}, where it began")
    return _edited(source, content, f"{subject} ({head.short})", [path for path in others if path != TARGET])


def _top(directory: Path) -> Path:
    """Return the top of the clone that a directory is in; one that is in none stays what it is."""
    absolute = directory.absolute()
    return next((above for above in (absolute, *absolute.parents) if (above / ".git").exists()), directory)


def _at(directory: Path, rev: str, progress: Progress) -> Source:
    asked = SourceRequest(nixpkgs=str(directory.absolute()), rev=rev, offline=True)
    return staging.nixpkgs(asked, progress=progress)


def _edited(source: Source, content: bytes, subject: str, others: Sequence[PurePosixPath]) -> _Change:
    # A commit of one's own clone may be anybody's as well.
    content = _bounded(content)
    made = Commit(subject=subject, body="", before=source.content, after=content)
    diff = patching.series([made], TARGET).upstream_diff
    return _Change(source=source, content=content, subject=subject, diff=diff, others=others)


def _bounded(content: bytes) -> bytes:
    """Return a stranger's content if it can be parsed in bounded time and memory, else raise ToolkitError."""
    (parsed,) = confined.each(meaning.read, [content])
    if parsed is None:
        raise ToolkitError(f"{TARGET}: is too large to read")
    return content
