"""The claim about the overlay: it gives the same derivations as the series."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from toolkit import nix
from toolkit.docker.claims.case import SYSTEMS
from toolkit.docker.claims.evaluation import evaluate
from toolkit.docker.claims.record import Record
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.errors import CommandError
from toolkit.prove import Finding

if TYPE_CHECKING:
    from toolkit.docker.claims.case import DockerCase

EXPRESSION = EXPRESSIONS / "overlay.nix"


def equals_series(case: DockerCase) -> Finding:
    """Compare the drvPath of every release by the overlay with that by the patched file."""
    if case.overlay is None:
        return Finding(covers="nothing", not_run="because a foreign patch has no overlay")
    if case.missing:
        names = ", ".join(case.missing)
        return Finding(covers="nothing", not_run=f"because the overlay lacks files that were not found: {names}")
    label, system, _ = SYSTEMS[0]
    arguments = {"overlay": str(case.overlay), "case": str(case.question), "system": system}
    try:
        answer = Record(nix.evaluate(EXPRESSION, arguments), document="overlay")
    except CommandError:
        throwing = [release for place, release in evaluate(case).unevaluated if place == label]
        if not throwing:
            raise
        arguments["without"] = json.dumps(throwing)
        answer = Record(nix.evaluate(EXPRESSION, arguments), document="overlay")
    found = {name: answer.text(name) for name in answer.names()}
    wanted = {
        release: facts.docker for (place, release), facts in evaluate(case)[case.after.name].items() if place == label
    }
    failures = [
        f"{release}: {found.get(release, 'absent')} by the overlay, {wanted.get(release, 'absent')} by the series"
        for release in sorted(found.keys() | wanted.keys())
        if found.get(release) != wanted.get(release)
    ]
    return Finding(
        covers=f"{len(wanted)} releases, {system}",
        failures=tuple(failures),
        evidence=tuple(f"{release}: {path}" for release, path in sorted(found.items())),
        commands=(nix.evaluate_command(EXPRESSION, arguments).line,),
    )
