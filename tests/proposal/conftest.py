"""A series of two commits on a small package, and a nixpkgs, which a test may spoil."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path, PurePosixPath

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tests.proposal.nixpkgs import Nixpkgs, copied, run
from toolkit.cache import VARIABLE
from toolkit.git import mailing
from toolkit.model import Commit, Source
from toolkit.proposal.prove import Case, Stage

TARGET = PurePosixPath("pkgs/by-name/he/hello/package.nix")
TEXTS = {
    "before": (
        '{ mk }:\nmk {\n  # who\n  pname = "hello";\n\n  a = 1;\n\n\n\n  b = 1;\n}\n'
    ),
    "first": (
        '{ mk }:\nmk {\n  # who\n  pname = "hello";\n\n  a = 2;\n\n\n\n  b = 1;\n}\n'
    ),
    "second": (
        '{ mk }:\nmk {\n  # who\n  pname = "hello";\n\n  a = 2;\n\n\n\n  b = 2;\n}\n'
    ),
}


class Draft(Struct, frozen=True, kw_only=True):
    """The texts of the stages, the unchanged file first, and their directory."""

    root: Path
    texts: Mapping[str, str]

    def rewritten(self, stage: str, change: Callable[[str], str]) -> Draft:
        """Change the text of one stage, and of no other."""
        return replace(self, texts={**self.texts, stage: change(self.texts[stage])})

    def case(self, **fields: object) -> Case[Stage]:
        """Return the case with the patches and the diff of these texts."""
        stages: list[Stage] = []
        for name, text in self.texts.items():
            path = self.root / name / TARGET.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            stages.append(Stage(name=name, content=text.encode(), path=path))
        commits = [
            Commit(
                subject=f"hello: {after.name}",
                body="",
                before=before.content,
                after=after.content,
            )
            for before, after in pairwise(stages)
        ]
        made = mailing.series(commits, TARGET)
        case = Case[Stage](
            source=Source(
                origin="a test", content=stages[0].content, directory=self.root
            ),
            package="hello",
            target=TARGET,
            stages=tuple(stages),
            patches=made.patches,
            upstream_diff=made.upstream_diff,
        )
        return replace(case, **fields)


@pytest.fixture
def nixpkgs(tmp_path: Path) -> Nixpkgs:
    return copied(tmp_path)


@pytest.fixture
def proposal(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A proposal for notes-server of the specimen, of which the definition stays.

    It is made once.
    """
    place = tmp_path_factory.getbasetemp() / "proposed"
    if not place.exists():
        run(place, design="stay")
    return shutil.copytree(place, tmp_path / "out")


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    return Draft(root=tmp_path, texts=TEXTS)


@pytest.fixture(autouse=True)
def cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Let the tests share a cache."""
    monkeypatch.setenv(VARIABLE, str(tmp_path_factory.getbasetemp() / "cache"))
