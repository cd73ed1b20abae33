"""The claim about names: the package set may have a package called like a component, and docker must not take it.

`callPackage` fills every parameter that has a name of the set. Whether docker uses one is seen from two sets, one in
which all of these names throw, one in which they are some other package: both must give the same docker.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from toolkit import process
from toolkit.docker.claims import package_set
from toolkit.docker.claims.record import Record
from toolkit.errors import ToolkitError
from toolkit.prove import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.docker.claims.case import DockerCase


def not_captured(case: DockerCase) -> Finding:
    """Look for the components' names in the set, and for their use by docker, on the first system."""
    system = package_set.systems(case)[0]
    command = package_set.command(case, case.after, "names", system)
    package_set.deep(case).progress.step("looking for the components' names in the package set")
    (done,) = process.run_all([command])
    if done.status != 0:
        raise ToolkitError(f"{system[0]}: the names of the package set cannot be read: {package_set.said(done)}")
    record = Record(json.loads(done.stdout), document="names")
    found = record.record("found")
    captured = record.texts("captured")
    root = package_set.deep(case).trees[case.after.name].root
    described = {name: _described(found.record(name), root) for name in found.names()}
    present = [name for name, text in described.items() if text != package_set.ABSENT]
    failures = [f"docker takes {name} from the package set ({described[name]})" for name in captured]
    if record.text("docker") in {package_set.ABSENT, package_set.THROWS}:
        failures.append("the package set's docker does not evaluate, so nothing is known about it")
    if not described:
        failures.append("no name was looked for")
    return Finding(
        covers=f"{len(described)} names, {len(present)} in the package set, aliases and by-name included; {system[0]}",
        failures=tuple(failures),
        evidence=tuple(f"{name}: {text}" for name, text in described.items()),
        commands=(command.line,),
    )


def _described(facts: Record, root: Path) -> str:
    """Say what the set has under a name, and in which file."""
    kind = facts.text("is")
    if kind == package_set.THROWS:
        kind = "an alias that throws" if facts.boolean("alias") else "throws"
    elif facts.boolean("alias"):
        kind = f"an alias of {kind}"
    file = facts.text("file").removeprefix(f"{root}/")
    return f"{kind} ({file})" if file else kind
