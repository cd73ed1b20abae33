"""What the limits of an evaluation do to a comparison."""

from __future__ import annotations

from toolkit.judge.asking import ENDS, MISSING, THROWS, Answer
from toolkit.judge.comparing import compare
from toolkit.judge.model import Kind
from toolkit.judge.subject import Subject

SUBJECT = Subject(attribute="notes", system="x86_64-linux", root="/tree")
WHOLE = Answer(kind="derivation", parts={"position": None, "meta": {}})
CUT = Answer(kind="derivation", parts={"position": None}, ends={"meta": "still running"})


def test_what_ended_at_a_limit_does_not_evaluate_now() -> None:
    limited = Answer(kind="derivation", parts={"position": None}, ends={"meta": "still running"}, limited=("meta",))
    assert compare(SUBJECT, limited, WHOLE) == []
    assert compare(SUBJECT, WHOLE, limited) == []
    everything = Answer(kind=ENDS, ends={"meta": "still running"}, limited=("meta",))
    assert compare(SUBJECT, everything, WHOLE) == []
    assert compare(SUBJECT, WHOLE, everything) == []


def test_what_ended_by_itself_does() -> None:
    assert [each.kind for each in compare(SUBJECT, CUT, WHOLE)] == [Kind.EVALUATION]
    assert [each.kind for each in compare(SUBJECT, WHOLE, CUT)] == [Kind.EVALUATION]


def test_what_is_in_a_package_that_throws_is_not_new() -> None:
    assert compare(SUBJECT, Answer(kind=MISSING), Answer(kind=THROWS)) == []
    assert [each.kind for each in compare(SUBJECT, Answer(kind=MISSING), Answer(kind="set"))] == [Kind.ADDED]
