"""Lift every package of a nixpkgs tree that lets bind out of reach, or a sample, and prove each with Nix.

    .venv/bin/python benchmarks/lift.py --nixpkgs ~/src/nixpkgs --sample 100 --seed 1

Of each file it says whether it was lifted with every proof passed, was refused and why, or failed. What is known by no
name that evaluates, such as a file that others import, could not be asked about. Systems are tried in turn until one
shows an effect; with `--every-system` the derivation must be the same on all of them.
"""

from __future__ import annotations

import argparse
import difflib
import random
import re
import statistics
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from toolkit import nix
from toolkit.errors import LayoutError, NixSyntaxError, RefusalError
from toolkit.lift.doors import State
from toolkit.lift.kinds import Kind
from toolkit.lift.plan import Design
from toolkit.lift.rewriting import Lifted, lift
from toolkit.lift.survey import survey
from toolkit.prove.lifted import UNREACHED, Answer, Question, Verdict, ask, judge
from toolkit.sources import trees

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SYSTEMS = ("x86_64-linux", "aarch64-linux", "aarch64-darwin")
TOGETHER = 12
WORKERS = 2
CANARIES = (
    "hello",
    "python3Packages.requests",
    "python3Packages.poetry-core",
    "nodejs",
    "go",
    "rustc",
    "jdk",
    "ffmpeg",
)
"""What many packages are made with: where one of these is broken, so are they."""


def main() -> int:
    """Lift, prove, and print what came of it."""
    options = _options()
    root = Path(options.nixpkgs).resolve()
    began = time.monotonic()
    found = survey(root)
    files: dict[PurePosixPath, str] = {}
    for finding in found.findings:
        if (
            finding.binding.kind is Kind.PACKAGE
            and finding.binding.state is not State.ROUTED
            and finding.binding.liftable
        ):
            files[finding.file] = finding.package
    names = sorted(files)
    if options.sample:
        names = sorted(random.Random(options.seed).sample(names, min(options.sample, len(names))))  # noqa: S311
    print(f"{len(files)} files of the shape, {len(names)} tried; survey {time.monotonic() - began:.1f} s")
    lifted: dict[PurePosixPath, Lifted] = {}
    verdicts: dict[PurePosixPath, Verdict] = {}
    began = time.monotonic()
    texts = {file: (root / file).read_text() for file in names}
    for file, text in texts.items():
        try:
            lifted[file] = lift(text, name=str(file), design=Design(options.design), follow=options.follow)
        except (LayoutError, RefusalError, NixSyntaxError) as error:
            verdicts[file] = Verdict(outcome="refused", why=re.sub(r"^\S+?:(\d+:\d+: )?", "", error.message))
    print(f"rewriting {time.monotonic() - began:.1f} s")
    began = time.monotonic()
    verdicts |= _prove(root, {file: (files[file], made) for file, made in lifted.items()}, options)
    print(f"proving {time.monotonic() - began:.0f} s, {WORKERS} evaluations of {TOGETHER} packages at a time")
    _report(verdicts, files, texts, lifted, verbose=options.verbose)
    return 0


def _prove(
    root: Path, made: Mapping[PurePosixPath, tuple[str, Lifted]], options: argparse.Namespace
) -> dict[PurePosixPath, Verdict]:
    """Ask about all in one tree; what is not as it was there is asked again in a tree where it alone has changed."""
    tree = trees.Tree(root=root, key=str(root))
    together, apart = _separated(tree, made)
    found: dict[PurePosixPath, list[Answer]] = defaultdict(list)
    for system in SYSTEMS:
        wanted = {file: each for file, each in made.items() if options.every_system or not _settled(found[file])}
        answers = _ask(root, together, system, {file: each for file, each in wanted.items() if file not in apart})
        doubtful = [file for file, answer in answers.items() if answer.error is not None or _differs(answer)]
        for file in [*doubtful, *(file for file in apart if file in wanted)]:
            alone = trees.changed(tree, {file: made[file][1].text.encode()}).root
            answers[file] = _ask(root, alone, system, {file: made[file]})[file]
        for file, answer in answers.items():
            found[file].append(answer)
    return {file: _final(answers) for file, answers in found.items()}


def _settled(answers: Sequence[Answer]) -> bool:
    said = judge(answers)
    return said is not None and said.why != UNREACHED


def _final(answers: Sequence[Answer]) -> Verdict:
    if any(not door.there for answer in answers for door in answer.doors.values()):
        return Verdict(outcome="not asked", why="another file's package has the name that the file is taken for")
    return judge(answers) or Verdict(outcome="not asked", why="no package that evaluates has the name of the file")


def _ask(
    root: Path, after: Path, system: str, made: Mapping[PurePosixPath, tuple[str, Lifted]]
) -> dict[PurePosixPath, Answer]:
    files = list(made)
    questions = [
        Question(package=tuple(package.split(".")), doors=lifted.doors, shown=lifted.shown)
        for package, lifted in made.values()
    ]
    parts = [questions[begin : begin + TOGETHER] for begin in range(0, len(files), TOGETHER)]
    with ThreadPoolExecutor(WORKERS) as pool:
        answered = pool.map(partial(ask, root, after, system), parts)
        return dict(zip(files, (answer for answers in answered for answer in answers), strict=True))


def _differs(answer: Answer) -> bool:
    return answer.before != answer.after


def _separated(
    tree: trees.Tree, made: Mapping[PurePosixPath, tuple[str, Lifted]]
) -> tuple[Path, frozenset[PurePosixPath]]:
    """Return a tree with the changed files but for those that keep other packages from evaluating, and these."""
    apart: set[PurePosixPath] = set()
    while True:
        contents = {file: lifted.text.encode() for file, (_, lifted) in made.items() if file not in apart}
        after = trees.changed(tree, contents).root
        questions = [Question(package=tuple(package.split(".")), doors={}) for package in CANARIES]
        answers = [ask(tree.root, after, SYSTEMS[0], [question])[0] for question in questions]
        places = {PurePosixPath(place) for answer in answers for place in answer.places}
        if not (guilty := places & contents.keys()):
            nix.parse([after / file for file in contents])
            return after, frozenset(apart)
        apart |= guilty


def _report(
    verdicts: Mapping[PurePosixPath, Verdict],
    files: Mapping[PurePosixPath, str],
    texts: Mapping[PurePosixPath, str],
    lifted: Mapping[PurePosixPath, Lifted],
    *,
    verbose: bool,
) -> None:
    total = len(verdicts)
    for outcome in ("lifted", "refused", "failed", "not asked"):
        count = sum(each.outcome == outcome for each in verdicts.values())
        print(f"{outcome:9} {count:4} {100 * count / max(total, 1):5.1f} %")
    reasons: dict[tuple[str, str], list[PurePosixPath]] = defaultdict(list)
    for file, said in verdicts.items():
        if said.outcome != "lifted":
            reasons[said.outcome, re.sub(r"'[^']*'", "'…'", said.why)].append(file)
    for (outcome, why), those in sorted(reasons.items(), key=lambda item: -len(item[1])):
        print(f"{len(those):4} {outcome}: {why}")
        for file in those if verbose else ():
            print(f"       {files[file]}  {file}: {verdicts[file].why}")
    sizes = [
        sum(
            line[:1] in "+-" and line[:3] not in {"+++", "---"}
            for line in difflib.unified_diff(texts[file].splitlines(), lifted[file].text.splitlines(), n=0)
        )
        for file, said in verdicts.items()
        if said.outcome == "lifted"
    ]
    if sizes:
        print(f"changed lines: median {statistics.median(sizes):g}, most {max(sizes)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nixpkgs", required=True, help="a whole tree; it is not written to")
    parser.add_argument("--sample", type=int, default=0, help="how many files (0: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--design", choices=list(Design), default=Design.STAY.value)
    parser.add_argument("--follow", type=lambda text: text.split(","), default=[])
    parser.add_argument(
        "--every-system", action="store_true", help="all three systems, not only the first that evaluates"
    )
    parser.add_argument("--verbose", action="store_true", help="name the files that were not lifted")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
