"""Let Nix decide what versions of the file mean: all of them in one evaluation, as the isolated tier does it.

The versions may be anybody's. They are evaluated with nothing in reach but themselves and our own expressions: no
other file, no environment, no network, no store, in bounded memory and time, see `toolkit.nix.seal`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from toolkit import nix, process
from toolkit.cache import default_cache
from toolkit.docker import staging
from toolkit.docker.claims import doors, install_phase
from toolkit.docker.claims.case import SYSTEMS
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.rewrite.layout import DockerFile
from toolkit.docker.track.report.document import Place
from toolkit.errors import CommandError, ToolkitError
from toolkit.nix.seal import sealed
from toolkit.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from toolkit.docker.plan import Plan
    from toolkit.process import Command

EVALUATION = "evaluation"

_KIND = "tracked"
_SECONDS = 20.0
_SECONDS_EACH = 0.5
_PASSES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What Nix found: component → whether overriding it changes what is built, and where rootlesskit is.

    `place` is None where no command was found that makes the wrapper. `failure` is why Nix could not tell.
    """

    works: Mapping[str, bool]
    place: Place | None
    failure: str | None = None


def is_possible() -> bool:
    """Tell whether there is a Nix to ask."""
    return process.find("nix-instantiate") is not None


def evaluate(contents: Mapping[str, bytes], plan: Plan) -> dict[str, Evaluated]:
    """Return what Nix says of each content, by its key: one process for all; where that fails, some more.

    Raises ToolkitError where there is no Nix, or an old one.
    """
    nix.version()
    cases: dict[str, Path] = {}
    found: dict[str, Evaluated] = {}
    for key, content in contents.items():
        try:
            cases[key] = _lay_out(content, plan)
        except (ToolkitError, RecursionError):
            found[key] = _failed("cannot be laid out for Nix")
    for key, answer in _answers(cases, plan).items():
        found[key] = answer if isinstance(answer, Evaluated) else _evaluated(answer, plan)
    return found


def _answers(cases: Mapping[str, Path], plan: Plan) -> dict[str, Record | Evaluated]:
    """Evaluate cases; of those that break an evaluation find out which, by halves."""
    if not cases:
        return {}
    try:
        document = Record(_run(cases, plan), document="evaluation")
    except CommandError as error:
        if len(cases) == 1:
            return dict.fromkeys(cases, _failed(nix.reason(error)))
        keys = list(cases)
        halves = (keys[: len(keys) // 2], keys[len(keys) // 2 :])
        return {key: answer for half in halves for key, answer in _answers({k: cases[k] for k in half}, plan).items()}
    return {key: document.record(key) for key in cases}


def command(cases: Path, roots: Sequence[Path], plan: Plan) -> Command:
    """Return the command that evaluates the cases which a file lists, and reads nothing but `roots`."""
    doors_of = dict.fromkeys(plan.components, doors.STANDARD)
    question = json.dumps({"file": {"derivations": True, "doors": doors_of, "rows": []}})
    with sealed(*roots):
        asked = nix.evaluate_command(EXPRESSIONS / "readings.nix", {"cases": str(cases), "asked": question})
    return replace(asked, timeout=_SECONDS + _SECONDS_EACH * len(roots))


def _run(cases: Mapping[str, Path], plan: Plan) -> object:
    listed = json.dumps({key: str(path) for key, path in cases.items()}, sort_keys=True).encode()
    root = _kept({"cases.json": listed})
    asked = command(root / "cases.json", [path.parent for path in cases.values()], plan)
    done = process.execute(asked)
    try:
        return json.loads(done.stdout)
    except (ValueError, RecursionError) as error:
        raise CommandError(asked.argv, status=0, stderr="its output is not JSON") from error


def _lay_out(content: bytes, plan: Plan) -> Path:
    """Write a version, empty files for those that it refers to, and its case; return the case."""
    file = DockerFile(content.decode(), name=plan.target.name)
    written = {"file/default.nix": content}
    for name in file.paths():
        # Below the version's own directory and nowhere else; Nix says what is missing.
        if ".." not in PurePosixPath(name).parts and not name.startswith("/") and name != "default.nix":
            written[f"file/{name}"] = b""
    question = staging.ask([file], plan.components)
    _, build, host = SYSTEMS[0]
    question["systems"] = [{"label": "here", "build": build, "host": host}]
    written["question.json"] = json.dumps(question, sort_keys=True).encode()
    root = _path(written)
    written["case.json"] = json.dumps({"sides": {"file": str(root / "file")}, **question}, sort_keys=True).encode()
    return _kept(written, at=root) / "case.json"


def _path(written: Mapping[str, bytes]) -> Path:
    digest = hashlib.sha256()
    for path, data in sorted(written.items()):
        digest.update(f"{path}\0{len(data)}\0".encode() + data)
    return default_cache().root / _KIND / digest.hexdigest()[:32]


def _kept(written: Mapping[str, bytes], *, at: Path | None = None) -> Path:
    """Return a directory of the cache that has these files and no others changed."""
    root = at if at is not None else _path(written)

    def make(directory: Path) -> None:
        for path, data in written.items():
            file = directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def check(directory: Path) -> bool:
        return all((directory / p).is_file() and (directory / p).read_bytes() == data for p, data in written.items())

    return default_cache().obtain(_KIND, root.name, make=make, check=check)


def _failed(reason: str) -> Evaluated:
    return Evaluated(works={}, place=None, failure=reason)


def _evaluated(releases: Record, plan: Plan) -> Evaluated:
    """Read the answer for one version: what holds for its releases must hold for each that evaluates."""
    works: dict[str, bool] = {}
    places: list[Place] = []
    thrown = 0
    for release in releases.names():
        record = releases.record(release)
        if "error" in record:
            thrown += 1
            continue
        outcomes = record.record("doors")
        for name in outcomes.names():
            found = outcomes.record(name)
            good = any(found.text(door) == doors.WORKS for door in found.names())
            works[name] = works.get(name, True) and good
        attributes = record.record("attributes")
        place = where({name: attributes.text(name) for name in attributes.names()}, plan.prefix_entry)
        if place is not None:
            places.append(place)
    count = sum(1 for _ in releases.names())
    if thrown == count:
        return _failed("no release of it evaluates" if count else "it has no release")
    return Evaluated(works=works, place=_worst(places))


def where(attributes: Mapping[str, str], entry: str) -> Place | None:
    """Return where a package is in the PATH of the wrapper that the build steps make; None for no wrapper."""
    found: set[str] = set()
    seen = False
    for script in attributes.values():
        if "dockerd-rootless" not in script:
            continue
        for words in install_phase.commands(script):
            if not re.fullmatch(r"(make|wrap)\w*(Wrapper|Program)\w*", words[0]):
                continue
            if not any(install_phase.WRAPPER.fullmatch(word.strip('"')) for word in words):
                continue
            seen = True
            for flag, value in _flags(words):
                entries = _expanded(value, attributes).split(":")
                if any(install_phase.is_of(path, entry) for path in entries):
                    found.add(flag)
    if not seen:
        return None
    if len(found) > 1:
        return Place.BOTH
    return Place(found.pop()) if found else Place.ABSENT


def _flags(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for index, word in enumerate(words[:-3]):
        if word in {"--prefix", "--suffix"} and words[index + 1] == "PATH":
            yield word.removeprefix("--"), words[index + 3].strip("\"'")


def _expanded(value: str, attributes: Mapping[str, str]) -> str:
    """Return a shell word with the attributes in it, which are variables of the build, in place of their names."""
    for _ in range(_PASSES):
        new = re.sub(r"\$\{?(\w+)\}?", lambda match: attributes.get(match[1], match[0]), value)
        if new == value:
            break
        value = new
    return value


def _worst(places: Iterable[Place]) -> Place | None:
    order = (Place.BOTH, Place.PREFIX, Place.ABSENT, Place.SUFFIX)
    present = set(places)
    return next((place for place in order if place in present), None)
