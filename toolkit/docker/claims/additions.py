"""The claims about the commits on request, one for each that there is; and what all of them claim: that it applies.

Imported only where there is such a commit.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from toolkit.docker.choices import Extra
from toolkit.docker.claims import nixos_modules, nixos_tests, release_notes
from toolkit.errors import CommandError, ToolkitError
from toolkit.git import patching
from toolkit.prove import Claim, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import PurePosixPath

    from toolkit.docker.claims.case import Added, DockerCase
    from toolkit.model import TreeCommit

    Check = Callable[[DockerCase, TreeCommit], Finding]

_CLAIMS: Mapping[Extra, tuple[str, Check]] = {
    Extra.NIXOS_TEST: ("the test is registered once, beside the others, and evaluates", nixos_tests.registered),
    Extra.NIXOS_MODULE: (
        "the option changes nothing while it is off, and adds the security wrapper when it is on",
        nixos_modules.adds_wrapper,
    ),
    Extra.RELEASE_NOTE: ("the notable changes get one item, all other lines stay", release_notes.adds_item),
}


def claims(case: DockerCase) -> tuple[Claim[DockerCase], ...]:
    """Return the claims about the commits on request, in their order; their names are those of the extras."""
    return tuple(
        Claim(added.extra.value, _CLAIMS[added.extra][0], partial(_prove, added=added)) for added in case.extras
    )


def _prove(case: DockerCase, added: Added) -> Finding:
    """Prove what is claimed about a commit, after it was applied alone, and after all others."""
    if added.commit is None:
        if added.failure is not None:
            return Finding(covers="nothing", failures=(f"{added.patch.name}: {added.failure}",))
        return Finding(covers="nothing", not_run="because the nixpkgs around the file is not available")
    failures = _applies(case, added, added.commit)
    applied = () if failures else ("applies alone, and after the series and all others",)
    try:
        found = _CLAIMS[added.extra][1](case, added.commit)
    except CommandError:
        raise
    except ToolkitError as error:
        found = Finding(covers="nothing", failures=(error.message,))
    failures = (*failures, *found.failures)
    return Finding(
        covers=found.covers,
        failures=failures,
        evidence=(*found.evidence, *applied),
        not_run=found.not_run if not failures else None,
        commands=(f"git apply --check series/{added.patch.name}", *found.commands),
    )


def _applies(case: DockerCase, added: Added, commit: TreeCommit) -> tuple[str, ...]:
    """Apply the mail alone, and as the last of all.

    That no two touch the same file lets every other choice and order of them apply as well.
    """
    others = [other for other in case.extras if other is not added]
    files: dict[PurePosixPath, bytes] = {case.target: case.before.content}
    for one in (added, *others):
        if one.commit is not None:
            files |= {change.path: change.before for change in one.commit.files if change.before is not None}
    wanted = {change.path: change.after for change in commit.files}
    failures: list[str] = []
    mails = [other.patch for other in others if other.commit is not None]
    for where, below in (("alone", ()), ("after all others", (*case.patches, *mails))):
        stacked = patching.stack(files, (*below, added.patch))
        if stacked.failure is not None:
            failures.append(f"{added.patch.name} does not apply {where}: {stacked.failure}")
        elif {path: stacked.after.get(path) for path in wanted} != wanted:
            failures.append(f"{added.patch.name} {where} gives files that differ from the written ones")
    mine = set(patching.touched(added.patch.content))
    failures += [
        f"{added.patch.name} and {other.name} both change {', '.join(both)}"
        for other in (*case.patches, *(one.patch for one in others))
        if (both := sorted(map(str, mine & set(patching.touched(other.content)))))
    ]
    return tuple(failures)
