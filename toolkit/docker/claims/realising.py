"""Real builds as the user wants them run, with what failed: the derivation, its log, Nix's exit status.

And the claim that Nix builds docker from the patched tree, and the overlay is the same derivation.
"""

from __future__ import annotations

import json
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from toolkit import process
from toolkit.docker.claims.building import WRAPPER, read_order, show
from toolkit.docker.claims.case import BEFORE
from toolkit.docker.claims.install_phase import is_of
from toolkit.docker.claims.record import Record
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.plan import Demotion
from toolkit.errors import CommandError, ToolkitError
from toolkit.nix import evaluator, program, stores
from toolkit.process import Command
from toolkit.prove import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolkit.docker.claims.case import DockerCase
    from toolkit.process import Completed
    from toolkit.sources.trees import NixpkgsTree

DOCKER = EXPRESSIONS / "tree-build.nix"

# Nix manual, nix-build, "Special exit codes for build failure".
STATUSES = {
    1: "nothing was built",
    100: "a build failed",
    101: "a build took too long",
    102: "a hash differs from the one that was given",
    104: "a build is not deterministic",
}

_SHOWN_LINES = 20
_FAILED = re.compile(r"(?:builder for|Cannot build|build of) '([^']+\.drv)'")


class Built(Struct, frozen=True, kw_only=True):
    """What nix-build gave: store paths in the order asked for, or `failure` and the end of the failing log."""

    paths: tuple[Path, ...] = ()
    failure: str | None = None
    log: tuple[str, ...] = ()


def here() -> str:
    """Return the system of this machine, by Nix's name."""
    return f"{platform.machine().replace('arm64', 'aarch64')}-{platform.system().lower()}"


def tools(tree: NixpkgsTree, words: Sequence[str] = ()) -> str:
    """Return what tells a specimen what to build with, "" for a real nixpkgs.

    Where the words for nix-build name another store, that gets a copy.
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


def command(case: DockerCase, expression: Path, arguments: Mapping[str, str], attributes: Sequence[str]) -> Command:
    """Return the nix-build for these attributes; the user's own words come last, so that they win."""
    work = case.deep
    # Nothing of the specimen is in any binary cache.
    offline = evaluator.OFFLINE if work.trees[BEFORE].is_specimen else ()
    given = [word for name, value in arguments.items() for word in ("--argstr", name, value)]
    chosen = [word for attribute in attributes for word in ("-A", attribute)]

    def tell(line: str) -> None:
        if line.startswith(("building '", "copying path '")):
            work.progress.step(line.removesuffix("..."))

    return Command(
        argv=("nix-build", "--no-out-link", *offline, str(expression), *given, *chosen, *work.depth.nix_options),
        env=stores.environment(),
        ok=None,
        on_stderr=tell,
    )


def build(wanted: Command, *, expected: int) -> Built:
    """Run a command of `command`; `expected` counts the store paths that it has to print."""
    done = process.run(wanted.argv, env=wanted.env, ok=None, on_stderr=wanted.on_stderr)
    if done.status == 0:
        paths = tuple(Path(line) for line in done.text.splitlines())
        if len(paths) != expected:
            return Built(failure=f"nix-build printed {len(paths)} store paths instead of {expected}")
        return Built(paths=paths)
    if done.status < 0:
        return Built(failure=f"nix-build was ended by signal {-done.status}", log=_tail(done.stderr))
    meaning = STATUSES.get(done.status, "see the Nix manual")
    said = program.reason(CommandError(done.argv, status=done.status, stderr=done.stderr))
    return Built(failure=f"nix-build ended with status {done.status} ({meaning}): {said}", log=_log(done))


def _log(done: Completed) -> tuple[str, ...]:
    """Return the end of the failing derivation's log, or of what nix-build said where Nix keeps none."""
    failed = _FAILED.search(done.stderr)
    if failed is None:
        return _tail(done.stderr)
    read = ["nix-store", "--read-log", failed[1]]
    try:
        kept = process.run(read, env=stores.environment()).text
    except ToolkitError:
        return _tail(done.stderr)
    return (f"the end of the log of {failed[1]}:", *_tail(kept))


def _tail(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.splitlines() if line.strip())[-_SHOWN_LINES:]


def builds(case: DockerCase, *, system: str) -> Finding:
    """Build docker for a system by the series and by the overlay, which must be one derivation."""
    work = case.deep
    tree = work.trees[case.after.name]
    overlay = case.overlay if case.overlay is not None and not case.missing else None
    arguments = {
        "tree": str(tree.root),
        "base": str(work.trees[BEFORE].root),
        "overlay": str(overlay) if overlay is not None else "",
        "system": system,
        "tools": tools(tree, work.depth.nix_options),
    }
    names = ("series", "overlay") if overlay is not None else ("series",)
    work.progress.step(f"comparing the series with the overlay ({system})")
    answer = Record(evaluator.evaluate(DOCKER, arguments, attribute="drvPaths"), document="docker of the package set")
    paths = {name: answer.text(name) for name in names}
    asked = command(case, DOCKER, arguments, names)
    if len(set(paths.values())) != 1:
        failure = f"{paths['overlay']} by the overlay, {paths['series']} by the series"
        return Finding(covers=f"docker, {system}", failures=(failure,), commands=(asked.line,))
    built = build(asked, expected=len(names))
    if built.failure is not None:
        return Finding(
            covers=f"docker, {system}",
            failures=(built.failure,),
            evidence=(*built.log, *(f"{name}: {path}" for name, path in paths.items())),
            commands=(asked.line,),
        )
    failures, evidence = _look(case, built.paths[0], system)
    return Finding(
        covers=f"docker, {system}, by {' and '.join(names)}",
        failures=tuple(failures),
        evidence=(
            *(f"{name}: {paths[name]} → {path}" for name, path in zip(names, built.paths, strict=True)),
            *evidence,
        ),
        commands=(asked.line,),
    )


def _look(case: DockerCase, output: Path, system: str) -> tuple[list[str], list[str]]:
    """Look at a finished docker, where its files can be read: return failures and evidence."""
    if "--store" in case.deep.depth.nix_options:
        return [], ["the result is in a different store, and was not examined"]
    root = stores.physical(output)
    program = root / "bin" / "docker"
    if not program.exists():
        return [f"{output}: has no bin/docker"], []
    wrapper = root / WRAPPER
    if system.endswith("-darwin") or case.demoted is None:
        return [], []
    if not wrapper.is_symlink() and not wrapper.exists():
        return [f"{output}: has no {WRAPPER}"], []
    target = stores.physical(wrapper.readlink()) if wrapper.is_symlink() else wrapper
    order = read_order(target)
    failures = [f"{entry} is in the wrapper's prefix" for entry in order.prefix if is_of(entry, case.entry)]
    if case.demotion is Demotion.SUFFIX and not any(is_of(entry, case.entry) for entry in order.suffix):
        failures.append(f"{case.entry} is not in the wrapper's suffix: {show(order)}")
    return failures, [f"{WRAPPER}: {show(order)}"]
