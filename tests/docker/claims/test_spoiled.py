"""Each claim fails for what it is there to catch, and names it."""

import re

import pytest

from tests import cases
from tests.docker.conftest import Changes, failure
from tests.docker.spoiled import Spoiled
from tests.proposal.nixpkgs import ALONE

ROWS = cases.read(__file__, dict[str, list[Spoiled]])["rows"]
OTHERS = re.compile("aarch64|darwin|cross")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_claim_fails_for_what_is_spoiled(row: Spoiled) -> None:
    series, depth = (
        row.series(),
        None if OTHERS.search(f"{row.said} {row.unsaid}") else ALONE,
    )
    alone: Changes = {"demotion": None} if row.alone else {}
    proofs = series.proofs(
        row.said, depth, without={"demote"} if row.alone else (), **alone
    )
    failures = {proof.name: failure(proof) for proof in proofs}
    assert failures.keys() == row.said.keys()
    assert [
        fact
        for name, facts in row.said.items()
        for fact in facts
        if fact not in failures[name]
    ] == [], failures
    assert [
        fact for fact in row.unsaid if any(fact in each for each in failures.values())
    ] == []
