"""Build as the user's Nix is configured; a failure has Nix's exit status, and the end of what Nix printed."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from toolkit import process
from toolkit.errors import CommandError
from toolkit.model import Progress
from toolkit.nix import evaluator, program, stores
from toolkit.process import Command
from toolkit.proposal.prove import Finding
from toolkit.shipped import EXPRESSIONS
from toolkit.sources.trees import NixpkgsTree

PACKAGE = EXPRESSIONS / "build.nix"
"""Any package of a tree."""

# Nix manual, nix-build, "Special exit codes for build failure".
STATUSES = {
    1: "nothing was built",
    100: "a build failed",
    101: "a build took too long",
    102: "a hash differs from the one that was given",
    104: "a build is not deterministic",
}

_SHOWN_LINES = 20


class Built(Struct, frozen=True, kw_only=True):
    """The result of nix-build: store paths in the requested order, or `failure` and the end of what it printed."""

    paths: tuple[Path, ...] = ()
    failure: str | None = None
    log: tuple[str, ...] = ()


def here() -> str:
    """Return this machine's system, by Nix's name."""
    this = os.uname()
    return f"{this.machine.replace('arm64', 'aarch64')}-{this.sysname.lower()}"


def tools(tree: NixpkgsTree, words: Sequence[str] = ()) -> str:
    """Return the JSON that gives a specimen its build tools, "" for a real nixpkgs.

    If the words for nix-build name another store, the tools are copied there.
    """
    if not tree.is_specimen:
        return ""
    found = evaluator.tools()
    if "--store" in words:
        store = words[words.index("--store") + 1]
        env = stores.environment()
        needed = process.run(["nix-store", "--query", "--requisites", found.shell, found.busybox], env=env).text
        packed = process.run(["nix-store", "--export", *needed.splitlines()], env=env).stdout
        process.run(["nix-store", "--store", store, "--import"], env=env, stdin=packed)
    return json.dumps({"shell": found.shell, "busybox": found.busybox})


def command(  # noqa: PLR0913 - what is built, where, and as the user wants it
    expression: Path,
    given: Mapping[str, str],
    attributes: Sequence[str] = (),
    *,
    tree: NixpkgsTree,
    words: Sequence[str],
    progress: Progress,
) -> Command:
    """Return the nix-build command for attributes of an expression; the user's own words come last and win."""
    # Nothing of the specimen is in any binary cache.
    offline = evaluator.OFFLINE if tree.is_specimen else ()
    arguments = [word for name, value in given.items() for word in ("--argstr", name, value)]
    chosen = [word for attribute in attributes for word in ("-A", attribute)]

    def tell(line: str) -> None:
        if line.startswith(("building '", "copying path '")):
            progress.step(line.removesuffix("..."))

    return Command(
        argv=("nix-build", "--no-out-link", *offline, str(expression), *arguments, *chosen, *words),
        env=stores.environment(),
        ok=None,
        on_stderr=tell,
    )


def package(name: str, tree: NixpkgsTree, system: str, *, words: Sequence[str], progress: Progress) -> Finding:
    """Build a package of a tree with the user's Nix configuration; this runs the tree's code."""
    given = {
        "tree": str(tree.root),
        "system": system,
        "package": json.dumps(name.split(".")),
        "tools": tools(tree, words),
    }
    asked = command(PACKAGE, given, tree=tree, words=words, progress=progress)
    built = build(asked, expected=1)
    return Finding(
        covers=f"{name}, {system}",
        failures=(built.failure,) if built.failure is not None else (),
        evidence=(*built.log, *map(str, built.paths)),
        commands=(asked.line,),
    )


def build(wanted: Command, *, expected: int) -> Built:
    """Run a command of `command`; `expected` is the number of store paths that it must print."""
    done = process.execute(wanted)
    if done.status == 0:
        paths = tuple(Path(line) for line in done.text.splitlines())
        if len(paths) != expected:
            return Built(failure=f"nix-build printed {len(paths)} store paths instead of {expected}")
        return Built(paths=paths)
    if done.status < 0:
        return Built(failure=f"nix-build was ended by signal {-done.status}", log=_tail(done.stderr))
    meaning = STATUSES.get(done.status, "see the Nix manual")
    said = program.reason(CommandError(done.argv, status=done.status, stderr=done.stderr))
    return Built(failure=f"nix-build ended with status {done.status} ({meaning}): {said}", log=_tail(done.stderr))


def _tail(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.splitlines() if line.strip())[-_SHOWN_LINES:]
