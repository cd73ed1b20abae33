"""The leaf of every package without its own: lift its file, and let Nix judge the overrides."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import product

from msgspec.structs import replace

from toolkit import inside, prove
from toolkit.errors import RefusalError, ToolkitError
from toolkit.lift.bindings import SHARED
from toolkit.lift.plan import FOLLOWED, Design
from toolkit.lift.rewriting import Lifted, lift
from toolkit.model import Commit, Progress, Proposal
from toolkit.patches import Message
from toolkit.proposal import choosing, methods
from toolkit.proposal.chosen import LiftChosen, LiftCommit, Opened, building, laid_out
from toolkit.proposal.claims import CLAIMS, LiftCase, of_builds
from toolkit.proposal.leaf import Draft, Leaf, Recorded
from toolkit.proposal.requests import CheckRequest, Request
from toolkit.proposal.systems import Asking
from toolkit.proposal.target import find_target
from toolkit.prove import Stage, Subject, judged
from toolkit.prove.judged import Judging
from toolkit.prove.lifted import LiftQuestion
from toolkit.sources import changes, trees
from toolkit.sources.changes import ChangeRequest
from toolkit.sources.trees import NixpkgsTree


class Lifts(Leaf):
    """Proposals that lift the packages in a file's lets."""

    def choose(self, requests: Sequence[Request], *, progress: Progress) -> Iterator[LiftChosen | ToolkitError]:
        """Yield the lifts, as `toolkit.proposal.choosing` does."""
        return choosing.choose(requests, progress=progress)

    def again(self, recorded: Recorded, *, progress: Progress) -> Draft[LiftCase]:
        """Lift the report's bindings again; if the mails do something else, use the methods that Nix finds."""
        source, proposal = recorded.source, recorded.proposal
        tree = trees.whole(source, offline=True, progress=progress)
        target = replace(find_target(tree.root, proposal.package), file=proposal.target)
        text = source.content.decode()
        opened = Opened(request=recorded.request, source=source, target=target, text=text, recipe=recorded.recipe)
        *earlier, last = (commit.after for commit in proposal.commits)
        lifted = _lifted(opened, proposal, tree, progress=progress) if opened.recipe is None else None
        lifts = [Lifted(text=content.decode(), methods={}) for content in earlier]
        lifts.append(lifted if lifted is not None else Lifted(text=last.decode(), methods={}))
        commits = tuple(
            LiftCommit(step=step, message=Message(subject=commit.subject, body=""), lifted=lift)
            for step, commit, lift in zip(proposal.steps, proposal.commits, lifts, strict=True)
        )
        chosen = laid_out(opened, commits, tree, progress=progress)
        overlay = inside.place(recorded.directory, "overlay")
        case = chosen.case(proposal, overlay=overlay)
        case = chosen.deepened(case, near=None, progress=progress)
        return Draft(
            proposal=proposal,
            messages=(),
            case=case if overlay.is_dir() else replace(case, overlay=None),
            claims=chosen.claims(case),
            overlay={},
            warnings=tree.warnings,
        )

    def foreign(self, request: CheckRequest, *, progress: Progress) -> Draft[LiftCase]:
        """Return the case of another author's change; Nix finds its override methods."""
        change = changes.read(request.change, progress=progress)
        tree = change.base
        target = find_target(tree.root, request.target)
        file = changes.read_file(request.change, target.file, progress=progress)
        source, patched = file.source, file.after
        names = request.bindings or methods.packages(source.content, target.file)
        progress.step(f"laying out the changed {target.package}")
        contents = {path: each.content if each is not None else None for path, each in change.whole.files.items()}
        changed = trees.changed(tree, contents)
        roots = (tree.root, changed.root)
        systems = request.depth.systems or target.systems
        progress.step(f"asking Nix about {target.package}")
        lifted = Lifted(text=patched.decode(), methods=methods.working(names, patched, target, roots, systems))
        case = LiftCase(
            source=source,
            target=target.file,
            stages=(
                Stage(name="before", content=source.content, path=tree.root / target.file),
                Stage(name="patched", content=patched, path=changed.root / target.file),
            ),
            upstream_diff=file.diff,
            lifted=lifted,
            building=building(request.depth, changed, progress=progress),
            asking=Asking(
                trees=roots, own=LiftQuestion(package=target.package, methods=lifted.methods), systems=systems
            ),
            judging=Judging(
                change=replace(change, steps=(change.whole,)),
                systems=judged.systems(systems, narrowed=bool(request.depth.systems)),
                named=_named(request.change),
            ),
        )
        proposal = Proposal(
            source=source,
            package=target.package,
            target=target.file,
            bindings=tuple(names),
            steps=(),
            commits=(Commit(subject=file.subject, body="", before=source.content, after=patched),),
            upstream_diff=file.diff,
        )
        claims = prove.narrowed(prove.about(CLAIMS, Subject.CHANGE), request.depth.systems)
        return Draft(
            proposal=proposal,
            messages=(),
            case=case,
            claims=(*claims, *of_builds(case)),
            overlay={},
            warnings=(*source.warnings, *tree.warnings),
        )


def _lifted(opened: Opened, proposal: Proposal, tree: NixpkgsTree, *, progress: Progress) -> Lifted:
    """Return the lift of the bindings of a proposal if it gives its file, else that file with the methods that work."""
    last = proposal.commits[-1].after
    request, design = opened.request, Design(proposal.steps[0].design)
    follows = (*((name,) for name in SHARED), SHARED, FOLLOWED) if design is Design.MOVE else ()
    for follow, whole in ((), False), *product(follows, (False, True)):
        with suppress(RefusalError):
            lifted = lift(
                opened.text,
                name=str(proposal.target),
                bindings=proposal.bindings,
                design=design,
                follow=follow,
                whole=whole,
            )
            if lifted.text.encode() == last:
                return lifted
    progress.step(f"asking Nix about {proposal.package}")
    roots = (tree.root, trees.changed(tree, {proposal.target: last}).root)
    systems = request.depth.systems or opened.target.systems
    found = methods.working(proposal.bindings, last, opened.target, roots, systems)
    return Lifted(text=last.decode(), methods=found)


def _named(change: ChangeRequest) -> tuple[str, ...]:
    """Return how the command line names a change."""
    if change.patch is not None:
        return "--patch", str(change.patch)
    if change.pull is not None:
        return "--pull", str(change.pull.number)
    return (change.rev if change.rev is not None else "--uncommitted",)
