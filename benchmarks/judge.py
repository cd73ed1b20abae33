#!/usr/bin/env python3
"""Time `unlet check` on a patch of one file and on one of several, beside the bare evaluation of the same packages.

    .venv/bin/python benchmarks/judge.py ~/src/nixpkgs --packages 20 --runs 3

Each patch adds a harmless variable to so many packages of pkgs/by-name, on one system. `bare` is what
`nix-instantiate` takes for the same attributes on both sides. The first round, in which the tree is laid out, is shown
by itself; each later round judges another patch.
"""

from __future__ import annotations

import argparse
import difflib
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SYSTEM = "x86_64-linux"
_PLAIN = re.compile(r"^  meta = \{$", re.MULTILINE)


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nixpkgs", type=Path)
    parser.add_argument("--packages", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)  # noqa: S311 - to be repeated
    files = [path for path in sorted(asked.nixpkgs.glob("pkgs/by-name/*/*/package.nix")) if usable(path)]
    if len(files) < asked.packages:
        parser.error(f"{asked.nixpkgs}: has {len(files)} files in pkgs/by-name that can be changed: name a directory")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        env = {**os.environ, "UNLET_CACHE_DIR": str(directory / "cache")}
        patch = directory / "first.diff"
        write(patch, chance.sample(files, 1), asked.nixpkgs)
        print(f"{'first':<12} {judge(patch, asked.nixpkgs, env):>8.1f} s")
        for count in (1, asked.packages):
            bares: list[float] = []
            judged: list[float] = []
            for _ in range(asked.runs):
                chosen = chance.sample(files, count)
                write(patch, chosen, asked.nixpkgs)
                bares.append(bare([path.parent.name for path in chosen], asked.nixpkgs))
                judged.append(judge(patch, asked.nixpkgs, env))
            ratio = statistics.median(one / other for one, other in zip(judged, bares, strict=True))
            medians = f"{statistics.median(judged):>8.1f} s, bare {statistics.median(bares):.1f} s, {ratio:.2f}"
            print(f"{count} packages".ljust(12), medians)
    return 0


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


def judge(patch: Path, root: Path, env: dict[str, str]) -> float:
    """Return how many seconds a judgement takes."""
    argv = [sys.executable, "-m", "toolkit", "check", "--patch", str(patch), "--nixpkgs", str(root), "--system", SYSTEM]
    began = time.monotonic()
    subprocess.run([*argv, "--quiet"], env=env, check=False, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def bare(names: list[str], root: Path) -> float:
    """Return how many seconds Nix takes for the same packages, twice."""
    words = [word for name in names for word in ("-A", name)]
    config = "{ allowBroken = true; allowUnfree = true; allowInsecurePredicate = _: true; }"
    argv = ["nix-instantiate", "--readonly-mode", str(root), "--arg", "config", config, "--argstr", "system", SYSTEM]
    began = time.monotonic()
    for _ in range(2):
        subprocess.run([*argv, *words], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
