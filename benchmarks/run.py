#!/usr/bin/env python3
"""Time whole processes of unlet against the least that the same work can cost.

Every figure is a median, and every ratio is taken within one round, in which all
contestants run one after the other: a machine that is busy for a while slows down both
sides of it.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from msgspec import Struct
from msgspec.structs import asdict

ROOT = Path(__file__).resolve().parent.parent
SPECIMENS = [ROOT / "tests" / "specimens", ROOT / "toolkit" / "specimen"]
UNLET = str(ROOT / "unlet")
PYTHON = str(ROOT / ".venv" / "bin" / "python")
BARE_PYTHON = (PYTHON, "-c", "pass")
NIX_PROGRAMS = {"nix", "nix-build", "nix-instantiate", "nix-store"}
SYSTEMS = (
    "x86_64-linux",
    "aarch64-linux",
    "aarch64-darwin",
    "x86_64-linux → aarch64-linux",
)
"""What the tier tree evaluates; those with an arrow build for another."""


class Figure(Struct, frozen=True, kw_only=True):
    """What one contestant took: `milliseconds` in all, `ratio` to the group's first contestant."""

    group: str
    contestant: str
    milliseconds: float
    ratio: float


def main() -> int:
    """Run the chosen groups, print a table or JSON, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=SPECIMENS)
    parser.add_argument(
        "--runs",
        type=int,
        default=7,
        help="rounds of each group (default: %(default)s)",
    )
    parser.add_argument(
        "--only", choices=("start", "propose", "pr"), help="one group instead of all"
    )
    parser.add_argument(
        "--nixpkgs",
        type=Path,
        metavar="TREE",
        help="a whole nixpkgs, to time the tiers on it alone",
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON document instead of a table"
    )
    options = parser.parse_args()

    # What a user runs has been set up and compiled before.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    run((UNLET, "--version"))
    if options.nixpkgs is not None:
        show(list(tiers(options.nixpkgs.resolve(), options.runs)), as_json=options.json)
        return 0
    files = [file for folder in options.folders for file in docker_files(folder)]
    if not files:
        print(
            f"{', '.join(map(str, options.folders))}: no docker file", file=sys.stderr
        )
        return 2
    groups = {"start": start_up, "propose": proposals, "pr": branches}
    figures = [
        figure
        for name, measure in groups.items()
        if options.only in (None, name)
        for figure in measure(files, options.runs)
    ]
    show(figures, as_json=options.json)
    return 0


def docker_files(folder: Path) -> list[Path]:
    """Return the docker files of nixpkgs-shaped trees, or else every Nix file that lies in `folder` itself."""
    return sorted(folder.rglob("docker/default.nix")) or sorted(folder.glob("*.nix"))


def start_up(_files: Sequence[Path], runs: int) -> Iterator[Figure]:
    """Yield what it costs to say the version."""
    yield from race(
        "start",
        {
            "python -c pass": [BARE_PYTHON],
            "python -m toolkit --version": [(PYTHON, "-m", "toolkit", "--version")],
            "unlet --version": [(UNLET, "--version")],
        },
        runs,
    )


def proposals(files: Sequence[Path], runs: int) -> Iterator[Figure]:
    """Yield what it costs to propose and prove, against the Nix commands that are in it."""
    with tempfile.TemporaryDirectory() as directory:
        for number, file in enumerate(files):
            out = Path(directory, str(number))
            propose = (
                UNLET,
                "propose",
                "--file",
                str(file),
                "--out",
                str(out),
                "--force",
            )
            # Once before the clock runs: it tells the commands, and the builds that
            # both sides share are done.
            if not accepts(propose):
                continue
            bare = bare_commands(out / "report.json")
            if not bare:
                sys.exit(f"{file}: the report names no Nix command to compare with")
            yield from race(
                f"propose {short(file)}",
                {"bare Nix commands": bare, "unlet propose": [propose]},
                runs,
            )


def branches(files: Sequence[Path], runs: int) -> Iterator[Figure]:
    """Yield what it costs to make a branch in a clone and to remove it, against its proposal alone, and git alone."""
    with tempfile.TemporaryDirectory() as directory:
        for number, file in enumerate(files):
            tree = next(
                (above for above in file.parents if (above / "pkgs").is_dir()), None
            )
            if tree is None:
                continue
            clone, out, worktree = (
                str(Path(directory, f"{name}-{number}"))
                for name in ("clone", "out", "worktree")
            )
            git = ("git", "-C", clone)
            for command in (
                ("cp", "-r", str(tree), clone),
                (*git, "init", "--quiet", "--initial-branch=master"),
                (*git, "config", "user.name", "Nobody"),
                (*git, "config", "user.email", "nobody@localhost.invalid"),
                (*git, "add", "--all"),
                (*git, "commit", "--quiet", "--message=nixpkgs"),
            ):
                run(command)
            propose = (UNLET, "propose", "--nixpkgs", clone, "--out", out, "--force")
            if not accepts(propose):
                continue
            contestants: dict[str, Sequence[Sequence[str]]] = {
                "unlet propose": [propose],
                "unlet pr, pr --remove": [
                    (UNLET, "pr", "--repo", clone),
                    (UNLET, "pr", "--repo", clone, "--remove"),
                ],
                "git worktree add, remove": [
                    (*git, "worktree", "add", "--quiet", "-b", "bare", worktree),
                    (*git, "worktree", "remove", worktree),
                    (*git, "branch", "--quiet", "-D", "bare"),
                ],
            }
            yield from race(f"pr {short(file)}", contestants, runs)


def tiers(tree: Path, runs: int) -> Iterator[Figure]:
    """Yield what it costs to prove a proposal by each tier, against evaluating docker on the systems of `tree`."""
    with tempfile.TemporaryDirectory() as directory:
        out = str(Path(directory, "proposal"))
        run((UNLET, "propose", "--nixpkgs", str(tree), "--out", out))
        file = docker_files(tree / "pkgs/applications")[0].read_text()
        releases = re.findall(r"^  (docker_\d+) =", file, re.MULTILINE)
        attributes = [
            word
            for name in ("docker", *releases, "docker-client")
            for word in ("-A", name)
        ]
        check = (UNLET, "check", out)
        contestants: dict[str, Sequence[Sequence[str]]] = {
            "nix-instantiate, 4 systems": [
                (*instantiate(tree, system), *attributes) for system in SYSTEMS
            ],
            "unlet check --tier tree": [(*check, "--tier", "tree")],
        }
        run(
            contestants["unlet check --tier tree"][0]
        )  # so that no copy of the tree is measured
        yield from race(f"tiers {tree.name}", contestants, runs)


def instantiate(tree: Path, system: str) -> tuple[str, ...]:
    """Return the command that evaluates attributes of a nixpkgs."""
    build, _, host = system.partition(" → ")
    cross = ("--arg", "crossSystem", f'{{ system = "{host}"; }}') if host else ()
    return ("nix-instantiate", str(tree), "--argstr", "system", build, *cross)


def bare_commands(report: Path) -> list[tuple[str, ...]]:
    """Return the Nix commands by which the proofs of a report can be repeated, each once."""
    proofs = json.loads(report.read_text(encoding="utf-8"))["proofs"]
    lines = dict.fromkeys(line for proof in proofs for line in proof["commands"])
    return [
        ("sh", "-c", line)
        for line in lines
        if NIX_PROGRAMS & {Path(word).name for word in shlex.split(line)}
    ]


def race(
    group: str, contestants: Mapping[str, Sequence[Sequence[str]]], runs: int
) -> list[Figure]:
    """Run each contestant's commands `runs` times in turns and compare all with the first."""
    rounds = [
        [stopwatch(commands) for commands in contestants.values()] for _ in range(runs)
    ]
    return [
        Figure(
            group=group,
            contestant=contestant,
            milliseconds=round(1000 * median(seconds[place] for seconds in rounds), 1),
            ratio=round(median(seconds[place] / seconds[0] for seconds in rounds), 2),
        )
        for place, contestant in enumerate(contestants)
    ]


def stopwatch(commands: Sequence[Sequence[str]]) -> float:
    """Return the seconds that the commands take one after the other."""
    start = time.perf_counter()
    for command in commands:
        run(command)
    return time.perf_counter() - start


def run(command: Sequence[str]) -> str:
    """Run a command, and return its output.

    One that fails ends the benchmark, since its time would mean nothing.
    """
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(
            f"{shlex.join(command)}: ended with status "
            f"{done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def accepts(command: Sequence[str]) -> bool:
    """Return whether unlet does it.

    A specimen that it rightly refuses is named and left out.
    """
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(
            f"left out, status {done.returncode}: {shlex.join(command)}\n{done.stderr}",
            file=sys.stderr,
        )
    return done.returncode == 0


def short(file: Path) -> str:
    """Return the end of the path that tells the files apart."""
    relative = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
    return str(relative).removesuffix(
        "/pkgs/applications/virtualization/docker/default.nix"
    )


def show(figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print the figures as a table, or as JSON."""
    if as_json:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
    else:
        print_table(figures)


def print_table(figures: Sequence[Figure]) -> None:
    """Print one line a figure, in columns."""
    rows = [("what", "contestant", "ms", "ratio")]
    rows += [
        (f.group, f.contestant, f"{f.milliseconds:.1f}", f"{f.ratio:.2f}")
        for f in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for what, contestant, milliseconds, ratio in rows:
        print(
            f"{what:<{widths[0]}}  {contestant:<{widths[1]}}  {milliseconds:>{widths[2]}}  {ratio:>{widths[3]}}",
        )


if __name__ == "__main__":
    sys.exit(main())
