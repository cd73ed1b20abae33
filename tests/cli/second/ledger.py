"""The code of a second target: its rewrites, its claim, its subject for `track`."""

from collections.abc import Iterator, Sequence
from functools import partial

from msgspec.structs import replace

from toolkit import patches, sources
from toolkit.errors import RefusalError, ToolkitError, tried
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.rewriting import lift
from toolkit.model import Commit, Progress, Silence, Step
from toolkit.proposal import registry
from toolkit.proposal.choosing import LiftCase, Opened, design_of, series_in
from toolkit.proposal.lifting import Lifts
from toolkit.proposal.prove import Claim, Finding
from toolkit.proposal.requests import LIFT, Request
from toolkit.proposal.target import Target
from toolkit.report import pull_request
from toolkit.report.pull_request import Texts
from toolkit.sources import trees
from toolkit.track.memory import Memory
from toolkit.track.package import Package

PACKAGE, CHECK = "ledger", "check"
NAMED = registry.named()[PACKAGE]
OLD = "doCheck = false;"
NEW = {
    "all": "doCheck = true;",
    "offline": 'doCheck = true;\n\n  checkFlags = [ "--offline" ];',
}

BROKEN = {"no-rebuild", "capture-safe"}
"""The claims about a lift that its tests make untrue."""


def texts() -> Texts:
    return pull_request.read(patches.shipped() / "ledger.toml", Texts)


def tested(case: LiftCase) -> Finding:
    """Look for the flag in the file."""
    runs = b"doCheck = true;" in case.after.content
    return Finding(covers="the file", failures=() if runs else ("no test is run",))


class Ledgers(Lifts):
    """Proposals for ledger: the lift of its statements, and its tests."""

    def choose(
        self, requests: Sequence[Request], *, progress: Progress
    ) -> Iterator[LiftCase | ToolkitError]:
        """Yield the commits of the single request."""
        for request in requests:
            yield tried(partial(self._choose, request, progress=progress))

    def _choose(self, request: Request, *, progress: Progress) -> LiftCase:
        source = sources.resolve(
            request.source, target=NAMED.file, sparse=self.needs(), progress=progress
        )
        design = design_of(request, [*map(Design, NAMED.designs)]) or Design.MOVE
        way = LiftWay(design=design, bindings=NAMED.parts)
        lifted = lift(source.content.decode(), way, name=str(NAMED.file))
        tests = request.designs.get(CHECK, "all")
        if OLD not in lifted.text:
            raise RefusalError(f"{NAMED.file}: has no '{OLD}'")
        steps = [Step(name=LIFT, design=design), Step(name=CHECK, design=tests)]
        after = [lifted.text, lifted.text.replace(OLD, NEW[tests])]
        if request.only == (LIFT,):
            steps, after = steps[:1], after[:1]
        if request.only == (CHECK,):
            text = source.content.decode().replace(OLD, NEW[tests])
            steps, after = steps[1:], [text]
        commits: list[Commit] = []
        content = source.content
        for step, text in zip(steps, after, strict=True):
            commits.append(texts().step(step).commit(content, text.encode()))
            content = text.encode()
        opened = Opened(
            request=request,
            source=source,
            target=Target(package=PACKAGE, file=NAMED.file),
        )
        tree = trees.whole(source, offline=True, progress=progress)
        last = replace(lifted, text=after[-1])
        return series_in(opened, steps, commits, last, tree)

    def claims(self, series: LiftCase) -> tuple[Claim[LiftCase], ...]:
        """Return the claims that hold although the last commit rebuilds ledger."""
        if all(step.name == LIFT for step in series.steps):
            return super().claims(series)
        claim = Claim("tested", "the tests of ledger are run", tested)
        kept = [each for each in super().claims(series) if each.name not in BROKEN]
        return (*kept, claim)

    def texts(self, series: LiftCase) -> Texts:
        """Return the target's own texts."""
        del series
        return texts()


class LedgerFile(Package):
    """ledger as a subject of `track`."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(PACKAGE, NAMED.parts, memory, Silence())
