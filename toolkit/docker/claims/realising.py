"""The claims about real builds: Nix builds docker from the patched tree, and the overlay is the same derivation.

The test of NixOS' module evaluates with that tree.
"""

import json
from pathlib import Path

from toolkit import documents
from toolkit.docker import PREFIX_ENTRY, module
from toolkit.docker.case import DockerCase
from toolkit.docker.claims.building import EXPRESSION, WRAPPER, is_rootlesskit, read_wrapper, show
from toolkit.docker.steps import Demotion
from toolkit.errors import NotRunError
from toolkit.nix import evaluator, stores
from toolkit.prove import Finding, outputs
from toolkit.shipped import EXPRESSIONS
from toolkit.sources import trees

BUILD = EXPRESSIONS / "build.nix"


def builds(case: DockerCase, *, system: str) -> Finding:
    """Build docker for a system by the series and by the overlay; both must be the same derivation."""
    work = case.ground
    given = {
        "tree": str(work.tree.root),
        "series": str(work.after(case.after.name).root),
        "overlay": str(case.overlay) if case.overlay is not None and not case.missing else "",
        "system": system,
        "tools": outputs.tools(work.tree, work.depth.nix_options),
    }
    work.progress.step(f"comparing the series with the overlay ({system})")
    answer = evaluator.evaluate(EXPRESSION, given, attribute="drvPaths")
    paths = documents.convert(answer, dict[str, str], document="docker of the package set")
    names, words = sorted(paths, reverse=True), work.depth.nix_options
    asked = outputs.command(EXPRESSION, given, names, tree=work.tree, words=words, progress=work.progress)
    if len(set(paths.values())) != 1:
        failure = f"{paths['overlay']} by the overlay, {paths['series']} by the series"
        return Finding(covers=f"docker, {system}", failures=(failure,), commands=(asked.line,))
    built = outputs.build(asked, expected=len(names))
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
    if "--store" in case.ground.depth.nix_options:
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
    order = read_wrapper(wrapper.readlink().parents[1] if wrapper.is_symlink() else output)
    failures = [f"{entry} is in the wrapper's prefix" for entry in order.prefix if is_rootlesskit(entry)]
    if case.demotion is Demotion.SUFFIX and not any(is_rootlesskit(entry) for entry in order.suffix):
        failures.append(f"{PREFIX_ENTRY} is not in the wrapper's suffix: {show(order)}")
    return failures, [f"{WRAPPER}: {show(order)}"]


def tested(case: DockerCase) -> Finding:
    """Evaluate the module's test as an attribute of nixosTests, with all files of the series and of the commit."""
    commit = case.added.commit if case.added is not None else None
    if commit is None:
        raise NotRunError("the nixpkgs around the file is not available")
    system = case.ground.native
    case.ground.progress.step(f"evaluating nixosTests.{module.TEST.stem} ({system})")
    contents = {one.path: one.after for one in commit.files}
    tree = trees.changed(case.ground.after(case.after.name), contents)
    given = {
        "tree": str(tree.root),
        "system": system,
        "package": json.dumps(["nixosTests", module.TEST.stem]),
        "tools": outputs.tools(tree, case.ground.depth.nix_options),
    }
    answer = evaluator.evaluate(BUILD, given, attribute="drvPath")
    return Finding(
        covers=f"nixosTests.{module.TEST.stem}, {system}",
        evidence=(documents.convert(answer, str, document="NixOS test"),),
        commands=(evaluator.evaluate_command(BUILD, given, attribute="drvPath").line,),
    )
