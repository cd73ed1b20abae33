"""Let Nix decide what a version of the file means: by the overrides that reach the build, as the proofs do.

The versions may be anybody's. They are evaluated with nothing in reach but themselves and our own expressions: no
other file, no environment, no network, no store, in bounded memory and time, see `toolkit.nix.limits`.
"""

import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from msgspec import Struct

from toolkit import confined, files, process
from toolkit.docker import COMPONENTS, TARGET, meaning
from toolkit.docker.claims import building, evaluation
from toolkit.docker.claims.facts import shown
from toolkit.docker.meaning import Parsed
from toolkit.errors import CommandError, LimitError, ToolkitError
from toolkit.nix import limits, program
from toolkit.nix.limits import TOGETHER_SECONDS, no_time, sealed
from toolkit.parallel import side_by_side
from toolkit.sources import stand_in
from toolkit.sources.stand_in import Surroundings
from toolkit.track import readings
from toolkit.track.readings import PathPlace, Reading

_SECONDS = 20.0
"""The time limit of Nix for one version, within the time of all."""

_MOST_EXPANDED = 1 << 16
_PASSES = 4
_FILE, _TREE = "file", "tree"


class Undecided(Struct, frozen=True):
    """The reason why Nix could not decide."""

    reason: str


def read(contents: Sequence[bytes]) -> list[Reading]:
    """Return the meaning of some versions of the file: by syntax if that decides all, else by sealed evaluation."""
    found = [parsed_of(each) for each in confined.each(meaning.read, contents)]
    asked = [(content, parsed) for content, parsed in zip(contents, found, strict=True) if parsed.is_open]
    try:
        answers = iter(evaluate(asked) if asked else [])
    except ToolkitError as error:
        answers = iter([Undecided(error.message)] * len(asked))
    return [reading_of(parsed, next(answers)) if parsed.is_open else parsed.reading for parsed in found]


def parsed_of(found: Parsed | confined.Unread) -> Parsed:
    """Return the facts that a version's syntax shows; unknown, with the reason, if it was not read."""
    return Parsed(reading=readings.unknown(found.reason)) if isinstance(found, confined.Unread) else found


def reading_of(parsed: Parsed, answer: Reading | Undecided) -> Reading:
    """Return Nix's reading of a version, else the syntax's, with the reason why Nix did not decide."""
    if not isinstance(answer, Undecided):
        return answer
    return meaning.undecided(parsed.reading, f"Nix could not decide: {answer.reason}")


def evaluate(versions: Sequence[tuple[bytes, Parsed]], *, seconds: float | None = None) -> list[Reading | Undecided]:
    """Evaluate the versions side by side; one that ends Nix does not affect the others.

    All have so many `seconds` together, by default those of the stand-in tree. Raise ToolkitError without a new Nix.
    """
    program.version()
    end = time.monotonic() + (limits.seconds(TOGETHER_SECONDS) if seconds is None else seconds)
    with process.ending_together():
        return side_by_side(lambda version: _evaluate(*version, end), versions, jobs=os.cpu_count() or 1)


def _evaluate(content: bytes, parsed: Parsed, end: float) -> Reading | Undecided:
    most = limits.seconds(_SECONDS)
    seconds = min(most, end - time.monotonic())
    with files.temporary() as directory:
        case = _lay_out(content, parsed, directory)
        try:
            with sealed(case.parent, seconds=max(seconds, 0)):
                releases = evaluation.read(case.parent / _TREE, case, _FILE, parsed.parameters)
        except CommandError as error:
            if seconds < most and isinstance(error, LimitError) and error.of_time:
                return Undecided(no_time())
            return Undecided(program.at_limit(error) if program.reached_limit(error) else program.reason(error))
        except ToolkitError as error:
            return Undecided(error.message)
    facts = [found for found in releases.values() if not isinstance(found, str)]
    failed = {release: found for release, found in releases.items() if isinstance(found, str)}
    if not facts:
        return Undecided("no release of it evaluates" if failed else "it has no release")
    try:
        place = _worst(where(each.attributes["moby"]) for each in facts)
    except ValueError:
        return Undecided("its build steps are too large to read")
    return meaning.evaluated(parsed, shown(facts), place, failed)


def _lay_out(content: bytes, parsed: Parsed, root: Path) -> Path:
    """Write a version, empty files for those that it refers to, the stand-in tree and its case; return the case."""
    directory = root / _FILE
    directory.mkdir()
    for name in parsed.paths:
        # Below the version's own directory and nowhere else; Nix says what is missing, and what is no name of a file.
        if ".." not in PurePosixPath(name).parts and not name.startswith("/"):
            with suppress(OSError):
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                (directory / name).touch()
    (directory / "default.nix").write_bytes(content)
    around = Surroundings(
        target=TARGET,
        content=content,
        beside={},
        exported=parsed.exported,
        names=parsed.names,
        takes_function=parsed.takes_function,
    )
    stand_in.write(around, root / _TREE)
    path = root / "case.json"
    path.write_text(json.dumps({"sides": {_FILE: str(directory)}, "components": COMPONENTS}), encoding="utf-8")
    return path


def where(attributes: Mapping[str, str]) -> PathPlace | None:
    """Return the position of rootlesskit in the PATH of the wrapper that the build steps make; None without a wrapper.

    Raise ValueError for a PATH whose variables expand without bound.
    """
    found: set[str] = set()
    seen = False
    for script in attributes.values():
        if "dockerd-rootless" not in script:
            continue
        for words in building.commands(script):
            if not re.fullmatch(r"(make|wrap)\w*(Wrapper|Program)\w*", words[0]):
                continue
            if not building.makes_wrapper(words):
                continue
            seen = True
            for flag, value in _flags(words):
                if any(building.is_rootlesskit(path) for path in _expanded(value, attributes).split(":")):
                    found.add(flag)
    if not seen:
        return None
    if len(found) > 1:
        return PathPlace.BOTH
    return PathPlace(found.pop()) if found else PathPlace.ABSENT


def _flags(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for index, word in enumerate(words[:-3]):
        if word in {"--prefix", "--suffix"} and words[index + 1] == "PATH":
            yield word.removeprefix("--"), words[index + 3].strip("\"'")


def _expanded(value: str, attributes: Mapping[str, str]) -> str:
    """Return a shell word with the attributes in it, which are variables of the build, in place of their names."""
    for _ in range(_PASSES):
        names = re.findall(r"\$\{?(\w+)", value)
        if len(value) + sum(len(attributes.get(name, "")) for name in names) > _MOST_EXPANDED:
            raise ValueError(value[:_MOST_EXPANDED])
        new = re.sub(r"\$\{?(\w+)\}?", lambda match: attributes.get(match[1], match[0]), value)
        if new == value:
            break
        value = new
    return value


def _worst(places: Iterable[PathPlace | None]) -> PathPlace | None:
    present = set(places)
    order = (PathPlace.BOTH, PathPlace.PREFIX, PathPlace.ABSENT, PathPlace.SUFFIX)
    return next((place for place in order if place in present), None)
