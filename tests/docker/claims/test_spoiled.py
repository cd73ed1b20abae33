"""Each claim fails for what it is there to catch, and names it."""

import pytest

from tests import cases
from tests.docker.conftest import failure
from tests.docker.spoiled import Spoiled

ROWS = cases.read(__file__, dict[str, list[Spoiled]])["rows"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_claim_fails_for_what_is_spoiled(row: Spoiled) -> None:
    series = row.series()
    proofs = series.proofs(row.said, without={"demote"}, demotion=None) if row.alone else series.proofs(row.said)
    failures = {proof.name: failure(proof) for proof in proofs}
    assert failures.keys() == row.said.keys()
    assert [fact for name, facts in row.said.items() for fact in facts if fact not in failures[name]] == [], failures
    assert [fact for fact in row.unsaid if any(fact in each for each in failures.values())] == []
