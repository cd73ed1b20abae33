"""Docker files changed at random are rewritten with equal derivations and every comment, or refused with the place.

UNLET_MUTANTS is how many are tried, UNLET_SEED where the random numbers begin; one number of a test is one batch. Nix
decides: it is asked about a whole batch at once, and of one of each batch all claims are proven.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tests import specimens
from tests.asking import docker, propose
from tests.mutants import BATCHES, Mutant, marks, mutant, numbers, refused, sizes
from tests.progress import Steps
from toolkit import documents, files
from toolkit.docker import COMPONENTS, PREFIX_ENTRY, TARGET, builder
from toolkit.docker.case import SYSTEMS, names
from toolkit.docker.claims import building
from toolkit.docker.claims.evaluation import EXPRESSION, Document, Facts
from toolkit.docker.rewrite.layout import DockerFile, docker_file
from toolkit.docker.series import rewrite
from toolkit.docker.steps import Demotion, steps
from toolkit.errors import CommandError, ToolkitError
from toolkit.lift.plan import Design
from toolkit.model import SourceRequest, Status
from toolkit.nix import evaluator
from toolkit.sources import stand_in
from toolkit.sources.stand_in import Surroundings

BASES = [specimens.path(name) / TARGET for name in reversed(specimens.LAYOUTS) if name != "19.03"]
NAME = "mutant.nix"
PROVEN_ELSEWHERE = {"format", "overlay"}
"""Claims for which a lone file has not what they need."""


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
    """Return the mutants of a batch, all of one file, so that one evaluation can be asked about them."""
    random = numbers("docker", number)
    text = base(number).text
    allowed = Design.MOVE if builder.builder(base(number)).takes_function else Design.HIDDEN
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


def evaluated(number: int, batch: Mapping[str, Rewritten], directory: Path) -> dict[str, dict[str, list[Facts]] | None]:
    """Return what Nix finds at each stage of each, by release; None for one whose unchanged file does not evaluate."""
    if not batch:
        return {}
    read = [base(number), *(docker_file(text.encode(), name=NAME) for each in batch.values() for text in each.stages)]
    sides: dict[str, str] = {}
    for key, each in batch.items():
        for stage, text in enumerate(each.stages):
            place = directory / f"{key}-{stage}"
            place.mkdir(exist_ok=True)
            (place / "default.nix").write_bytes(text.encode())
            for name in docker_file(text.encode(), name=NAME).paths():
                (place / name).touch()
            sides[f"{key}-{stage}"] = str(place)
    case = directory / "case.json"
    case.write_text(json.dumps({"sides": sides, "components": COMPONENTS}))
    around = Surroundings(
        target=TARGET,
        content=read[0].text.encode(),
        beside={},
        exported=(),
        names=names(read),
        takes_function=builder.builder(read[0]).takes_function,
    )
    _, build, host = SYSTEMS[0]
    arguments = {"case": str(case), "tree": str(stand_in.tree(around).root), "build": build, "host": host}
    try:
        said = evaluator.evaluate(EXPRESSION, {**arguments, "sides": json.dumps([*sides])})
    except CommandError as error:
        keys = list(batch)
        if len(keys) > 1:
            halves = (keys[: len(keys) // 2], keys[len(keys) // 2 :])
            parts = [evaluated(number, {key: batch[key] for key in half}, directory) for half in halves]
            return {**parts[0], **parts[1]}
        # Either the unchanged file does it as well, or the rewrite has done harm.
        (only,) = batch.values()
        if len(only.stages) > 1:
            alone = Rewritten(mutant=only.mutant, strategy=only.strategy, demotion=only.demotion, texts=())
            if evaluated(number, {keys[0]: alone}, directory) != {keys[0]: None}:
                pytest.fail(f"{error.stderr[-900:]}: {explained(only)}")
        return {keys[0]: None}
    document = documents.convert(said, Document, document="answer")
    return {
        key: by_release(each, [document[f"{key}-{n}"] for n in range(len(each.stages))]) for key, each in batch.items()
    }


def by_release(each: Rewritten, stages: Sequence[dict[str, dict[str, Any]]]) -> dict[str, list[Facts]] | None:
    """Read what Nix says of the releases that evaluate in the unchanged file."""
    names = [name for name, record in stages[0].items() if "error" not in record]
    thrown = [(name, n) for name in names for n, stage in enumerate(stages) if "error" in stage[name]]
    if thrown:
        pytest.fail(f"throws: {thrown}: {explained(each)}")
    return {name: [documents.convert(stage[name], Facts, document=name) for stage in stages] for name in names} or None


def explained(each: Rewritten) -> str:
    """Return what was done to a mutant, and where its stages are."""
    place = Path(tempfile.mkdtemp(prefix="mutant-"))
    for number, text in enumerate(each.stages):
        (place / f"{number}.nix").write_bytes(text.encode())
    return f"{', '.join(each.mutant.changes)}; {each.strategy}, {each.demotion}; see {place}"


def wrong(each: Rewritten, before: Facts, lifted: Facts, demoted: Facts) -> list[str]:
    """Return what is not as it should be after the two commits."""
    old, new, last = (dict(found.derivations()) for found in (before, lifted, demoted))
    found = [f"{name} is rebuilt by commit 1" for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
    found += [
        f"{name} is rebuilt by commit 2"
        for name in new.keys() | last.keys()
        if name not in {"docker", "moby"} and new.get(name) != last.get(name)
    ]
    script, other = (one.attributes["moby"].get("installPhase", "") for one in (lifted, demoted))
    if PREFIX_ENTRY in script:
        kept = each.demotion is not Demotion.DROP
        found += building.other_changes(script, other, kept=kept)
    return found


@pytest.mark.parametrize("number", BATCHES)
def test_mutants_keep_their_derivations_or_are_refused(
    number: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    batch: dict[str, Rewritten] = {}
    for at, given in enumerate(made(number)):
        outcome = attempt(*given)
        if isinstance(outcome, str):
            record_property("mutant", "refused")
        else:
            batch[str(at)] = outcome
    prove = True
    for key, releases in evaluated(number, batch, tmp_path).items():
        each = batch[key]
        record_property("mutant", "lifted" if releases is not None else "does not evaluate")
        for release, stages in (releases or {}).items():
            if faults := wrong(each, *stages):
                pytest.fail(f"{release}: {faults}: {explained(each)}")
        if releases and prove and "junk" not in each.mutant.changes:
            prove = False
            assert_proven(each, tmp_path)


def assert_proven(each: Rewritten, directory: Path) -> None:
    """Let the command's own proofs run."""
    file = directory / NAME
    file.write_bytes(each.mutant.text.encode())
    # Which builder there is the file alone may no longer tell.
    strategy = each.strategy if each.strategy is Design.HIDDEN else None
    request = docker(source=SourceRequest(file=file), strategy=strategy, demotion=each.demotion, out=directory / "out")
    report = propose(request, progress=Steps())
    rest = {proof.name: proof.reason for proof in report.proofs if proof.status is not Status.PASSED}
    if rest.keys() - PROVEN_ELSEWHERE or report.failed:
        pytest.fail(f"{rest}: {explained(each)}")
