"""Each claim fails for what it is there to catch, and says what that is."""

import pytest

from tests.docker.spoiled import TABLE, Spoiled

ROWS = [pytest.param(claim, row, id=f"{claim}: {row.what}") for claim, table in TABLE.items() for row in table]


def check(row: Spoiled, failure: str) -> None:
    assert [fact for fact in row.said if fact not in failure] == [], failure
    assert [fact for fact in row.unsaid if fact in failure] == []


@pytest.mark.parametrize(("claim", "row"), ROWS)
def test_claim_fails_for_what_is_spoiled(claim: str, row: Spoiled) -> None:
    series = row.spoil(row.start())
    failure = series.failure(claim, without={"demote"}, demotion=None) if row.alone else series.failure(claim)
    check(row, failure)
