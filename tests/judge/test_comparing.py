"""What the limits of an evaluation do to a comparison."""

import pytest
from msgspec.structs import replace

from toolkit.asking.packages import ENDS, MISSING, THROWS, Answer
from toolkit.judge import values
from toolkit.judge.comparing import compare
from toolkit.judge.differences import Kind, Weight
from toolkit.judge.subject import THREW, Compared
from toolkit.report.sentences import sentence

SUBJECT = Compared(attribute="notes", system="x86_64-linux", root="/tree")
WHOLE = Answer(kind="derivation", parts={"position": None, "meta": {}})
CUT = Answer(
    kind="derivation", parts={"position": None}, ends={"meta": "still running"}
)


def test_what_ended_at_a_limit_does_not_evaluate_now() -> None:
    limited = Answer(
        kind="derivation",
        parts={"position": None},
        ends={"meta": "still running"},
        limited=("meta",),
    )
    assert compare(SUBJECT, limited, WHOLE) == []
    assert compare(SUBJECT, WHOLE, limited) == []
    everything = Answer(kind=ENDS, ends={"meta": "still running"}, limited=("meta",))
    assert compare(SUBJECT, everything, WHOLE) == []
    assert compare(SUBJECT, WHOLE, everything) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            (["ada"], ["ada"]),
            (list[str](), list[str]()),
            "meta.maintainers \N{MINUS SIGN} ada",
        ),
        # One who is named twice, or by a team as well, is not among the maintainers
        # twice.
        (
            (["ada"], ["ada"]),
            (["ada"], ["ada", "ada"]),
            "meta.nonTeamMaintainers + ada",
        ),
        (
            (["ada", "bo"], ["bo"]),
            (["ada", "bo"], ["ada", "bo"]),
            "meta.nonTeamMaintainers + ada",
        ),
    ],
)
def test_maintainers_are_told_once(
    before: tuple[list[str], ...], after: tuple[list[str], ...], said: str
) -> None:
    one, other = (
        Answer(
            kind="derivation",
            parts={
                "meta": dict(
                    zip(["maintainers", "nonTeamMaintainers"], those, strict=True)
                )
            },
        )
        for those in (before, after)
    )
    assert [sentence(each) for each in compare(SUBJECT, one, other)] == [said]


def test_what_ended_by_itself_does() -> None:
    assert [each.kind for each in compare(SUBJECT, CUT, WHOLE)] == [Kind.EVALUATION]
    assert [each.kind for each in compare(SUBJECT, WHOLE, CUT)] == [Kind.EVALUATION]


@pytest.mark.parametrize(
    ("drv", "said"),
    [
        (THREW, ("throws now", "no", "it throws")),
        ("/nix/store/x.drv", ("evaluates now", "no", None)),
    ],
)
def test_a_package_that_ended_nix_and_does_not_now_has_changed(
    drv: object, said: tuple[object, ...]
) -> None:
    ended = Answer(kind="derivation", ends={"derivation": "no", "kinds": "no"})
    (found,) = compare(
        SUBJECT,
        ended,
        Answer(kind="derivation", parts={"derivation": {"drv": drv}, "kinds": {}}),
    )
    assert (found.weight, (sentence(found), found.before, found.after)) == (
        Weight.CHANGE,
        said,
    )


def test_what_is_in_a_package_that_throws_is_not_new() -> None:
    assert compare(SUBJECT, Answer(kind=MISSING), Answer(kind=THROWS)) == []
    assert [
        each.kind for each in compare(SUBJECT, Answer(kind=MISSING), Answer(kind="set"))
    ] == [Kind.ADDED]


def test_what_ends_nix_as_a_whole_did_so_in_one_of_its_values_too() -> None:
    one, whole, other = (
        Answer(kind="derivation", ends=dict.fromkeys(parts, "no"))
        for parts in (("passthru.go",), ("passthru",), ("passthru.web",))
    )
    assert compare(SUBJECT, one, whole) == compare(SUBJECT, whole, one) == []
    assert [
        sentence(each) for each in compare(SUBJECT, Answer(kind="derivation"), whole)
    ] == ["its passthru no longer evaluates"]
    assert [sentence(each) for each in compare(SUBJECT, one, other)] == [
        "its passthru.web no longer evaluates",
        "its passthru.go evaluates now",
    ]


def test_a_value_that_ends_nix_is_not_gone() -> None:
    before = Answer(kind="derivation", parts={"passthru": {"go": "1", "web": "1"}})
    after = Answer(
        kind="derivation", parts={"passthru": {"web": "1"}}, ends={"passthru.go": "no"}
    )
    assert [sentence(each) for each in compare(SUBJECT, before, after)] == [
        "its passthru.go no longer evaluates"
    ]
    without = Answer(kind="derivation", parts={"passthru": {"web": "1"}})
    (gone,) = compare(SUBJECT, after, without)
    assert (gone.weight, sentence(gone)) == (
        Weight.CHANGE,
        "its passthru.go was removed; it did not evaluate before",
    )
    late = replace(after, limited=("passthru.go",))
    assert compare(SUBJECT, before, late) == compare(SUBJECT, late, before) == []


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ({}, []),
        ({"arguments": {}}, []),
        ({"arguments": {"x": True}}, ["its override with x evaluates now"]),
    ],
)
def test_an_override_of_an_argument_that_is_gone_does_not_evaluate_now(
    parts: dict[str, dict[str, bool]], found: list[str]
) -> None:
    before = Answer(kind="derivation", ends={"override.x=": "no"})
    after = Answer(kind="derivation", parts=parts)
    assert [
        sentence(each)
        for each in compare(SUBJECT, before, after)
        if each.kind is Kind.EVALUATION
    ] == found


def test_what_is_lost_from_a_long_set_is_named() -> None:
    before, after, short = (
        Answer(kind="derivation", parts={"passthru": {"tests": tests}})
        for tests in (
            {"#": "1", "length": 500, "names": ["a", "b"]},
            {"#": "2", "length": 450, "names": ["a"]},
            {"a": 1},
        )
    )
    for now in (after, short):
        assert [sentence(each) for each in compare(SUBJECT, before, now)] == [
            "tests.b is gone"
        ]


def test_what_an_override_no_longer_sees_is_listed() -> None:
    derivation = dict.fromkeys(("drv", "out"), "/nix/store/x")
    before, after = (
        Answer(
            kind="derivation",
            parts={
                "derivation": derivation,
                "override": {"overrideAttrs": {"old": dict.fromkeys(names, "string")}},
            },
        )
        for names in (("pname", "patches", "src"), ("pname",))
    )
    (found,) = compare(SUBJECT, before, after)
    assert (
        sentence(found) == "overrideAttrs (old: …) no longer finds patches, src in old"
    )


def test_what_overrides_give_is_no_more_of_what_no_longer_evaluates() -> None:
    def answer(drv: object) -> Answer:
        own: dict[str, object] = {
            "drv": drv,
            "out": drv,
            "outputs": {},
            "name": "a",
            "version": "1",
            "attributes": {},
        }
        return Answer(
            kind="derivation",
            parts={"derivation": own, "override": {"override": {"one": drv}}},
        )

    (found,) = compare(SUBJECT, answer("/nix/store/x.drv"), answer({"!": "throws"}))
    assert (found.kind, sentence(found)) == (Kind.EVALUATION, "no longer evaluates")


@pytest.mark.parametrize(
    ("drv", "weight"),
    [({"!": "throws"}, Weight.NOTE), ("/nix/store/x.drv", Weight.REGRESSION)],
)
@pytest.mark.parametrize("name", ["libraries", "libraries.qt"])
def test_what_is_new_and_ends_nix_harms_a_package_that_evaluates(
    drv: object, weight: Weight, name: str
) -> None:
    own: dict[str, object] = {
        "drv": drv,
        "out": drv,
        "outputs": {},
        "name": "a",
        "version": "1",
        "attributes": {},
    }
    before, there = (
        Answer(kind="derivation", parts={"derivation": own, "passthru": passthru})
        for passthru in ({"mpv": "1"}, {"mpv": "1", "libraries": "1"})
    )
    after = replace(before, ends={f"passthru.{name}": "no"})
    (found,) = compare(SUBJECT, before, after)
    assert (found.kind, found.weight, found.after) == (Kind.EVALUATION, weight, "no")
    assert sentence(found) == f"its passthru.{name} is new, but does not evaluate"
    (found, *_) = compare(SUBJECT, there, after)
    assert (found.weight, sentence(found)) == (
        Weight.REGRESSION,
        f"its passthru.{name} no longer evaluates",
    )


def test_what_ends_as_the_derivation_did_before_is_no_regression() -> None:
    broken, worse, other = (
        Answer(kind="derivation", ends=ends)
        for ends in (
            {"derivation": "no"},
            {"derivation": "no", "passthru": "no"},
            {"derivation": "no", "passthru": "else"},
        )
    )
    assert [each.weight for each in compare(SUBJECT, broken, worse)] == [Weight.NOTE]
    assert [each.weight for each in compare(SUBJECT, broken, other)] == [
        Weight.REGRESSION
    ]
    (found,) = compare(SUBJECT, Answer(kind="derivation"), worse)
    assert found.weight is Weight.REGRESSION


def test_a_package_that_became_a_set_has_lost_no_names() -> None:
    assert values.names_in({"drv": "/nix/store/x.drv", "out": "/nix/store/x"}) == set()
    assert values.names_in({"a": 1, "b": 2}) == {"a", "b"}
