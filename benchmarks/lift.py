"""Lift every package of a nixpkgs tree that lets bind out of reach, or a sample, and prove each with Nix.

    .venv/bin/python benchmarks/lift.py --nixpkgs ~/src/nixpkgs --sample 100 --seed 1

Of each file it says whether it was lifted with every proof passed, was refused and why,
or failed, with the designs that `unlet propose` chooses from; and of all changes the
lines, those with `finalAttrs: rec`, the words of messages, and those that nixfmt would
write differently, if it is on PATH. Nix says which package is written in a file; those
that no attribute path leads to, since others are made with them, are not counted. A
package is asked about on the systems that it is for, in turn until one shows an effect;
with `--every-system` the derivation must be the same on all of them.
"""

import argparse
import difflib
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from toolkit import process
from toolkit.asking.trials import Derivations, Effect, LiftQuestion, ask, command
from toolkit.errors import CommandError, ToolkitError
from toolkit.git.reading import TreeFile
from toolkit.judge import ground
from toolkit.lift.bindings import SHARED, Reachability, find
from toolkit.lift.defaults import LiftChoice, changed_lines, ways
from toolkit.lift.defaults import lifted as by_design
from toolkit.lift.final_attrs import final_attrs
from toolkit.lift.kinds import BindingKind
from toolkit.lift.locating import owners, siblings
from toolkit.lift.outcome import Lifted
from toolkit.lift.plan import Design, LiftWay
from toolkit.lift.rewriting import lift
from toolkit.lift.shape import read
from toolkit.lift.survey import files_of, survey
from toolkit.nix import program
from toolkit.nix.tree import Tree
from toolkit.proposal.lifted import joint_verdict
from toolkit.proposal.target import Target
from toolkit.proposal.texts import message
from toolkit.report.lifts import LiftFault, LiftOutcome
from toolkit.sources import trees

BUILDERS = (
    "mkDerivation",
    "buildGoModule",
    "buildNpmPackage",
    "buildRustPackage",
    r"buildPython\w+",
)
CANARY = "x86_64-linux"
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


NOT_ASKED = "not asked"


class TrialVerdict(Struct, frozen=True, kw_only=True):
    """The outcome of a trial, a LiftOutcome or NOT_ASKED, and its reason."""

    outcome: str
    why: str


def main() -> int:
    """Lift, prove, and print what came of it."""
    options = _options()
    root = Path(options.nixpkgs).resolve()
    began = time.monotonic()
    kinds = _recursive(root) if options.recipe else {"": _hidden(root)}
    share = random.Random(options.seed)  # noqa: S311
    names = sorted(
        file
        for files in kinds.values()
        for file in share.sample(
            files, min(options.sample // len(kinds) or len(files), len(files))
        )
    )
    total = sum(map(len, kinds.values()))
    print(
        f"{total} files of the shape, {len(names)} tried; survey "
        f"{time.monotonic() - began:.1f} s"
    )
    began = time.monotonic()
    owned = owners(root, names)
    made = siblings(root, {package: file for file, (package, _) in owned.items()})
    targets = {
        file: Target(
            package=package, file=file, systems=place.systems, made=made[package]
        )
        for file, (package, place) in owned.items()
    }
    for file in (
        [] if not options.verbose else [file for file in names if file not in targets]
    ):
        print(f"       no attribute path leads to {file}")
    print(
        f"{len(targets)} of them packages of their own; asking where they are "
        f"{time.monotonic() - began:.0f} s"
    )
    began = time.monotonic()
    texts = {file: (root / file).read_text() for file in targets}
    lifted, chosen, verdicts = (_carry_out if options.recipe else _lift)(
        root, targets, texts, options
    )
    print(
        f"proving {time.monotonic() - began:.0f} s, {WORKERS} evaluations of "
        f"{TOGETHER} packages at a time"
    )
    _report(verdicts, targets, options)
    _measure(texts, lifted, chosen)
    if not options.recipe:
        _read(targets, texts, lifted, verdicts)
    if options.out:
        for file, each in lifted.items():
            _write(Path(options.out), targets[file], texts[file], each)
    return 0


def _hidden(root: Path) -> list[PurePosixPath]:
    """Return the files that bind packages out of reach."""
    return sorted(
        {
            finding.file
            for finding in survey(root).findings
            if finding.binding.kind is BindingKind.PACKAGE
            and finding.binding.state is not Reachability.ROUTED
            and finding.binding.liftable
        }
    )


def _recursive(root: Path) -> dict[str, list[PurePosixPath]]:
    """Return the files whose package has a `rec` set, by the builder."""
    found: dict[str, list[PurePosixPath]] = {builder: [] for builder in BUILDERS}
    for path in files_of(root, "pkgs"):
        text = (root / path).read_text(errors="replace")
        for builder, files in found.items():
            if re.search(rf"\b{builder} rec \{{", text):
                files.append(PurePosixPath(path))
                break
    return {builder: sorted(files) for builder, files in found.items()}


def _carry_out(
    root: Path,
    targets: Mapping[PurePosixPath, Target],
    texts: Mapping[PurePosixPath, str],
    options: argparse.Namespace,
) -> tuple[
    dict[PurePosixPath, Lifted],
    dict[PurePosixPath, Design],
    dict[PurePosixPath, TrialVerdict],
]:
    """Make `finalAttrs` of each outer `rec`.

    An override of the version must reach the source.
    """
    made: dict[PurePosixPath, Lifted] = {}
    verdicts: dict[PurePosixPath, TrialVerdict] = {}
    for file, text in texts.items():
        try:
            new = final_attrs(text, name=str(file))
            made[file] = Lifted(
                text=new, methods={"src": ("src",)}, follows={"src": ("version",)}
            )
        except ToolkitError as error:
            verdicts[file] = _refused(error)
    verdicts |= _prove(
        root, {file: (targets[file], each) for file, each in made.items()}, options
    )
    lifted = {
        file: each
        for file, each in made.items()
        if verdicts[file].outcome == LiftOutcome.LIFTED
    }
    return lifted, dict.fromkeys(lifted, Design.STAY), verdicts


def _lift(
    root: Path,
    targets: Mapping[PurePosixPath, Target],
    texts: Mapping[PurePosixPath, str],
    options: argparse.Namespace,
) -> tuple[
    dict[PurePosixPath, Lifted],
    dict[PurePosixPath, Design],
    dict[PurePosixPath, TrialVerdict],
]:
    """Try the designs in turn.

    Return what was lifted, by which design, and what was said of each file.
    """
    lifted: dict[PurePosixPath, Lifted] = {}
    verdicts: dict[PurePosixPath, TrialVerdict] = {}
    chosen: dict[PurePosixPath, Design] = {}
    choice = LiftChoice(
        design=Design(options.design) if options.design else None,
        follow=tuple(options.follow),
    )
    tries = {file: _ways(texts[file], choice, file, verdicts) for file in targets}
    for number in range(max(map(len, tries.values()))):
        made: dict[PurePosixPath, Lifted] = {}
        for file in (
            file for file in targets if file not in lifted and number < len(tries[file])
        ):
            try:
                made[file] = by_design(
                    texts[file], choice, tries[file][number], name=str(file)
                )
            except ToolkitError as error:
                verdicts[file] = _refused(error)
        for file, said in _prove(
            root, {file: (targets[file], each) for file, each in made.items()}, options
        ).items():
            verdicts[file] = said
            if said.outcome == LiftOutcome.LIFTED:
                lifted[file], chosen[file] = made[file], tries[file][number].design
    return lifted, chosen, verdicts


def _ways(
    text: str,
    choice: LiftChoice,
    file: PurePosixPath,
    verdicts: dict[PurePosixPath, TrialVerdict],
) -> list[LiftWay]:
    try:
        return list(ways(text, choice, name=str(file)))
    except ToolkitError as error:
        verdicts[file] = _refused(error)
        return []


def _refused(error: ToolkitError) -> TrialVerdict:
    return TrialVerdict(
        outcome=LiftOutcome.REFUSED,
        why=re.sub(r"^\S+?:(\d+:\d+: )?", "", error.message).strip(),
    )


def _write(out: Path, target: Target, text: str, lifted: Lifted) -> None:
    """Write the message and the diff of a lift."""
    said = message(target.packages, lifted)
    names = (f"a/{target.file}", f"b/{target.file}")
    lines = difflib.unified_diff(
        text.splitlines(keepends=True), lifted.text.splitlines(keepends=True), *names
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{target.package}.patch").write_text(
        f"{said.subject}\n\n{said.whole}\n\n{''.join(lines)}"
    )


def _prove(
    root: Path,
    made: Mapping[PurePosixPath, tuple[Target, Lifted]],
    options: argparse.Namespace,
) -> dict[PurePosixPath, TrialVerdict]:
    """Ask about all in one tree.

    What is not as it was there is asked again in a tree where it alone has changed.
    """
    if not made:
        return {}
    tree = trees.NixpkgsTree(root=root, key=str(root))
    together, apart = _separated(tree, made)
    found: dict[PurePosixPath, list[Derivations]] = defaultdict(list)
    for system in dict.fromkeys(
        system for target, _ in made.values() for system in target.systems
    ):
        wanted = {
            file: each
            for file, each in made.items()
            if system in each[0].systems
            and (options.every_system or not _settled(found[file]))
        }
        answers = _ask(
            root,
            together,
            system,
            {file: each for file, each in wanted.items() if file not in apart},
        )
        doubtful = [
            file
            for file, answer in answers.items()
            if answer.error is not None or _differs(answer)
        ]
        for file in [*doubtful, *(file for file in apart if file in wanted)]:
            alone = ground.edited(tree, file, made[file][1].text.encode()).root
            answers[file] = _ask(root, alone, system, {file: made[file]})[file]
        for file, answer in answers.items():
            found[file].append(answer)
    return {file: _final(answers) for file, answers in found.items()}


def _settled(answers: Sequence[Derivations]) -> bool:
    said = joint_verdict(answers)
    return said is not None and said.fault is not LiftFault.UNREACHED


def _final(answers: Sequence[Derivations]) -> TrialVerdict:
    said = joint_verdict(answers)
    if said is None:
        why = "the unchanged package evaluates on no system"
        return TrialVerdict(outcome=NOT_ASKED, why=why)
    return TrialVerdict(outcome=said.outcome, why=said.why)


def _ask(
    root: Path,
    after: Path,
    system: str,
    made: Mapping[PurePosixPath, tuple[Target, Lifted]],
) -> dict[PurePosixPath, Derivations]:
    files = list(made)
    questions = [
        LiftQuestion(
            package=target.package,
            methods=lifted.methods,
            shown=lifted.shown,
            follows=lifted.follows,
        )
        for target, lifted in made.values()
    ]
    parts = [
        questions[begin : begin + TOGETHER] for begin in range(0, len(files), TOGETHER)
    ]
    with ThreadPoolExecutor(WORKERS) as pool:
        answered = pool.map(partial(ask, root, after, system), parts)
        said = dict(
            zip(
                files,
                (answer for answers in answered for answer in answers),
                strict=True,
            )
        )
    return {
        file: answer if made[file][1].states else _of_recipe(answer)
        for file, answer in said.items()
    }


def _of_recipe(answer: Derivations) -> Derivations:
    """Return the answer to what a recipe claims: its source follows, whatever an override of that leaves behind."""
    methods = {
        name: replace(method, after=replace(method.after, effect=Effect.WORKS))
        for name, method in answer.methods.items()
    }
    return replace(answer, methods=methods)


def _differs(answer: Derivations) -> bool:
    return answer.before != answer.after


def _separated(
    tree: trees.NixpkgsTree, made: Mapping[PurePosixPath, tuple[Target, Lifted]]
) -> tuple[Path, frozenset[PurePosixPath]]:
    """Return a tree with the changed files but for those that keep other packages from evaluating, and these."""
    apart: set[PurePosixPath] = set()
    while True:
        contents = {
            file: TreeFile(content=each.text.encode())
            for file, (_, each) in made.items()
            if file not in apart
        }
        after = ground.changed(tree, contents).root
        places = {
            place
            for package in CANARIES
            for place in _places(tree.root, after, package)
        }
        if not (guilty := places & contents.keys()):
            program.parse([after / file for file in contents])
            return after, frozenset(apart)
        apart |= guilty


def _places(before: Path, after: Path, package: str) -> set[PurePosixPath]:
    """Return the changed tree's files in Nix's trace if a package does not evaluate there."""
    try:
        process.execute(command(before, after, CANARY, [LiftQuestion(package=package)]))
    except CommandError as error:
        return set(
            map(
                PurePosixPath,
                re.findall(rf"{re.escape(str(after))}/(\S+?\.nix)\b", error.stderr),
            )
        )
    return set()


def _report(
    verdicts: Mapping[PurePosixPath, TrialVerdict],
    targets: Mapping[PurePosixPath, Target],
    options: argparse.Namespace,
) -> None:
    total = len(verdicts)
    for outcome in (*LiftOutcome, NOT_ASKED):
        count = sum(each.outcome == outcome for each in verdicts.values())
        print(f"{outcome:9} {count:4} {100 * count / max(total, 1):5.1f} %")
    reasons: dict[tuple[str, str], list[PurePosixPath]] = defaultdict(list)
    for file, said in verdicts.items():
        if said.outcome != LiftOutcome.LIFTED:
            reasons[said.outcome, re.sub(r"'[^']*'", "'…'", said.why)].append(file)
    for (outcome, why), those in sorted(
        reasons.items(), key=lambda item: -len(item[1])
    ):
        print(f"{len(those):4} {outcome}: {why}")
        for file in those if options.verbose else ():
            print(f"       {targets[file].package}  {file}: {verdicts[file].why}")


def _read(
    targets: Mapping[PurePosixPath, Target],
    texts: Mapping[PurePosixPath, str],
    lifted: Mapping[PurePosixPath, Lifted],
    verdicts: Mapping[PurePosixPath, TrialVerdict],
) -> None:
    """Print how long the messages are, and how many of the files with a part that could follow have one that does."""
    words = [
        len(message(targets[file].packages, each).whole.split())
        for file, each in lifted.items()
    ]
    print(
        f"words of the message's body: median {statistics.median(words):g}, most "
        f"{max(words)}"
    )
    sharing = [
        file
        for file in targets
        if any(
            found.shares
            for found in find(read(Tree(texts[file], name=str(file))))
            if found.liftable
        )
    ]
    others = [
        file for file in sharing if file not in lifted or not lifted[file].follows
    ]
    count = len(sharing) - len(others)
    print(
        f"files with a part that shares src or version: {len(sharing)}, of which "
        f"{count} follow the package"
    )
    why = {
        file: verdicts[file].why
        if file not in lifted
        else _unfollowed(texts[file], str(file))
        for file in others
    }
    for reason, number in Counter(
        re.sub(r"'[^']*'", "'…'", each) for each in why.values()
    ).most_common():
        print(f"{number:4} do not: {reason}")


def _unfollowed(text: str, name: str) -> str:
    """Return why a part does not follow its package."""
    try:
        lift(text, LiftWay(design=Design.MOVE, follow=SHARED), name=name)
    except ToolkitError as error:
        return _refused(error).why
    return "another design is smaller, or Nix refuses this one"


def _measure(
    texts: Mapping[PurePosixPath, str],
    lifted: Mapping[PurePosixPath, Lifted],
    chosen: Mapping[PurePosixPath, Design],
) -> None:
    """Print what the changes look like, by design."""
    for design in dict.fromkeys(chosen.values()):
        those = {file: each for file, each in lifted.items() if chosen[file] is design}
        sizes = [changed_lines(texts[file], each.text) for file, each in those.items()]
        hidden = [
            changed_lines(_bare(texts[file]), _bare(each.text))
            for file, each in those.items()
        ]
        recursive = sum(
            re.search(r"finalAttrs:\s+rec\b", each.text) is not None
            for each in those.values()
        )
        print(
            f"{design:5} {len(those):3}: changed lines median "
            f"{statistics.median(sizes):g}, most {max(sizes)}; "
            f"without white space median {statistics.median(hidden):g}; finalAttrs: "
            f"rec {recursive}"
        )
    if shutil.which("nixfmt") is None:
        return
    formatted = {
        file: each
        for file, each in lifted.items()
        if _formatted(texts[file]) == texts[file]
    }
    unclean = [
        file for file, each in formatted.items() if _formatted(each.text) != each.text
    ]
    print(
        f"nixfmt: {len(unclean)} of {len(formatted)} that were formatted before are "
        f"not: {', '.join(map(str, unclean))}"
    )


def _bare(text: str) -> str:
    """Return a text without the white space that a diff hides."""
    return "\n".join("".join(line.split()) for line in text.splitlines())


def _formatted(text: str) -> str:
    return subprocess.run(
        ["nixfmt"], input=text, capture_output=True, text=True, check=False
    ).stdout


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--nixpkgs", required=True, help="a whole tree; it is not written to"
    )
    parser.add_argument("--sample", type=int, default=0, help="how many files (0: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--design", choices=list(Design), help="this design alone")
    parser.add_argument(
        "--recipe",
        choices=["final-attrs"],
        help="this recipe, for files of five builders",
    )
    parser.add_argument("--follow", type=lambda text: text.split(","), default=[])
    parser.add_argument(
        "--every-system",
        action="store_true",
        help="all three systems, not only the first that evaluates",
    )
    parser.add_argument("--out", help="a directory for the messages and diffs")
    parser.add_argument(
        "--verbose", action="store_true", help="name the files that were not lifted"
    )
    asked = parser.parse_args()
    if asked.out and asked.recipe:
        parser.error("--out writes lifts; a recipe has messages of its own")
    return asked


if __name__ == "__main__":
    sys.exit(main())
