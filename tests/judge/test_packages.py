"""What the digests of all packages say of an attribute that nothing else was asked about."""

import pytest

from toolkit.judge.differences import Kind, Weight
from toolkit.judge.packages import THROWS, Answer, Packages, unexplained
from toolkit.judge.subject import Compared

WORST, CHANGE, LEAST = Weight
SUBJECT = Compared(attribute="notes", system="x86_64-linux", root="/tree")
ONE = {"derivation": "/nix/store/x.drv", "outputs": "out", "meta": "1", "position": "1"}
OTHER = {**ONE, "derivation": "/nix/store/y.drv"}
DRVS = (ONE["derivation"], OTHER["derivation"])
FETCHED = "a fixed output among its inputs is made by a different derivation, and has the same hash"


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (ONE, None, (Kind.REMOVED, WORST, "is no longer there", None, None)),
        (ONE, THROWS, (Kind.EVALUATION, WORST, "no longer evaluates", None, "throws")),
        (None, ONE, (Kind.ADDED, CHANGE, "is new", None, None)),
        (THROWS, ONE, (Kind.EVALUATION, CHANGE, "evaluates now", "throws", None)),
        (ONE, {**OTHER, "outputs": "lib"}, (Kind.DERIVATION, CHANGE, "is built differently", *DRVS)),
        (ONE, OTHER, (Kind.FIXED_OUTPUT, LEAST, FETCHED, *DRVS)),
        (ONE, {**ONE, "meta": "2"}, (Kind.META, CHANGE, "its meta differ", "1", "2")),
        (ONE, {**ONE, "position": "2"}, (Kind.POSITION, LEAST, "its position differ", "1", "2")),
        (THROWS, None, None),
        (ONE, ONE, None),
    ],
)
def test_what_the_digests_show_is_named(before: Answer | None, after: Answer | None, found: object) -> None:
    one, other = (Packages(answers={("notes",): answer} if answer is not None else {}) for answer in (before, after))
    said = [
        (each.kind, each.weight, each.what, each.before, each.after)
        for each in unexplained(SUBJECT, ("notes",), one, other)
    ]
    assert said == ([found] if found is not None else [])
