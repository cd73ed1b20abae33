"""Build with the user's configuration of Nix.

A failure shows the end of its log and Nix's exit status.
"""

import json
import os
from collections.abc import Sequence

from msgspec.structs import replace

from toolkit import process
from toolkit.errors import CommandError
from toolkit.model import Progress
from toolkit.nix import evaluator, program, stores
from toolkit.process import Command, Completed
from toolkit.proposal.prove import Finding
from toolkit.shipped import EXPRESSIONS
from toolkit.sources.trees import NixpkgsTree

PACKAGE = EXPRESSIONS / "build.nix"
"""The expression for any package of a tree."""

_SHOWN_LINES = 20


def here() -> str:
    """Return the name that Nix gives this machine's system."""
    this = os.uname()
    return f"{this.machine.replace('arm64', 'aarch64')}-{this.sysname.lower()}"


def tools(tree: NixpkgsTree, words: Sequence[str] = ()) -> str:
    """Return the JSON that gives a specimen its build tools, "" for a real nixpkgs.

    If the arguments for nix-build name another store, copy the tools there.
    """
    if not tree.is_specimen:
        return ""
    found = evaluator.tools()
    if "--store" in words:
        store = words[words.index("--store") + 1]
        env = stores.environment()
        needed = process.run(
            ["nix-store", "--query", "--requisites", found.shell, found.busybox],
            env=env,
        ).text
        packed = process.run(
            ["nix-store", "--export", *needed.splitlines()], env=env
        ).stdout
        process.run(["nix-store", "--store", store, "--import"], env=env, stdin=packed)
    return json.dumps({"shell": found.shell, "busybox": found.busybox})


def package(
    name: str,
    tree: NixpkgsTree,
    system: str,
    *,
    words: Sequence[str],
    progress: Progress,
) -> Finding:
    """Build a package of a tree with the user's Nix configuration.

    This runs the tree's code.
    """
    given = {
        "tree": str(tree.root),
        "system": system,
        "package": json.dumps(name.split(".")),
        "tools": tools(tree, words),
    }
    # Nothing of the specimen is in any binary cache; the user's own words come last and
    # win.
    offline = evaluator.OFFLINE if tree.is_specimen else ()
    arguments = [
        word for key, value in given.items() for word in ("--argstr", key, value)
    ]

    def tell(line: str) -> None:
        if line.startswith(("building '", "copying path '")):
            progress.step(line.removesuffix("..."))

    asked = Command(
        argv=("nix-build", "--no-out-link", *offline, str(PACKAGE), *arguments, *words),
        env=stores.environment(),
        ok=None,
        on_stderr=tell,
    )
    done = process.execute(asked)
    found = Finding(
        covers=f"{name}, {system}",
        evidence=tuple(done.text.splitlines()),
        commands=(asked.line,),
    )
    if done.status == 0 and found.evidence:
        return found
    return _unbuilt(found, done)


def _unbuilt(found: Finding, done: Completed) -> Finding:
    """Return the finding with nix-build's error and the end of its log."""
    error = CommandError(done.argv, status=done.status, stderr=done.stderr)
    why = f"nix-build ended with status {done.status}: {program.reason(error)}"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return replace(found, failures=(why,), evidence=tuple(lines[-_SHOWN_LINES:]))
