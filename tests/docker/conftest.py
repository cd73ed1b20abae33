"""Series that a test may spoil, proposals that are made once, and programs in front of others on PATH."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache as once
from pathlib import Path
from typing import TypedDict, Unpack

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tests import specimens
from tests.dockers import docker, propose, proved
from tests.progress import Steps
from toolkit import sources
from toolkit.cache import VARIABLE
from toolkit.docker import TARGET, builder
from toolkit.docker import case as cases
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED, DockerCase
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.series import rewrite
from toolkit.docker.steps import Demotion, plan
from toolkit.git import mailing
from toolkit.lift.plan import Design
from toolkit.model import (
    Commit,
    Depth,
    Patch,
    Proof,
    Report,
    Source,
    SourceRequest,
    Status,
)
from toolkit.nix import stores

STAGES = (BEFORE, LIFTED, DEMOTED)
# One system is enough where it is not the point.
TREE = Depth(whole=True, systems=("x86_64-linux",))


class Changes(TypedDict, total=False):
    """Fields of a case that a test may set."""

    demotion: Demotion | None
    patches: tuple[Patch, ...]
    upstream_diff: bytes
    overlay: Path
    missing: tuple[str, ...]


@once
def _series(before: bytes, lifted: bytes, demoted: bytes) -> mailing.Mails:
    commits = [
        Commit(subject="docker: lifted", body="", before=before, after=lifted),
        Commit(subject="docker: demoted", body="", before=lifted, after=demoted),
    ]
    return mailing.series(commits, TARGET)


class Draft(Struct, frozen=True, kw_only=True):
    """A series for one file, before anything is proven: its text at each stage."""

    source: Source
    demotion: Demotion
    texts: Mapping[str, str]

    def edit(self, stage: str, old: str, new: str) -> Draft:
        """Replace what stands once in the file, in a stage and in those after it."""
        texts = dict(self.texts)
        for name in STAGES[STAGES.index(stage) :]:
            assert texts[name].count(old) == 1, (name, old)
            texts[name] = texts[name].replace(old, new)
        return replace(self, texts=texts)

    def rewritten(self, stage: str, change: Callable[[str], str]) -> Draft:
        """Change the text of one stage, and of no other."""
        return replace(self, texts={**self.texts, stage: change(self.texts[stage])})

    def case(self) -> DockerCase:
        name = str(TARGET)
        contents = {stage: text.encode() for stage, text in self.texts.items()}
        made = _series(*(contents[stage] for stage in STAGES))
        case = cases.case(contents, name=name, source=self.source)
        return replace(
            case,
            demotion=self.demotion,
            patches=made.patches,
            upstream_diff=made.upstream_diff,
        )

    def proofs(
        self,
        names: Collection[str],
        depth: Depth | None = None,
        *,
        without: Collection[str] = (),
        **changes: Unpack[Changes],
    ) -> tuple[Proof, ...]:
        """Run the proofs of these names on a case with other fields where there are `changes`, `without` a step."""
        case = self.case()
        stages = tuple(stage for stage in case.stages if not stage.steps & set(without))
        case = replace(case, stages=stages, **changes)
        if depth is not None:
            request = replace(docker(source=SourceRequest(offline=True)), depth=depth)
            case = cases.deepened(replace(case, request=request), progress=Steps())
        return proved(case, names, progress=Steps())

    def prove(
        self,
        name: str,
        depth: Depth | None = None,
        *,
        without: Collection[str] = (),
        **changes: Unpack[Changes],
    ) -> Proof:
        (proof,) = self.proofs((name,), depth, without=without, **changes)
        return proof

    def passes(self, name: str, depth: Depth | None = None) -> bool:
        proof = self.prove(name, depth)
        assert (proof.status, proof.reason) == (Status.PASSED, None), proof
        return True

    def failure(
        self,
        name: str,
        depth: Depth | None = None,
        *,
        without: Collection[str] = (),
        **changes: Unpack[Changes],
    ) -> str:
        """Run a proof that has to fail, and return its message."""
        return failure(self.prove(name, depth, without=without, **changes))


def failure(proof: Proof) -> str:
    """Return what a proof says that has to have failed, a fact a line."""
    assert proof.status is Status.FAILED, proof
    assert proof.reason is not None
    return "\n".join((proof.reason, *proof.evidence))


def source_of(layout: str) -> Source:
    return source_at(specimens.nixpkgs(layout))


def source_at(nixpkgs: str) -> Source:
    return sources.resolve(
        SourceRequest(nixpkgs=nixpkgs),
        target=TARGET,
        sparse=plan().sparse,
        progress=Steps(),
    )


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(autouse=True)
def cache(
    sealed: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Share one cache among these tests, with the store in it for a user who has no other."""
    assert sealed.is_dir()
    monkeypatch.setenv(VARIABLE, str(shared / "cache"))
    stores.store_variables.cache_clear()
    yield shared / "cache"
    stores.store_variables.cache_clear()


def drafted(
    layout: str = "29.6",
    *,
    strategy: Design | None = None,
    demotion: Demotion = Demotion.SUFFIX,
) -> Draft:
    """Return the series that the rewrites make of a specimen."""
    source = source_of(layout)
    file = docker_file(source.content, name=str(TARGET))
    lifted, demoted = rewrite(
        file, builder.steps(file, source, design=strategy, demotion=demotion)
    )
    texts: dict[str, str] = {
        BEFORE: source.content.decode(),
        LIFTED: lifted,
        DEMOTED: demoted,
    }
    return Draft(source=source, demotion=demotion, texts=texts)


@pytest.fixture(scope="session")
def proposals(shared: Path) -> Callable[..., tuple[Path, Report]]:
    """Return what makes a proposal once; nobody may write to the directory."""
    made: dict[Path, Report] = {}

    def make(
        layout: str = "29.6",
        *,
        strategy: Design | None = None,
        demotion: Demotion = Demotion.SUFFIX,
    ) -> tuple[Path, Report]:
        out = shared / f"{layout}-{strategy}-{demotion}"
        if out not in made:
            request = docker(
                source=SourceRequest(nixpkgs=specimens.nixpkgs(layout)),
                strategy=strategy,
                demotion=demotion,
                out=out,
            )
            made[out] = propose(request, progress=Steps())
        return out, made[out]

    return make
