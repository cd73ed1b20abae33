"""Give a case what the tiers below the isolated one need: a whole nixpkgs tree for each stage of the series."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit import documents
from toolkit.errors import UsageError
from toolkit.model import Tier
from toolkit.shipped import EXPRESSIONS

if TYPE_CHECKING:
    from toolkit.docker.claims.case import DockerCase
    from toolkit.model import Depth, Progress
    from toolkit.sources.trees import NixpkgsTree

SYSTEMS = EXPRESSIONS / "systems.nix"

NATIVE = "x86_64-linux"


def deepen(case: DockerCase, depth: Depth, *, offline: bool, progress: Progress, near: str | None = None) -> DockerCase:
    """Return the case for a depth; for the isolated tier it is the same, and nothing is done.

    If the depth allows to choose, and `near` is what the user called the source, a whole nixpkgs that is at hand takes
    part as it is, without a copy. Raise UsageError where the source is no whole nixpkgs, or a system is asked for which
    that does not know, ToolkitError where the tree cannot be had.
    """
    if depth.tier is Tier.ISOLATED:
        return _deepened_by_itself(case, depth, near, progress) if depth.by_itself and near is not None else case
    # Not needed for what most runs do.
    from toolkit.docker.claims.deep import Deep  # noqa: PLC0415
    from toolkit.sources import trees  # noqa: PLC0415

    base = trees.whole(case.source, offline=offline, progress=progress)
    _check_systems(base, depth.systems)
    of_stages = {stage.name: {case.target: stage.content} for stage in case.stages[1:]}
    laid_out = trees.Changed(base, of_stages, name=case.before.name, progress=progress)
    return replace(case, deep=Deep(depth=depth, trees=laid_out, progress=progress))


def _deepened_by_itself(case: DockerCase, depth: Depth, near: str, progress: Progress) -> DockerCase:
    from toolkit import limits  # noqa: PLC0415 - as above
    from toolkit.docker.claims.deep import Deep  # noqa: PLC0415
    from toolkit.sources import trees  # noqa: PLC0415

    free = limits.available()
    tree = trees.at_hand(case.source, near)
    if tree is None or (free is not None and free < limits.EVALUATION_MIB):
        return case
    chosen = replace(depth, tier=Tier.TREE, systems=(NATIVE,))
    return replace(case, deep=Deep(depth=chosen, trees={case.before.name: tree}, progress=progress, whole=False))


def _check_systems(tree: NixpkgsTree, names: tuple[str, ...]) -> None:
    if not names:
        return
    from toolkit import nix  # noqa: PLC0415 - as above

    answer = nix.evaluate(SYSTEMS, {"tree": str(tree.root)})
    known = documents.convert(answer, tuple[str, ...], document=f"{tree.root}/lib")
    for name in names:
        if name not in known:
            common = [other for other in known if re.fullmatch(r"(x86_64|aarch64|riscv64)-(linux|darwin)", other)]
            hint = f"it knows, for example, {', '.join(common)}"
            raise UsageError(f"--system: '{name}' is not a system that this nixpkgs knows", hint=hint)
