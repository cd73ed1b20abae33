"""Let Nix decide what a version of the file means: by the overrides that reach the build, as the proofs do.

The versions may be anybody's. Each is evaluated in a stand-in tree of its own, with nothing else in reach: no other
file, no environment, no network, in bounded memory and time, see `toolkit.nix.limits`.
"""

import os
import time
from collections.abc import Sequence
from pathlib import PurePosixPath

from toolkit import confined, files, process
from toolkit.docker import TARGET, meaning
from toolkit.docker.case import spread
from toolkit.docker.install_phase import path_place
from toolkit.docker.meaning import Parsed
from toolkit.errors import ToolkitError
from toolkit.git.reading import TreeFile
from toolkit.lift.candidates import method_name
from toolkit.lift.locating import SYSTEMS
from toolkit.nix import limits, program, stores
from toolkit.nix.derivations import DerivationStore
from toolkit.nix.limits import TOGETHER_SECONDS, no_time, sealed
from toolkit.parallel import side_by_side
from toolkit.proposal.methods import MethodTrial, tried
from toolkit.sources import stand_in
from toolkit.sources.stand_in import Surroundings
from toolkit.track import readings
from toolkit.track.readings import PathPlace, Reading

_SECONDS = 20.0
"""The time limit of Nix for one version, within the time of all."""

_NEARLY = 0.95
"""The share of its time after which an evaluation counts as one that met the limit."""


def read(contents: Sequence[bytes]) -> list[Reading]:
    """Return the meaning of some versions of the file: by syntax if that decides all, else by sealed evaluation."""
    found = [parsed_of(each) for each in confined.each(meaning.read, contents)]
    asked = [(content, parsed) for content, parsed in zip(contents, found, strict=True) if parsed.reading.is_open]
    try:
        answers = iter(evaluate(asked) if asked else [])
    except ToolkitError as error:
        answers = iter([_undecided(parsed, error.message) for _, parsed in asked])
    return [next(answers) if parsed.reading.is_open else parsed.reading for parsed in found]


def parsed_of(found: Parsed | confined.Unread) -> Parsed:
    """Return the facts that a version's syntax shows; unknown, with the reason, if it was not read."""
    return Parsed(reading=readings.unknown(found.reason)) if isinstance(found, confined.Unread) else found


def evaluate(versions: Sequence[tuple[bytes, Parsed]], *, seconds: float | None = None) -> list[Reading]:
    """Evaluate the versions side by side; one that ends Nix has the syntax's reading, with the reason.

    All have so many `seconds` together, by default those of the stand-in tree. Raise ToolkitError without a new Nix.
    """
    program.version()
    end = time.monotonic() + (limits.seconds(TOGETHER_SECONDS) if seconds is None else seconds)

    def evaluated(version: tuple[bytes, Parsed]) -> Reading:
        content, parsed = version
        try:
            return _evaluated(content, parsed, end)
        except ToolkitError as error:
            return _undecided(parsed, error.message)
        except OSError as error:
            return _undecided(parsed, error.strerror or str(error))

    with process.ending_together():
        return side_by_side(evaluated, versions, jobs=os.cpu_count() or 1)


def _undecided(parsed: Parsed, reason: str) -> Reading:
    return meaning.undecided(parsed.reading, f"Nix could not decide: {reason}")


def _evaluated(content: bytes, parsed: Parsed, end: float) -> Reading:
    most = limits.seconds(_SECONDS)
    began = time.monotonic()
    seconds = min(most, end - began)
    around = Surroundings(
        target=TARGET,
        content=content,
        # Nix says what is missing.
        beside={
            name: TreeFile(content=b"")
            for name in parsed.paths
            if ".." not in PurePosixPath(name).parts and not name.startswith("/")
        },
        exported=parsed.exported,
        names=parsed.names,
        takes_function=parsed.takes_function,
    )
    with files.temporary() as directory:
        stand_in.write(around, directory)
        with sealed(directory, seconds=max(seconds, 0)):
            trial = tried((directory, directory), spread(parsed.exported), parsed.parameters, SYSTEMS[:1])
    failed = trial.failed()
    if len(failed) == len(trial.askings):
        if time.monotonic() - began >= seconds * _NEARLY:
            raise ToolkitError(no_time() if seconds < most else f"still running after {most:g} s")
        raise ToolkitError(next(iter(failed.values()), "it has no release"))
    works = {name: tuple(map(method_name, paths)) for name, paths in trial.works.items()}
    return meaning.evaluated(parsed, works, _place(trial), failed)


def _place(trial: MethodTrial) -> PathPlace | None:
    """Return the worst place of rootlesskit in any moby."""
    store = DerivationStore(stores.own())
    mobys = (method.after.old for method in trial.methods("moby") if method.after.old is not None)
    found = {path_place(store[moby].environment) for moby in mobys}
    order = (PathPlace.BOTH, PathPlace.PREFIX, PathPlace.ABSENT, PathPlace.SUFFIX)
    return next((place for place in order if place in found), None)
