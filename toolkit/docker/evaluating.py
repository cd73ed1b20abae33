"""Let Nix decide the meaning of a file's version, by the overrides that work.

The versions may be anybody's. Each is evaluated in its own stand-in tree, without any
other file, environment or network, in bounded memory and time, see
`toolkit.nix.limits`.
"""

import os
import time
from collections.abc import Sequence
from pathlib import PurePosixPath

from toolkit import confined, files, process
from toolkit.docker import TARGET, PathPlace, meaning
from toolkit.docker.case import spread, surroundings
from toolkit.docker.install_phase import path_place
from toolkit.docker.rewrite.layout import arguments, file_of
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
from toolkit.track import readings
from toolkit.track.readings import Reading

_SECONDS = 20.0
"""The time limit of Nix for one version in seconds, within the time of all."""

_NEARLY = 0.95
"""The share of its time after which an evaluation counts as one that hit the limit."""


def read(contents: Sequence[bytes]) -> list[Reading]:
    """Return the meaning of some versions of the file.

    The syntax decides if it can, else a sealed evaluation.
    """
    found = [reading_of(each) for each in confined.each(meaning.read, contents)]
    asked = [
        pair for pair in zip(contents, found, strict=True) if meaning.is_open(pair[1])
    ]
    answers = iter(evaluate(asked) if asked else [])
    return [next(answers) if meaning.is_open(reading) else reading for reading in found]


def reading_of(found: Reading | confined.Unread) -> Reading:
    """Return the meaning that a version's syntax shows.

    It is unknown, with the reason, if the version was not read.
    """
    return (
        readings.unknown(found.reason) if isinstance(found, confined.Unread) else found
    )


def evaluate(
    versions: Sequence[tuple[bytes, Reading]], *, seconds: float | None = None
) -> list[Reading]:
    """Evaluate versions that a child process has read, side by side.

    A version that ends Nix keeps its reading, with the reason. All of them share
    `seconds`, by default those of the stand-in tree. Raise ToolkitError without a new
    Nix.
    """
    program.version()
    end = time.monotonic() + (
        limits.seconds(TOGETHER_SECONDS) if seconds is None else seconds
    )

    def evaluated(version: tuple[bytes, Reading]) -> Reading:
        content, reading = version
        try:
            return _evaluated(content, reading, end)
        except ToolkitError as error:
            return meaning.undecided(reading, error.message)
        except OSError as error:
            return meaning.undecided(reading, error.strerror or str(error))

    with process.ending_together():
        return side_by_side(evaluated, versions, jobs=os.cpu_count() or 1)


def _evaluated(content: bytes, reading: Reading, end: float) -> Reading:
    most = limits.seconds(_SECONDS)
    began = time.monotonic()
    seconds = min(most, end - began)
    file = file_of(content.decode(), name=TARGET.name, known=True)
    # Nix says what is missing.
    beside = [
        name
        for name in file.paths()
        if ".." not in PurePosixPath(name).parts and not name.startswith("/")
    ]
    around = surroundings([file], dict.fromkeys(beside, TreeFile(content=b"")))
    with files.temporary() as directory:
        stand_in.write(around, directory)
        with sealed(directory, seconds=max(seconds, 0)):
            trial = tried(
                (directory, directory),
                spread(around.exported),
                arguments(file),
                SYSTEMS[:1],
                taken_before={},
            )
    failed = trial.failed()
    if len(failed) == len(trial.askings):
        if time.monotonic() - began >= seconds * _NEARLY:
            raise ToolkitError(
                no_time() if seconds < most else f"still running after {most:g} s"
            )
        raise ToolkitError(next(iter(failed.values()), "it contains no release"))
    works = {
        name: tuple(map(method_name, paths)) for name, paths in trial.works.items()
    }
    return meaning.evaluated(reading, works, _place(trial), failed)


def _place(trial: MethodTrial) -> PathPlace | None:
    """Return the worst place of rootlesskit in any moby."""
    store = DerivationStore(stores.own())
    mobys = (
        method.after.old
        for method in trial.methods("moby")
        if method.after.old is not None
    )
    found = {path_place(store[moby].environment) for moby in mobys}
    order = (PathPlace.BOTH, PathPlace.PREFIX, PathPlace.ABSENT, PathPlace.SUFFIX)
    return next((place for place in order if place in found), None)
