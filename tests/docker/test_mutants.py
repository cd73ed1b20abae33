"""Docker files changed at random are rewritten with equal derivations and every comment, or refused with the place.

UNLET_MUTANTS is how many are tried, UNLET_SEED where the random numbers begin; one
number of a test is one batch. Of some of each batch all claims are proven.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import Struct

from tests import specimens
from tests.dockers import docker, propose
from tests.mutants import BATCHES, Mutant, marks, mutant, numbers, refused, sizes
from tests.progress import Steps
from toolkit import files
from toolkit.docker import TARGET, builder
from toolkit.docker.rewrite.layout import DockerFile, docker_file
from toolkit.docker.series import rewrite
from toolkit.docker.steps import Demotion, steps
from toolkit.errors import ToolkitError
from toolkit.lift.plan import Design
from toolkit.model import SourceRequest

BASES = [
    specimens.path(name) / TARGET
    for name in reversed(specimens.LAYOUTS)
    if name != "19.03"
]
NAME = "mutant.nix"
PROVEN = 1
"""How many of a batch are proven."""


class Rewritten(Struct, frozen=True, kw_only=True):
    """A mutant and what it is after each commit, by a design."""

    mutant: Mutant
    strategy: Design
    demotion: Demotion
    texts: tuple[str, ...]

    @property
    def stages(self) -> tuple[str, ...]:
        return (self.mutant.text, *self.texts)


def made(number: int) -> list[tuple[Mutant, Design, Demotion]]:
    """Return the mutants of a batch, all of one file."""
    random = numbers("docker", number)
    text = base(number).text
    allowed = (
        Design.MOVE if builder.builder(base(number)).takes_function else Design.HIDDEN
    )
    return [
        (
            mutant(text, random),
            random.choice([allowed, allowed, Design.HIDDEN]),
            random.choice([Demotion.SUFFIX, Demotion.SUFFIX, Demotion.DROP]),
        )
        for _ in sizes(number)
    ]


def base(number: int) -> DockerFile:
    return docker_file(BASES[number % len(BASES)].read_bytes(), name=NAME)


def attempt(given: Mutant, strategy: Design, demotion: Demotion) -> Rewritten | str:
    """Rewrite a mutant, or return why it is refused; the reason has a place."""
    try:
        files.check_content(NAME, given.text.encode())
        file = docker_file(given.text.encode(), name=NAME)
        texts = rewrite(file, steps(strategy, demotion))
    except ToolkitError as error:
        return refused(error, NAME)
    found = Rewritten(mutant=given, strategy=strategy, demotion=demotion, texts=texts)
    for text in texts:
        assert marks(text) == given.marks, explained(found)
    return found


def explained(each: Rewritten) -> str:
    """Return what was done to a mutant, and where its stages are."""
    place = Path(tempfile.mkdtemp(prefix="mutant-"))
    for number, text in enumerate(each.stages):
        (place / f"{number}.nix").write_bytes(text.encode())
    return (
        f"{', '.join(each.mutant.changes)}; {each.strategy}, {each.demotion}; see "
        f"{place}"
    )


@pytest.mark.parametrize("number", BATCHES)
def test_mutants_keep_their_derivations_or_are_refused(
    number: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    lifted: list[Rewritten] = []
    for given in made(number):
        outcome = attempt(*given)
        record_property("mutant", "refused" if isinstance(outcome, str) else "lifted")
        if not isinstance(outcome, str) and "junk" not in outcome.mutant.changes:
            lifted.append(outcome)
    for each in lifted[:PROVEN]:
        assert_proven(each, tmp_path / "mutant.nix")


def assert_proven(each: Rewritten, file: Path) -> None:
    """Let the command's own proofs run."""
    file.write_bytes(each.mutant.text.encode())
    # Which builder there is the file alone may no longer tell.
    strategy = each.strategy if each.strategy is Design.HIDDEN else None
    out = file.with_name("out")
    shutil.rmtree(out, ignore_errors=True)
    request = docker(
        source=SourceRequest(file=file),
        strategy=strategy,
        demotion=each.demotion,
        out=out,
    )
    report = propose(request, progress=Steps())
    if report.failed:
        pytest.fail(
            f"{[(proof.name, proof.reason) for proof in report.failed]}: "
            f"{explained(each)}"
        )
