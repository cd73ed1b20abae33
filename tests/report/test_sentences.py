"""Each fact that the judge knows has a sentence."""

import pytest

from toolkit.judge.differences import (
    Cause,
    Difference,
    DifferenceFact,
    DifferencePlace,
    Kind,
    Weight,
)
from toolkit.report.sentences import sentence


@pytest.mark.parametrize("fact", DifferenceFact)
def test_each_fact_has_a_sentence(fact: DifferenceFact) -> None:
    difference = Difference(
        attribute="notes",
        system="x86_64-linux",
        kind=Kind.META,
        weight=Weight.NOTE,
        cause=Cause(fact=fact, name="it", names=("a", "b"), other="c", trial="d"),
        before="1",
        after="2",
    )
    assert sentence(difference).strip()


@pytest.mark.parametrize(
    "place", sorted({*DifferencePlace} - {DifferencePlace.ITSELF, DifferencePlace.FILE})
)
def test_each_part_of_an_attribute_has_a_name(place: DifferencePlace) -> None:
    cause = Cause(fact=DifferenceFact.GONE, place=place, name="it", names=("meta",))
    difference = Difference(
        attribute="notes",
        system="x86_64-linux",
        kind=Kind.META,
        weight=Weight.NOTE,
        cause=cause,
    )
    assert sentence(difference).removesuffix(" is gone") not in {"", "is gone"}
