#!/usr/bin/env python3
"""Time `unlet check` on a patch of one file and on one of several, beside the bare evaluation of the same packages.

    .venv/bin/python benchmarks/judge.py ~/src/nixpkgs --packages 20 --runs 3

Each patch adds a harmless variable to so many packages of pkgs/by-name, on one system.
`bare` is what `nix-instantiate` takes for the same attributes on both sides. The first
round, in which the tree is laid out, is shown by itself; each later round judges
another patch.

    .venv/bin/python benchmarks/judge.py ~/src/nixpkgs --all

The whole set in processes of this machine and in builds of Nix, with a store of their
own: both sides, again, and another patch with a known base; beside one evaluation of
one side, a process after the other.

    .venv/bin/python benchmarks/judge.py ~/src/nixpkgs --builds 20 2000

A patch of so many packages in processes and in builds of Nix, and both again.

    .venv/bin/python benchmarks/judge.py ~/src/nixpkgs --clone

The first check of a clone, of a comment, beside `git worktree add` of it; the same
again; and two at a time beside one.
"""

import argparse
import difflib
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

EXPRESSION = (
    Path(__file__).resolve().parent.parent / "toolkit" / "expressions" / "judge.nix"
)
SYSTEM = "x86_64-linux"
_PLAIN = re.compile(r"^  meta = \{$", re.MULTILINE)


class Bench(NamedTuple):
    """A nixpkgs with its files that can be changed, and a directory for patches and caches."""

    root: Path
    files: list[Path]
    chance: random.Random
    directory: Path

    def write(self, name: str, count: int) -> Path:
        """Return a new patch of so many packages."""
        patch = self.directory / name
        write(patch, self.chance.sample(self.files, count), self.root)
        return patch


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("nixpkgs", type=Path)
    parser.add_argument("--packages", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--all", action="store_true", help="the whole set, once, instead of patches"
    )
    parser.add_argument(
        "--parts",
        type=int,
        default=8,
        help="processes of the bare evaluation of the whole set",
    )
    parser.add_argument(
        "--builds",
        type=int,
        nargs="+",
        metavar="N",
        help="so many packages in processes and in builds of Nix, instead of patches",
    )
    parser.add_argument(
        "--clone",
        action="store_true",
        help="the first contact with a clone, instead of patches",
    )
    asked = parser.parse_args()
    chance = random.Random(asked.seed)  # noqa: S311 - to be repeated
    files = [
        path
        for path in sorted(asked.nixpkgs.glob("pkgs/by-name/*/*/package.nix"))
        if usable(path)
    ]
    if len(files) < asked.packages:
        parser.error(
            f"{asked.nixpkgs}: has {len(files)} files in pkgs/by-name that can be "
            "changed: name a directory"
        )
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        env = {**os.environ, "UNLET_CACHE_DIR": str(directory / "cache")}
        bench = Bench(asked.nixpkgs, files, chance, directory)
        if asked.clone:
            contact(asked.nixpkgs, files, directory, env)
        elif asked.all:
            whole_set(bench, asked.parts)
        elif asked.builds:
            in_builds(bench, asked.builds)
        else:
            patches(bench, env, asked.packages, asked.runs)
    return 0


def whole_set(bench: Bench, parts: int) -> None:
    """Print what the whole set takes."""
    alone = bare_all(bench.root, bench.directory, parts)
    print(f"{'bare':<24} {alone:>8.1f} s", flush=True)
    patch = bench.write("all.diff", 1)
    for what in ("all", "again"):
        both_places(what, patch, bench, "--all")
    both_places("known base", bench.write("other.diff", 1), bench, "--all")


def in_builds(bench: Bench, counts: list[int]) -> None:
    """Print what patches of so many packages take in both places."""
    both_places("1, first", bench.write("first.diff", 1), bench)
    for count in counts:
        patch = bench.write(f"{count}.diff", count)
        for what in (f"{count}", f"{count}, again"):
            both_places(what, patch, bench, "--references", "all")


def patches(bench: Bench, env: dict[str, str], packages: int, runs: int) -> None:
    """Print what patches take beside the bare evaluation of the same packages."""
    patch = bench.write("first.diff", 1)
    print(f"{'first':<12} {judge(patch, bench.root, env):>8.1f} s")
    for count in (1, packages):
        bares: list[float] = []
        judged: list[float] = []
        for _ in range(runs):
            chosen = bench.chance.sample(bench.files, count)
            write(patch, chosen, bench.root)
            bares.append(bare([path.parent.name for path in chosen], bench.root))
            judged.append(judge(patch, bench.root, env))
        ratio = statistics.median(
            one / other for one, other in zip(judged, bares, strict=True)
        )
        medians = (
            f"{statistics.median(judged):>8.1f} s, bare "
            f"{statistics.median(bares):.1f} s, {ratio:.2f}"
        )
        print(f"{count} packages".ljust(12), medians)


def contact(
    root: Path, files: list[Path], directory: Path, env: dict[str, str]
) -> None:
    """Print what the first check of a clone takes, the same again, and two at a time."""
    tree, patches = (
        directory / "tree",
        [directory / f"{number}.diff" for number in range(4)],
    )
    began = time.monotonic()
    subprocess.run(
        ["git", "-C", root, "worktree", "add", "--quiet", "--detach", tree], check=True
    )
    alone = time.monotonic() - began
    subprocess.run(
        ["git", "-C", root, "worktree", "remove", "--force", tree], check=True
    )
    path = files[0].relative_to(root)
    first = files[0].read_text().splitlines(keepends=True)
    patches[0].write_text(
        "".join(
            difflib.unified_diff(
                first, ["# A comment.\n", *first], f"a/{path}", f"b/{path}"
            )
        )
    )
    seconds = judge(patches[0], root, env)
    print(
        f"{'first':<12} {seconds:>8.1f} s, git worktree add {alone:.1f} s, "
        f"{seconds / alone:.2f}",
        flush=True,
    )
    print(f"{'again':<12} {judge(patches[0], root, env):>8.1f} s", flush=True)
    for patch, file in zip(patches[1:], files[1:], strict=False):
        write(patch, [file], root)
    one = judge(patches[1], root, env)
    with ThreadPoolExecutor() as pool:
        check = partial(judge, root=root, env=env)
        # The second ground is laid out.
        list(pool.map(check, patches[:2]))
        began = time.monotonic()
        list(pool.map(check, patches[2:]))
    both = time.monotonic() - began
    print(f"{'two':<12} {both:>8.1f} s, one {one:.1f} s, {both / one:.2f}", flush=True)


def usable(path: Path) -> bool:
    """Return whether a file has a place for a variable."""
    return not path.is_symlink() and len(_PLAIN.findall(path.read_text())) == 1


def write(patch: Path, files: list[Path], root: Path) -> None:
    """Write a patch that adds a variable to packages."""
    diff: list[str] = []
    for path in files:
        before = path.read_text()
        after = _PLAIN.sub('  unletBenchmark = "1";\n\n  meta = {', before, count=1)
        file = path.relative_to(root)
        one, other = (text.splitlines(keepends=True) for text in (before, after))
        diff += difflib.unified_diff(one, other, f"a/{file}", f"b/{file}")
    patch.write_text("".join(diff))


def judge(patch: Path, root: Path, env: dict[str, str], *words: str) -> float:
    """Return how many seconds a judgement takes."""
    argv = argv_of(patch, root, *words)
    began = time.monotonic()
    subprocess.run(argv, env=env, check=False, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def argv_of(patch: Path, root: Path, *words: str) -> list[str]:
    """Return the command line of a judgement."""
    return [
        sys.executable,
        "-m",
        "toolkit",
        "check",
        "--patch",
        str(patch),
        "--nixpkgs",
        str(root),
        "--system",
        SYSTEM,
        "--quiet",
        *words,
    ]


def both_places(what: str, patch: Path, bench: Bench, *words: str) -> None:
    """Print what a judgement takes in processes, and in builds of Nix with a store of their own."""
    processor: dict[str, float] = {}
    for place in ("here", "nix"):
        env = {
            **os.environ,
            "UNLET_CACHE_DIR": str(bench.directory / f"cache-{place}"),
            "NIX_REMOTE": f"local?root={bench.directory / f'store-{place}'}",
        }
        options = ("--build-args", f"--max-jobs {os.cpu_count()}")
        given = options if place == "nix" else ()
        argv = argv_of(patch, bench.root, *words, "--on", place, *given)
        seconds, processor[place], memory = measured(argv, env)
        print(
            f"{what:<16} {place:<5} {seconds:>8.1f} s, processors "
            f"{processor[place]:>8.1f} s, memory {memory:>6.0f} MiB, "
            f"{processor[place] / processor['here']:.2f}",
            flush=True,
        )


def measured(argv: list[str], env: dict[str, str]) -> tuple[float, float, float]:
    """Return the seconds, the processor time and the MiB of a program with all that it starts.

    They share a control group, since Nix ends without one who waits for its time.
    """
    group = new_group()
    began = time.monotonic()
    most = 0
    process = subprocess.Popen(
        argv,
        env=env,
        stdout=subprocess.DEVNULL,
        preexec_fn=partial((group / "cgroup.procs").write_text, "0"),  # noqa: PLW1509
    )
    while process.poll() is None:
        members = (group / "cgroup.procs").read_text().split()
        most = max(most, sum(map(resident, members)))
        time.sleep(0.2)
    if process.returncode not in {0, 1, 3}:
        raise SystemExit(f"{argv}: status {process.returncode}")
    seconds = time.monotonic() - began
    if (stat := group / "cpu.stat").exists() and "usage_usec" in stat.read_text():
        used = int(stat.read_text().split()[1]) / 1e6
    else:
        used = int((group / "cpuacct.usage").read_text()) / 1e9
    group.rmdir()
    return seconds, used, most / (1 << 20)


def new_group() -> Path:
    """Return a new control group with its processor time, of either version."""
    top = Path("/sys/fs/cgroup")
    place = top if (top / "cgroup.controllers").exists() else top / "cpuacct"
    group = place / f"unlet-{os.getpid()}"
    group.mkdir()
    return group


def resident(process: str) -> int:
    """Return the bytes of a process in memory; 0 if it has ended."""
    with suppress(OSError):
        pages = Path(f"/proc/{process}/statm").read_text().split()
        return int(pages[1]) * os.sysconf("SC_PAGESIZE")
    return 0


def bare(names: list[str], root: Path) -> float:
    """Return how many seconds Nix takes for the same packages, twice."""
    words = [word for name in names for word in ("-A", name)]
    config = (
        "{ allowBroken = true; allowUnfree = true; allowInsecurePredicate = _: true; }"
    )
    argv = [
        "nix-instantiate",
        "--readonly-mode",
        str(root),
        "--arg",
        "config",
        config,
        "--argstr",
        "system",
        SYSTEM,
    ]
    began = time.monotonic()
    for _ in range(2):
        subprocess.run(
            [*argv, *words],
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    return time.monotonic() - began


def bare_all(root: Path, directory: Path, parts: int) -> float:
    """Return how many seconds Nix takes for the expression by which the whole set is evaluated, in so many processes.

    One of nixpkgs takes more than 20 GiB. What ends a process is left out.
    """
    expression = directory / "all.nix"
    questions = directory / "questions.json"
    arguments = f'tree = "{root.resolve()}"; system = "{SYSTEM}"; hashed = "yes"; questions = readFile ./questions.json;'
    expression.write_text(f"with builtins; import {EXPRESSION} {{ {arguments} }}\n")
    listed = (
        f"with builtins; toJSON (attrNames (import {root.resolve()} {{ "
        f"config.allowAliases = false; }}))"
    )
    said = subprocess.run(
        ["nix-instantiate", "--eval", "--json", "--expr", listed],
        check=True,
        capture_output=True,
    )
    names = json.loads(json.loads(said.stdout))
    argv = [
        "nix",
        "--extra-experimental-features",
        "nix-command",
        "search",
        "--quiet",
        "--json",
        "--store",
        "dummy://",
    ]
    argv += ["--file", str(expression), "chunk", "^-$"]
    began = time.monotonic()
    for part in range(parts):
        questions.write_text(
            json.dumps(
                [
                    {"number": n, "path": [name]}
                    for n, name in enumerate(names[part::parts])
                ]
            )
        )
        subprocess.run(
            argv, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
