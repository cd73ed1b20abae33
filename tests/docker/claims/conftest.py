"""Whole trees that a test may spoil, and proofs in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tests.asking import docker, proved
from tests.docker.conftest import Draft, source_at
from tests.progress import Steps
from toolkit import specimen
from toolkit.docker.case import deepened as deepen
from toolkit.lift.plan import Design
from toolkit.model import Depth, Proof, SourceRequest, Status

# One system is enough where it is not the point.
TREE = Depth(whole=True, systems=("x86_64-linux",))


class Deepened(Struct, frozen=True, kw_only=True):
    """A series for a whole tree."""

    draft: Draft

    def edit(self, stage: str, old: str, new: str) -> Deepened:
        return Deepened(draft=self.draft.edit(stage, old, new))

    def rewritten(self, stage: str, change: Callable[[str], str]) -> Deepened:
        return Deepened(draft=self.draft.rewritten(stage, change))

    def prove(
        self, name: str, depth: Depth = TREE, *, progress: Steps | None = None, overlay: Path | None = None
    ) -> Proof:
        told = progress or Steps()
        request = replace(docker(source=SourceRequest(offline=True)), depth=depth)
        case = replace(self.draft.case(), request=request, overlay=overlay)
        (proof,) = proved(deepen(case, progress=told), (name,), progress=told)
        return proof

    def passes(self, name: str, depth: Depth = TREE) -> Proof:
        proof = self.prove(name, depth)
        assert (proof.status, proof.reason) == (Status.PASSED, None), proof
        return proof

    def failure(self, name: str, depth: Depth = TREE) -> str:
        proof = self.prove(name, depth)
        assert proof.status is Status.FAILED, proof
        assert proof.reason is not None
        return "\n".join((proof.reason, *proof.evidence))


@pytest.fixture
def deepened(draft: Callable[..., Draft], tmp_path: Path) -> Callable[..., Deepened]:
    """Return what makes a series for the specimen's tree, with files of it changed: path → (old, new), or content."""

    def make(changes: Mapping[str, str | tuple[str, str]] | None = None, *, strategy: Design = Design.MOVE) -> Deepened:
        made = draft(strategy=strategy)
        if changes is None:
            return Deepened(draft=made)
        root = shutil.copytree(specimen.path(), tmp_path / "tree")
        for name, change in changes.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(change, tuple):
                old, new = change
                assert path.read_text().count(old) == 1, (name, old)
                path.write_text(path.read_text().replace(old, new))
            else:
                path.write_text(change)
        return Deepened(draft=replace(made, source=source_at(str(root))))

    return make
