"""The claim about real packages: Nix builds docker from the patched tree, and the overlay is the same derivation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit import nix
from toolkit.docker.choices import Demotion
from toolkit.docker.claims import package_set, realising
from toolkit.docker.claims.building import WRAPPER, show
from toolkit.docker.claims.case import BEFORE
from toolkit.docker.claims.install_phase import is_of
from toolkit.docker.claims.record import Record
from toolkit.docker.claims.rewrapping_trees import read_order
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.nix import stores
from toolkit.prove import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.docker.claims.case import DockerCase

EXPRESSION = EXPRESSIONS / "tree-build.nix"


def builds(case: DockerCase, *, system: str) -> Finding:
    """Build docker for a system by the series and by the overlay, which must be one derivation."""
    work = package_set.deep(case)
    tree = work.trees[case.after.name]
    overlay = case.overlay if case.overlay is not None and not case.missing else None
    arguments = {
        "tree": str(tree.root),
        "base": str(work.trees[BEFORE].root),
        "overlay": str(overlay) if overlay is not None else "",
        "system": system,
        "tools": realising.tools(tree, work.depth.nix_options),
    }
    names = ("series", "overlay") if overlay is not None else ("series",)
    work.progress.step(f"comparing the series with the overlay ({system})")
    answer = Record(nix.evaluate(EXPRESSION, arguments, attribute="drvPaths"), document="docker of the package set")
    paths = {name: answer.text(name) for name in names}
    command = realising.command(case, EXPRESSION, arguments, names)
    if len(set(paths.values())) != 1:
        failure = f"{paths['overlay']} by the overlay, {paths['series']} by the series"
        return Finding(covers=f"docker, {system}", failures=(failure,), commands=(command.line,))
    built = realising.build(command, expected=len(names))
    if built.failure is not None:
        return Finding(
            covers=f"docker, {system}",
            failures=(built.failure,),
            evidence=(*built.log, *(f"{name}: {path}" for name, path in paths.items())),
            commands=(command.line,),
        )
    failures, evidence = _look(case, built.paths[0], system)
    return Finding(
        covers=f"docker, {system}, by {' and '.join(names)}",
        failures=tuple(failures),
        evidence=(
            *(f"{name}: {paths[name]} → {path}" for name, path in zip(names, built.paths, strict=True)),
            *evidence,
        ),
        commands=(command.line,),
    )


def _look(case: DockerCase, output: Path, system: str) -> tuple[list[str], list[str]]:
    """Look at a finished docker, where its files can be read: return failures and evidence."""
    if "--store" in package_set.deep(case).depth.nix_options:
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
