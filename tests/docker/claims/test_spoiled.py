"""Each claim fails for what it is there to catch, and says what that is."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

import pytest

from tests.docker.claims.conftest import Deepened
from tests.docker.spoiled import TABLE, Spoiled

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet


def rows(*, in_set: bool) -> list[ParameterSet]:
    return [
        pytest.param(claim, row, id=f"{claim}: {row.what}")
        for claim, table in TABLE.items()
        for row in table
        if row.in_set or not in_set
    ]


def check(row: Spoiled, failure: str) -> None:
    assert [fact for fact in row.said if fact not in failure] == [], failure
    assert [fact for fact in row.unsaid if fact in failure] == []


@pytest.mark.parametrize(("claim", "row"), rows(in_set=False))
def test_claim_fails_for_what_is_spoiled(claim: str, row: Spoiled) -> None:
    series = row.spoil(row.start())
    failure = series.failure(claim, without={"demote"}, demotion=None) if row.alone else series.failure(claim)
    check(row, failure)
    if row.rebuilt is not None:
        found = re.findall(r"^(.+) (docker_\d+): (\S+) is rebuilt: \S+\.drv → \S+\.drv$", failure, re.MULTILINE)
        assert set(found) == set(product(*row.rebuilt))
        assert len(set(found)) == failure.count("is rebuilt")


@pytest.mark.parametrize(("claim", "row"), rows(in_set=True))
def test_claim_about_the_package_set_fails_as_well(claim: str, row: Spoiled) -> None:
    check(row, Deepened(draft=row.spoil(row.start())).failure(f"tree-{claim}"))
