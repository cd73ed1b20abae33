"""The claims about real builds: docker is built from the patched tree, and the test of NixOS' module evaluates."""

import json
from pathlib import Path

from msgspec.structs import replace

from toolkit import documents
from toolkit.docker import PACKAGE, PREFIX_ENTRY, module
from toolkit.docker.case import DockerCase
from toolkit.docker.claims.building import WRAPPER, read_wrapper, show
from toolkit.docker.install_phase import is_rootlesskit
from toolkit.docker.steps import Demotion
from toolkit.errors import NotRunError
from toolkit.nix import evaluator, stores
from toolkit.proposal import outputs
from toolkit.proposal.prove import Finding
from toolkit.sources import trees


def builds(case: DockerCase, *, system: str) -> Finding:
    """Build docker of the changed tree for a system, and read the PATH of its wrapper, if its files can be read."""
    work = case.ground
    words = work.depth.nix_options
    found = outputs.package(PACKAGE, work.after(case.after.name), system, words=words, progress=work.progress)
    if found.failures or case.demoted is None or system.endswith("-darwin"):
        return found
    if "--store" in words:
        return replace(found, evidence=(*found.evidence, "the result is in a different store, and was not examined"))
    wrapper = stores.physical(Path(found.evidence[-1])) / WRAPPER
    if not wrapper.is_symlink():
        return replace(found, failures=(f"{found.evidence[-1]}: its {WRAPPER} is no link to that of moby",))
    order = read_wrapper(wrapper.readlink().parents[1])
    failures = [f"{entry} is in the wrapper's prefix" for entry in order.prefix if is_rootlesskit(entry)]
    if case.demotion is Demotion.SUFFIX and not any(map(is_rootlesskit, order.suffix)):
        failures.append(f"{PREFIX_ENTRY} is not in the wrapper's suffix: {show(order)}")
    return replace(found, failures=tuple(failures), evidence=(*found.evidence, f"{WRAPPER}: {show(order)}"))


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
    answer = evaluator.evaluate(outputs.PACKAGE, given, attribute="drvPath")
    return Finding(
        covers=f"nixosTests.{module.TEST.stem}, {system}",
        evidence=(documents.convert(answer, str, document="NixOS test"),),
        commands=(evaluator.evaluate_command(outputs.PACKAGE, given, attribute="drvPath").line,),
    )
