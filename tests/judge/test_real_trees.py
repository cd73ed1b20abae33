"""The judge on whole trees, against what plain Nix says; `UNLET_NIXPKGS` names the directory that has them."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from tests.judge import oracle, real
from tests.judge.real.case import COPY, IMPORTED, NATIVE, ORIGINALS, Case
from tests.judge.test_specimen import cache, shared
from toolkit.git.reading import TreeFile
from toolkit.judge import JudgeRequest, ground, judge
from toolkit.judge.differences import Judgement, Weight
from toolkit.model import Silence, SourceRequest
from toolkit.sources import trees
from toolkit.sources.changes import Change, ChangeStep, FileEdit
from toolkit.sources.trees import NixpkgsTree

__all__ = ["cache", "shared"]

TREES = os.environ.get("UNLET_NIXPKGS")
CASES = {f"{tree}: {case.name}": (tree, case) for tree, cases in real.TREES.items() for case in cases}
_BASES: dict[Path, NixpkgsTree] = {}


def files(root: Path, case: Case) -> Mapping[PurePosixPath, TreeFile | None]:
    """Return the files of a change as they are after it."""
    gone = [path for path, how in case.edits.items() if how is None or how == IMPORTED]
    made: dict[PurePosixPath, TreeFile | None] = {}
    for path, how in case.edits.items():
        if how is None:
            made[PurePosixPath(path)] = None
            continue
        there = root / (path if how != COPY else gone[0] if gone else ORIGINALS[root.name])
        if callable(how) and not there.is_file():
            there = root / next(iter(case.edits))
        text = there.read_text() if there.is_file() else ""
        content = how if isinstance(how, str) and how != COPY else text if isinstance(how, str) else how(text)
        made[PurePosixPath(path)] = TreeFile(content=content.encode())
    return made


def change_of(name: str) -> Change:
    """Return the change of a case, with its tree as the base."""
    tree, case = CASES[name]
    root = Path(str(TREES)) / tree
    base = _BASES.setdefault(root, NixpkgsTree(root=root, key=trees.fingerprint(root)))
    edits = tuple(
        FileEdit(
            path=path,
            before=TreeFile(content=(root / path).read_bytes()) if (root / path).is_file() else None,
            after=file,
        )
        for path, file in files(root, case).items()
    )
    step = ChangeStep(subject=name, edits=edits)
    return Change(subject=name, origin=tree, source=SourceRequest(), base=base, steps=(step,))


def judged(name: str) -> Judgement:
    """Return what the judge says of a case."""
    _, case = CASES[name]
    systems = case.systems or tuple(dict.fromkeys((NATIVE, case.system)))
    return judge(change_of(name), JudgeRequest(systems=systems), progress=Silence())


@pytest.mark.skipif(TREES is None, reason="UNLET_NIXPKGS is not set: no whole nixpkgs to try")
@pytest.mark.parametrize("name", CASES)
def test_the_judge_says_what_plain_nix_says(name: str, tmp_path: Path) -> None:
    tree, case = CASES[name]
    if not (Path(str(TREES)) / tree).is_dir():
        pytest.skip(f"UNLET_NIXPKGS has no {tree}")
    change = change_of(name)
    with ground.opened(change.base, progress=Silence()) as place:
        old = oracle.plain(place.root, case.system, case.truth, tmp_path)
        with place.holding({edit.path: edit.after for edit in change.steps[0].edits}) as changed:
            new = oracle.plain(changed, case.system, case.truth, tmp_path)
    assert old not in {None, '"throws"'}
    assert (old != new) == (case.named is not None)
    judgement = judged(name)
    serious = [each for each in judgement.differences if each.weight is not Weight.NOTE]
    if case.named is None:
        assert serious == []
        assert judgement.unknown == ()
        return
    kinds, attribute = case.named
    named = [
        each
        for each in serious
        if each.kind in kinds.split("|") and each.attribute == attribute and each.system == case.system
    ]
    assert named or ("unknown" in kinds.split("|") and judgement.unknown)
    assert case.system == NATIVE or not any(each.system == NATIVE and each.kind == named[0].kind for each in serious)
