#!/usr/bin/env python3
"""Time `unlet check` on a patch of one file and on one of several, beside the bare evaluation of the same packages.

    .venv/bin/python benchmarks/judge.py ~/src/nixpkgs --packages 20 --runs 3

Each patch adds a harmless variable to so many packages of pkgs/by-name, on one system.
`bare` is what `nix-instantiate` takes for the same attributes on both sides. The first
round, in which the tree is laid out, is shown by itself; each later round judges
another patch.

    .venv/bin/python benchmarks/judge.py ~/src/nixpkgs --all

The whole set, on both sides and then with a known base, beside one evaluation of one
side, a process after the other.

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
from functools import partial
from pathlib import Path

EXPRESSION = (
    Path(__file__).resolve().parent.parent / "toolkit" / "expressions" / "judge.nix"
)
SYSTEM = "x86_64-linux"
_PLAIN = re.compile(r"^  meta = \{$", re.MULTILINE)


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
        patch = directory / "first.diff"
        if asked.clone:
            contact(asked.nixpkgs, files, directory, env)
            return 0
        if asked.all:
            alone = bare_all(asked.nixpkgs, directory, asked.parts)
            print(f"{'bare':<12} {alone:>8.1f} s", flush=True)
            for what in ("all", "known base"):
                write(patch, chance.sample(files, 1), asked.nixpkgs)
                seconds = judge(patch, asked.nixpkgs, env, "--all")
                print(
                    f"{what:<12} {seconds:>8.1f} s, {seconds / alone:.2f}", flush=True
                )
            return 0
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
            ratio = statistics.median(
                one / other for one, other in zip(judged, bares, strict=True)
            )
            medians = (
                f"{statistics.median(judged):>8.1f} s, bare "
                f"{statistics.median(bares):.1f} s, {ratio:.2f}"
            )
            print(f"{count} packages".ljust(12), medians)
    return 0


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
    argv = [
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
    ]
    argv += words
    began = time.monotonic()
    subprocess.run([*argv, "--quiet"], env=env, check=False, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


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
