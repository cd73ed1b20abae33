"""Public overlays on whole trees: the truths are ours, the texts are not, so that a folder has to have them.

UNLET_OVERLAYS names the folder, with a directory OWNER+NAME for each repository of
truths.json, as it is at its commit. UNLET_NIXPKGS names the folder with the trees.
"""

import os
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tests.reach.conftest import SYSTEM
from tests.trees import trees
from toolkit.model import Silence, SourceRequest
from toolkit.reach.effects import Outcome
from toolkit.reach.reaching import ReachRequest, reach

# Read here: within a test the environment is sealed.
_FOLDER = os.environ.get("UNLET_OVERLAYS")
TRUTHS = Path(__file__).parent / "truths.json"
LEAST = 0.95


class Truths(msgspec.Struct, frozen=True, kw_only=True):
    """What is true on one tree: by repository and file, the status of each attribute."""

    commits: dict[str, str]
    trees: dict[str, dict[str, dict[str, str]]]


def truths() -> Truths:
    return msgspec.json.decode(TRUTHS.read_bytes(), type=Truths)


def test_truths_are_statuses_of_known_repositories() -> None:
    known = truths()
    found = [
        (file, status)
        for files in known.trees.values()
        for file, each in files.items()
        for status in each.values()
    ]
    assert {status for _, status in found} <= {status.value for status in Outcome}
    assert {file.partition("/")[0] for file, _ in found} == set(known.commits)


@pytest.mark.skipif(
    _FOLDER is None, reason="UNLET_OVERLAYS is not set: no overlays to try"
)
@pytest.mark.parametrize("tree", trees())
def test_overlays_are_judged_as_by_hand(tree: Path) -> None:
    known = truths().trees.get(tree.name)
    if known is None:
        pytest.skip(f"truths.json has none about {tree.name}")
    outcomes: Counter[bool] = Counter()
    wrong: list[str] = []
    for file, expected in known.items():
        request = ReachRequest(
            paths=(Path(_FOLDER or "") / file,),
            source=SourceRequest(nixpkgs=str(tree)),
            systems=(SYSTEM,),
        )
        found = {
            each.attribute: each.status.value
            for each in reach(request, progress=Silence()).overrides
        }
        for attribute, status in expected.items():
            answer = found.get(attribute, "nothing")
            outcomes[answer == status] += 1
            if answer != status:
                wrong.append(f"{file}: {attribute}: {answer}, and not {status}")
    assert [each for each in wrong if f": {Outcome.REACHES}, and" in each] == []
    assert outcomes[True] >= LEAST * outcomes.total(), "\n".join(wrong)
