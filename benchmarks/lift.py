"""Lift every package of a nixpkgs tree that lets bind out of reach, or a sample, and prove each with Nix.

    .venv/bin/python benchmarks/lift.py --nixpkgs ~/src/nixpkgs --sample 100 --seed 1

Of each file it says whether it was lifted with every proof passed, was refused and why, or failed, with the designs
that `unlet propose` chooses from. Nix says which package is written in a file; those that no attribute path leads to,
since others are made with them, are not counted. A package is asked about on the systems that it is for, in turn until
one shows an effect; with `--every-system` the derivation must be the same on all of them.
"""

from __future__ import annotations

import argparse
import difflib
import random
import re
import statistics
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from toolkit.errors import LayoutError, NixSyntaxError, RefusalError
from toolkit.lift.bindings import BindingKind, Reachability
from toolkit.lift.locating import owners
from toolkit.lift.plan import Design
from toolkit.lift.rewriting import Lifted, lift
from toolkit.lift.survey import survey
from toolkit.nix import program
from toolkit.proposal.target import Target
from toolkit.prove.lifted import NO_FUNCTION, UNREACHED, Derivations, LiftVerdict, Question, ask, judge
from toolkit.sources import trees

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CANARY = "x86_64-linux"
MENDED = frozenset([UNREACHED, NO_FUNCTION])
"""What another design may mend."""
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
    files: set[PurePosixPath] = set()
    for finding in found.findings:
        if (
            finding.binding.kind is BindingKind.PACKAGE
            and finding.binding.state is not Reachability.ROUTED
            and finding.binding.liftable
        ):
            files.add(finding.file)
    names = sorted(files)
    if options.sample:
        names = sorted(random.Random(options.seed).sample(names, min(options.sample, len(names))))  # noqa: S311
    print(f"{len(files)} files of the shape, {len(names)} tried; survey {time.monotonic() - began:.1f} s")
    began = time.monotonic()
    owned = owners(root, names)
    targets = {file: Target(package=found[0], file=file, systems=found[1].systems) for file, found in owned.items()}
    for file in [] if not options.verbose else [file for file in names if file not in targets]:
        print(f"       no attribute path leads to {file}")
    print(f"{len(targets)} of them packages of their own; asking where they are {time.monotonic() - began:.0f} s")
    began = time.monotonic()
    texts = {file: (root / file).read_text() for file in targets}
    lifted: dict[PurePosixPath, Lifted] = {}
    verdicts: dict[PurePosixPath, LiftVerdict] = {}
    chosen: Counter[Design] = Counter()
    for design in (Design(options.design),) if options.design else (Design.STAY, Design.LAYER):
        open_ = [file for file in targets if file not in verdicts or verdicts[file].why in MENDED]
        made: dict[PurePosixPath, Lifted] = {}
        for file in open_:
            try:
                made[file] = lift(texts[file], name=str(file), design=design, follow=options.follow)
            except (LayoutError, RefusalError, NixSyntaxError) as error:
                why = re.sub(r"^\S+?:(\d+:\d+: )?", "", error.message).strip()
                verdicts.setdefault(file, LiftVerdict(outcome="refused", why=why))
        for file, said in _prove(root, {file: (targets[file], each) for file, each in made.items()}, options).items():
            if file not in verdicts or said.outcome == "lifted":
                verdicts[file], lifted[file] = said, made[file]
                chosen[design] += said.outcome == "lifted"
    print(f"proving {time.monotonic() - began:.0f} s, {WORKERS} evaluations of {TOGETHER} packages at a time")
    print("lifted by " + ", ".join(f"{design} {count}" for design, count in chosen.items()))
    _report(verdicts, targets, texts, lifted, verbose=options.verbose)
    return 0


def _prove(
    root: Path, made: Mapping[PurePosixPath, tuple[Target, Lifted]], options: argparse.Namespace
) -> dict[PurePosixPath, LiftVerdict]:
    """Ask about all in one tree; what is not as it was there is asked again in a tree where it alone has changed."""
    if not made:
        return {}
    tree = trees.NixpkgsTree(root=root, key=str(root))
    together, apart = _separated(tree, made)
    found: dict[PurePosixPath, list[Derivations]] = defaultdict(list)
    for system in dict.fromkeys(system for target, _ in made.values() for system in target.systems):
        wanted = {
            file: each
            for file, each in made.items()
            if system in each[0].systems and (options.every_system or not _settled(found[file]))
        }
        answers = _ask(root, together, system, {file: each for file, each in wanted.items() if file not in apart})
        doubtful = [file for file, answer in answers.items() if answer.error is not None or _differs(answer)]
        for file in [*doubtful, *(file for file in apart if file in wanted)]:
            alone = trees.changed(tree, {file: made[file][1].text.encode()}).root
            answers[file] = _ask(root, alone, system, {file: made[file]})[file]
        for file, answer in answers.items():
            found[file].append(answer)
    return {file: _final(answers) for file, answers in found.items()}


def _settled(answers: Sequence[Derivations]) -> bool:
    said = judge(answers)
    return said is not None and said.why != UNREACHED


def _final(answers: Sequence[Derivations]) -> LiftVerdict:
    return judge(answers) or LiftVerdict(outcome="not asked", why="the unchanged package evaluates on no system")


def _ask(
    root: Path, after: Path, system: str, made: Mapping[PurePosixPath, tuple[Target, Lifted]]
) -> dict[PurePosixPath, Derivations]:
    files = list(made)
    questions = [
        Question(package=target.package, doors=lifted.doors, shown=lifted.shown) for target, lifted in made.values()
    ]
    parts = [questions[begin : begin + TOGETHER] for begin in range(0, len(files), TOGETHER)]
    with ThreadPoolExecutor(WORKERS) as pool:
        answered = pool.map(partial(ask, root, after, system), parts)
        return dict(zip(files, (answer for answers in answered for answer in answers), strict=True))


def _differs(answer: Derivations) -> bool:
    return answer.before != answer.after


def _separated(
    tree: trees.NixpkgsTree, made: Mapping[PurePosixPath, tuple[Target, Lifted]]
) -> tuple[Path, frozenset[PurePosixPath]]:
    """Return a tree with the changed files but for those that keep other packages from evaluating, and these."""
    apart: set[PurePosixPath] = set()
    while True:
        contents = {file: lifted.text.encode() for file, (_, lifted) in made.items() if file not in apart}
        after = trees.changed(tree, contents).root
        questions = [Question(package=package) for package in CANARIES]
        answers = [ask(tree.root, after, CANARY, [question])[0] for question in questions]
        places = {PurePosixPath(place) for answer in answers for place in answer.places}
        if not (guilty := places & contents.keys()):
            program.parse([after / file for file in contents])
            return after, frozenset(apart)
        apart |= guilty


def _report(
    verdicts: Mapping[PurePosixPath, LiftVerdict],
    targets: Mapping[PurePosixPath, Target],
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
            print(f"       {targets[file].package}  {file}: {verdicts[file].why}")
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
    parser.add_argument("--design", choices=list(Design), help="this design alone")
    parser.add_argument("--follow", type=lambda text: text.split(","), default=[])
    parser.add_argument(
        "--every-system", action="store_true", help="all three systems, not only the first that evaluates"
    )
    parser.add_argument("--verbose", action="store_true", help="name the files that were not lifted")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
