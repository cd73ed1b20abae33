"""Someone else's change of docker's file: a patch, a pull request, a commit, or uncommitted changes."""

from msgspec.structs import replace

from toolkit import confined
from toolkit.docker import PREFIX_ENTRY, TARGET, evaluating, meaning
from toolkit.docker import case as cases
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED, DockerCase
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.steps import DEMOTE, LIFT, Demotion, plan, steps
from toolkit.errors import ToolkitError
from toolkit.model import Commit, Progress, Tier
from toolkit.proposal.requests import CheckRequest
from toolkit.sources import changes
from toolkit.text import few
from toolkit.track.readings import PathPlace

DROP_WARNING = (
    "without rootlesskit on PATH rootless docker does not start, and docker before 28 needs "
    "rootlesskit-docker-proxy from the same package even if there is a security wrapper"
)


def foreign(request: CheckRequest, *, progress: Progress) -> DockerCase:
    """Find out which of the two steps someone else's change makes."""
    change = changes.read_file(request.change, TARGET, sparse=plan().sparse, progress=progress)
    found, patched = change.source, change.after
    # A stranger's file takes bounded time and memory to parse.
    (parsed,) = confined.each(meaning.read, [patched])
    if isinstance(parsed, confined.Unread):
        raise ToolkitError(f"{TARGET}: {parsed.reason}")
    name = str(TARGET)
    before, after = (docker_file(content, name=name) for content in (found.content, patched))
    places = [meaning.of(file).reading.rootlesskit for file in (before, after)]
    if PathPlace.UNKNOWN in places:
        places = [reading.rootlesskit for reading in evaluating.read([found.content, patched])]
    demotion = _demotion(*places)
    contents = {BEFORE: found.content, LIFTED if demotion is None else DEMOTED: patched}
    case = cases.case(contents, name=name, source=found, request=request.proposed())
    names = {LIFT} if demotion is None else {LIFT, DEMOTE} if lifts(case) else {DEMOTE}
    stages = (case.before, replace(case.after, steps=frozenset(names)))
    warnings = [DROP_WARNING] if demotion is Demotion.DROP else []
    if PathPlace.UNKNOWN in places:
        warnings.append(f"unknown: what the patch does to {PREFIX_ENTRY} in the wrapper's PATH")
    if change.others:
        shown = few([*map(str, change.others)])
        warnings.append(f"not covered by the proofs, other files of the patch: {shown}")
    if request.depth.tier is Tier.BUILD:
        warnings.append(f"the patch was run with your rights, as --tier {request.depth.tier} asks for")
    return replace(
        case,
        demotion=demotion,
        stages=stages,
        steps=steps(None, demotion),
        commits=(Commit(subject=change.subject, body="", before=found.content, after=patched),),
        upstream_diff=change.diff,
        warnings=tuple(warnings),
    )


def lifts(case: DockerCase) -> bool:
    """Return whether a patch does anything about the components: moves one, or makes one overridable."""
    before, after = (
        [(each.bound, each.methods) for each in reading.components]
        for reading in evaluating.read([case.before.content, case.after.content])
    )
    return before != after


def _demotion(before: PathPlace, after: PathPlace) -> Demotion | None:
    """Say what a patch does to the wrapper's PATH, None if it leaves it alone or that is unknown."""
    if before is after or PathPlace.UNKNOWN in {before, after}:
        return None
    return Demotion.SUFFIX if after in {PathPlace.SUFFIX, PathPlace.BOTH} else Demotion.DROP
