"""What is said of each thing in which two answers about an attribute can differ."""

from typing import Any

import pytest

from toolkit.asking.packages import (
    ENDS,
    FUNCTION,
    MISSING,
    PACKAGE,
    SET,
    THROWS,
    Answer,
)
from toolkit.judge.comparing import compare
from toolkit.judge.differences import Difference, DifferenceFact, Kind, Weight
from toolkit.judge.fixed_outputs import fetches, refetched
from toolkit.judge.made import _is_whole  # pyright: ignore[reportPrivateUsage]
from toolkit.judge.subject import THREW, Compared
from toolkit.report.sentences import sentence

WORST, CHANGE, LEAST = Weight
FILES = dict.fromkeys(["pkgs/notes.nix"], ())
SUBJECT = Compared(
    attribute="notes", system="x86_64-linux", root="/tree", files=FILES, aliases={"old"}
)
DRV, OTHER, OUT = "/nix/store/x.drv", "/nix/store/y.drv", "/nix/store/z"


def own(
    drv: object = DRV, out: object = "/nix/store/x", **fields: object
) -> dict[str, object]:
    """Return what Nix shows of a derivation."""
    known: dict[str, object] = {
        "outputs": ["out", "dev"],
        "name": "notes",
        "version": "1",
        "attributes": {},
    }
    return {"drv": drv, "out": out, **known, **fields}


def package(derivation: object = None, **parts: object) -> Answer:
    return Answer(kind=PACKAGE, parts={"derivation": derivation or own(), **parts})


def shown(kind: str, **parts: object) -> Answer:
    return Answer(kind=kind, parts=parts)


def function(**arguments: bool) -> Answer:
    return shown(FUNCTION, arguments=arguments)


def made(derivation: object, twice: object = None) -> Answer:
    """Return a package that has a function, by what that makes."""
    return package(
        functions={
            "withPlugins": {"derivation": derivation, "meta": {}, "twice": twice}
        }
    )


def held(passthru: object) -> Answer:
    return package(passthru={"web": passthru})


def long(**names: str) -> dict[str, object]:
    """Return what Nix shows of a long set."""
    return {
        "#": str(names),
        "length": 438,
        "bare": str(names),
        "names": [*names],
        "each": names,
    }


NOWHERE, THROWN, FAILS = (
    Answer(kind=MISSING),
    Answer(kind=THROWS),
    package(own(THREW, THREW)),
)
ENDED = Answer(kind=ENDS, ends={"names": "infinite recursion"})
UNNAMED = "one of its downloads now has another derivation, but the same hash"
RECURSION = "now has recurseForDerivations: Hydra and searches include its packages"
NO_RECURSION = (
    "no longer has recurseForDerivations: Hydra and searches leave out its packages"
)
THROWING = "its derivation throws, and would be built in another way"
ELSEWHERE = "meta.position names a file outside the change: CI requests reviews from other people"
FETCH = "one of its downloads has another derivation"
FOUND: list[tuple[Answer, Answer, str]] = [
    (NOWHERE, package(), "change added: is new: None → 'derivation'"),
    (package(), NOWHERE, "regression removed: is no longer there: 'derivation' → None"),
    (THROWN, NOWHERE, "note removed: is no longer there: 'throws' → None"),
    (THROWN, Answer(kind=SET), "change evaluation: evaluates now: 'throws' → 'set'"),
    (
        Answer(kind=SET),
        package(),
        "regression derivation: is a derivation, and was a set: 'set' → 'derivation'",
    ),
    (
        Answer(kind=SET),
        THROWN,
        "regression evaluation: no longer evaluates: 'set' → 'it throws'",
    ),
    (
        Answer(kind=SET),
        ENDED,
        "regression evaluation: no longer evaluates: 'set' → 'infinite recursion'",
    ),
    (
        shown("int", value=1),
        shown("int", value=2),
        "change passthru: has a different value: 1 → 2",
    ),
    (
        shown(SET, recurse=True),
        shown(SET, recurse=None),
        f"regression passthru: {NO_RECURSION}: True → None",
    ),
    (
        shown(SET, recurse=False),
        shown(SET, recurse=True),
        f"change passthru: {RECURSION}: False → True",
    ),
    (
        function(a=True, b=False),
        function(b=False),
        "regression arguments: the argument a is gone: True → None",
    ),
    (
        function(),
        function(a=False),
        "regression arguments: the argument a is new: None → False",
    ),
    (
        function(),
        function(a=True),
        "note arguments: the argument a is new: None → True",
    ),
    (
        package(arguments={"a": True}),
        package(arguments={"a": True, "b": False}),
        "note arguments: the argument b of override is new: None → False",
    ),
    (
        function(a=True),
        function(a=False),
        "regression arguments: the argument a no longer has a default: True → False",
    ),
    (
        package(arguments={"a": False}),
        package(arguments={"a": True}),
        "note arguments: the argument a of override now has a default: False → True",
    ),
    (
        package(),
        FAILS,
        f"regression evaluation: no longer evaluates: '{DRV}' → 'it throws'",
    ),
    (FAILS, package(), f"change evaluation: evaluates now: 'it throws' → '{DRV}'"),
    (
        package(),
        package(own(OTHER, THREW)),
        (
            "regression evaluation: its output no longer evaluates: '/nix/store/x' → "
            "'it "
            "throws'"
        ),
    ),
    (
        package(),
        package(own(OTHER, OUT, version="2")),
        f"change derivation: 1 → 2: '{DRV}' → '{OTHER}'",
    ),
    (
        package(),
        package(own(OTHER, OUT)),
        f"change derivation: is built differently: '{DRV}' → '{OTHER}'",
    ),
    (
        package(own(THREW, THREW, attributes={"a": 1, "b": 1})),
        package(own(THREW, THREW, attributes={"a": 2, "b": 1, "c": 3})),
        (
            f"change derivation: {THROWING}: a 1 → 2, c null → 3: {{'a': 1, 'c': None}} → {{'a': 2, 'c': "
            f"3}}"
        ),
    ),
    (
        package(own(THREW, THREW, attributes={"a": 1})),
        package(own(THREW, THREW, attributes={"a": 2}, version="2")),
        "change derivation: 1 → 2: {'a': 1} → {'a': 2}",
    ),
    (
        package(),
        package(own(OTHER)),
        f"note fixed-output: {UNNAMED}: '{DRV}' → '{OTHER}'",
    ),
    (
        package(meta={"a": 1}),
        package(meta={}),
        "regression meta: meta.a is gone: 1 → None",
    ),
    (package(meta={}), package(meta={"a": 1}), "change meta: meta.a is new: None → 1"),
    (
        package(meta={"a": 1}),
        package(meta={"a": THREW}),
        "regression meta: meta.a throws: 1 → 'it throws'",
    ),
    (
        package(position="/tree/pkgs/notes.nix:1"),
        package(position=None),
        (
            "regression position: meta.position is missing: nixpkgs' CI will request no "
            "review: "
            "'pkgs/notes.nix:1' → None"
        ),
    ),
    (
        package(position="/tree/pkgs/a.nix:1"),
        package(position="/tree/pkgs/notes.nix:2"),
        (
            "note position: meta.position names another file of the change: "
            "'pkgs/a.nix:1' → 'pkgs/notes.nix:2'"
        ),
    ),
    (
        package(position="/tree/pkgs/notes.nix:1"),
        package(position="/tree/pkgs/a.nix:1"),
        f"regression position: {ELSEWHERE}: 'pkgs/notes.nix:1' → 'pkgs/a.nix:1'",
    ),
    (
        package(kinds={"src.url": "string", "src.hash": "string", "none": "null"}),
        package(kinds={}),
        "regression passthru: the attribute src.url is gone: 'string' → None",
    ),
    (
        package(kinds={"a": "string"}),
        package(kinds={"a": "list", "b": "set"}),
        (
            "change passthru: the attribute a is a list, and was a string: 'string' → "
            "'list'"
        ),
    ),
    (
        made(own()),
        made(own(OTHER, OUT)),
        f"change derivation: withPlugins is built differently: '{DRV}' → '{OTHER}'",
    ),
    (
        made(own(), own()),
        made(own(), own(OTHER, OUT)),
        (
            f"change derivation: withPlugins twice is built differently: '{DRV}' → "
            f"'{OTHER}'"
        ),
    ),
    (package(passthru={}), held(1), "note passthru: web is new: None → 1"),
    (held(1), package(passthru={}), "regression passthru: web is gone: 1 → None"),
    (
        held({"a": {"b": 1, "c": 2}}),
        held({"a": {"c": 2}}),
        "regression passthru: web.a.b is gone: 1 → None",
    ),
    (
        held(long(a="1", b="1")),
        held(long(a="1", b="2")),
        (
            f"change passthru: web differs in b: {long(a='1', b='1')} → "
            f"{long(a='1', b='2')}"
        ),
    ),
    (
        package(meta={"it": [{"x": "é"}]}),
        package(meta={"it": [{"x": "e"}]}),
        (
            'change meta: meta.it − {"x": "é"}, + {"x": "e"}: [{\'x\': \'é\'}] → '  # noqa: RUF001 - a minus
            "[{'x': 'e'}]"
        ),
    ),
    (
        package(meta={"it": [{"shortName": "mit", "url": "u"}]}),
        package(meta={"it": ["gpl"]}),
        (
            "change meta: meta.it − mit, + gpl: [{'shortName': 'mit', 'url': 'u'}] → "  # noqa: RUF001 - a minus
            "['gpl']"
        ),
    ),
    (
        package(meta={"it": ["a", "b"]}),
        package(meta={"it": ["b", "a"]}),
        "change meta: meta.it has another order: ['a', 'b'] → ['b', 'a']",
    ),
    (held(1), held(THREW), "regression passthru: web throws: 1 → 'it throws'"),
    (held(THREW), held(1), "note passthru: web evaluates now: 'it throws' → 1"),
    (
        held({"drv": DRV, "out": "/nix/store/x"}),
        held({"drv": OTHER, "out": OUT}),
        f"change passthru: web is built differently: '{DRV}' → '{OTHER}'",
    ),
    (
        held({"drv": DRV, "out": OUT}),
        held({"drv": OTHER, "out": OUT}),
        (
            f"change fixed-output: web has the same output, but {FETCH}: '{DRV}' → "
            f"'{OTHER}'"
        ),
    ),
]


def told(found: Difference) -> str:
    return f"{found.weight} {found.kind}: {sentence(found)}: {found.before!r} → {found.after!r}"


@pytest.mark.parametrize(("before", "after", "expected"), FOUND, ids=range(len(FOUND)))
def test_difference_is_named_and_weighed(
    before: Answer, after: Answer, expected: str
) -> None:
    (found,) = compare(SUBJECT, before, after)
    assert told(found) == expected
    assert (found.attribute, found.system) == ("notes", "x86_64-linux")


PLAIN = "override with nothing changed"
ONE = "/nix/store/x"
OVERRIDDEN: list[tuple[bool, dict[str, object], dict[str, object], str]] = [
    (
        False,
        {"plain": "/o"},
        {"plain": THREW},
        f"regression: {PLAIN} no longer evaluates: '/o' → {THREW}",
    ),
    (
        False,
        {"plain": THREW},
        {"plain": "/o"},
        f"note: {PLAIN} evaluates now: {THREW} → '/o'",
    ),
    (
        False,
        {"plain": "/o"},
        {"plain": "/p"},
        f"regression: {PLAIN} gives something else: '/o' → '/p'",
    ),
    (
        True,
        {"plain": "/o"},
        {"plain": OUT},
        f"regression: {PLAIN} no longer has an effect: '/o' → '{OUT}'",
    ),
    (
        True,
        {"plain": ONE},
        {"plain": "/o"},
        f"change: {PLAIN} has an effect now: '{ONE}' → '/o'",
    ),
    (
        False,
        {"old": {}},
        {"old": {"b": "set"}},
        "note: override (old: …) also finds b in old: None → ['b']",
    ),
    (
        False,
        {"old": {"b": "set", "c": "null"}},
        {"old": {}},
        "regression: override (old: …) no longer finds b in old: ['b'] → None",
    ),
    (
        True,
        {"old": {"b": "set"}},
        {"old": {}},
        "change: override (old: …) no longer finds b in old: ['b'] → None",
    ),
    (
        False,
        {"old": {"b": "set"}},
        {"old": {"b": "list"}},
        "change: override (old: …) finds b in old as a list, which was a set: 'set' → 'list'",
    ),
    (
        False,
        {"lost": []},
        {"lost": ["b"]},
        "regression: the result of override lacks b: [] → ['b']",
    ),
    (False, {"lost": ["b"]}, {"lost": []}, "note: override now keeps b: ['b'] → []"),
    (
        False,
        {"scripts": {"b": True}},
        {"scripts": {"b": False}},
        "regression: override with b no longer reaches the derivation: None → None",
    ),
    (
        False,
        {"reached": {"b": False}},
        {"reached": {"b": True}},
        "note: override with b now reaches the derivation: None → None",
    ),
]


@pytest.mark.parametrize(
    ("is_rebuilt", "before", "after", "expected"),
    OVERRIDDEN,
    ids=range(len(OVERRIDDEN)),
)
def test_what_an_override_gives_is_named_and_weighed(
    is_rebuilt: bool,  # noqa: FBT001 - a case
    before: dict[str, object],
    after: dict[str, object],
    expected: str,
) -> None:
    answers = (
        package(each, override={"override": shown})
        for each, shown in (
            (own(), before),
            (own(OTHER, OUT) if is_rebuilt else own(), after),
        )
    )
    (found,) = (
        each for each in compare(SUBJECT, *answers) if each.kind is Kind.OVERRIDE
    )
    assert told(found).replace(" override", "", 1) == expected


def test_checks_that_are_of_the_installed_package_now_are_no_regression() -> None:
    weights: list[set[str]] = []
    for to in ("nativeInstallCheckInputs", "nativeBuildInputs"):
        sides = (
            {"check": "/o", "old": {"nativeCheckInputs": "list"}},
            {"check": "/p", "old": {to: "list"}},
        )
        answers = (package(own(), override={"overrideAttrs": side}) for side in sides)
        found = compare(SUBJECT, *answers)
        assert [each.cause.fact for each in found] == [
            DifferenceFact.GIVES_ANOTHER,
            DifferenceFact.SEEN_NO_MORE,
            DifferenceFact.SEEN_NEW,
        ]
        weights.append({each.weight.value for each in found})
    assert weights == [{"change", "note"}, {"regression", "note"}]


def test_override_functions_come_and_go() -> None:
    gone, new = compare(
        SUBJECT, package(override={"a": {}}), package(override={"b": {}})
    )
    assert (gone.weight, sentence(gone), gone.before, gone.after) == (
        WORST,
        "a is gone",
        "a",
        None,
    )
    assert (new.weight, sentence(new), new.before, new.after) == (
        LEAST,
        "b is new",
        None,
        "b",
    )


def test_names_of_a_set_come_and_go_and_an_alias_is_called_so() -> None:
    before, after = (
        Answer(kind=SET, parts={"names": names})
        for names in (["a", "b", "old"], ["b", "c"])
    )
    found = compare(SUBJECT, before, after)
    assert [
        (each.attribute, each.kind, each.weight, sentence(each)) for each in found
    ] == [
        ("notes.a", Kind.REMOVED, WORST, "is no longer there"),
        ("notes.old", Kind.ALIAS, WORST, "is no longer there"),
        ("notes.c", Kind.ADDED, CHANGE, "is new"),
    ]
    alias = Compared(
        attribute="old", system="x86_64-linux", root="/tree", aliases={"old"}
    )
    (gone,) = compare(alias, package(), Answer(kind=MISSING))
    assert (gone.kind, gone.weight, sentence(gone)) == (
        Kind.ALIAS,
        WORST,
        "the alias is no longer there",
    )


def test_output_that_is_lost_is_named_beside_the_rebuild() -> None:
    lost, rebuilt = compare(
        SUBJECT, package(), package(own(OTHER, OUT, outputs=["out"]))
    )
    assert (lost.weight, sentence(lost), lost.before, lost.after) == (
        WORST,
        "has lost the output dev",
        ["dev"],
        None,
    )
    assert sentence(rebuilt) == "is built differently"


def test_what_follows_the_version_is_no_difference() -> None:
    def versioned(version: str) -> Answer:
        meta = {
            "name": f"notes-{version}",
            "changelog": f"https://notes/v{version}",
            "tag": version.replace(".", "_"),
        }
        derivation = own(
            f"/nix/store/{version}.drv", f"/nix/store/{version}", version=version
        )
        return package(
            derivation, meta=meta, passthru={"url": f"https://notes/{version}.tar.gz"}
        )

    (found,) = compare(SUBJECT, versioned("1.0"), versioned("1.1"))
    assert sentence(found) == "1.0 → 1.1"


def test_a_link_that_stays_at_the_old_version_is_the_worst_and_a_text_that_is_emptied() -> (
    None
):
    derivations = own(version="1.0"), own(OTHER, OUT, version="1.1")
    for before, after in (("v1.0", "v1.0.0"), ("text", "")):
        name = "changelog" if before == "v1.0" else "description"
        found = compare(
            SUBJECT,
            *(
                package(own, meta={name: text})
                for own, text in zip(derivations, (before, after), strict=True)
            ),
        )
        assert [each.weight for each in found if each.kind is Kind.META] == [WORST]
    for name, both in (("description", [own(), own()]), ("changelog", derivations)):
        sides = (
            package(each, meta={name: text})
            for each, text in zip(both, "ab", strict=True)
        )
        (other,) = (each for each in compare(SUBJECT, *sides) if each.kind is Kind.META)
        assert (other.weight, other.before, other.after) == (CHANGE, "a", "b")


def test_a_function_that_loses_an_argument_or_its_default_is_the_worst() -> None:
    less, same = (
        compare(SUBJECT, held({"λ": {"a": True}}), held({"λ": taken}))
        for taken in ({}, {"a": False})
    )
    assert [[each.weight for each in found] for found in (less, same)] == [
        [WORST],
        [WORST],
    ]


def test_a_set_is_seen_whole_unless_it_has_a_function_or_a_set_that_was_not_asked_about() -> (
    None
):
    shown: tuple[tuple[dict[str, Any], bool, bool], ...] = (
        ({"λ": {}}, True, False),
        ({"a": 1}, True, True),
        ({"a": 1}, False, False),
    )
    for value, asked, whole in shown:
        answer = Answer(kind=SET, parts={"names": ["f"], "values": {"f": value}})
        assert (
            _is_whole(("notes",), answer, {("notes", "f")} if asked else set()) is whole
        )


def test_a_switch_that_is_the_default_or_was_has_no_effect() -> None:
    def switched(on: str, off: str) -> dict[str, object]:
        return {
            "override": {
                "flags": {
                    f"x = {value}": own(out=out)
                    for value, out in (("true", on), ("false", off))
                }
            }
        }

    before, after = (
        package(override=switched(ONE, "/o")),
        package(own(OTHER, OUT), override=switched("/p", OUT)),
    )
    assert [each.kind for each in compare(SUBJECT, before, after)] == [Kind.DERIVATION]


def fetched(name: str, drv: str, patch: str) -> dict[str, Any]:
    """Return what Nix shows of a fixed output."""
    patches = [f"/nix/store/{patch * 32}-fix.patch"]
    return {
        "name": name,
        "out": OUT,
        "drv": drv,
        "attributes": {"outputHash": "h", "urls": ["u"], "patches": patches},
    }


def refetch(before: list[Any], after: list[Any], *, same: bool = False) -> Difference:
    """Return the one difference between fixed outputs."""
    (weighed,) = fetches(before, after, same=same)
    return SUBJECT.differs(weighed)


def test_the_patches_of_a_fetch_count_by_their_content() -> None:
    found = refetch([fetched("src", DRV, "a")], [fetched("src", OTHER, "b")])
    assert (found.kind, found.weight) == (Kind.FIXED_OUTPUT, WORST)
    assert sentence(found).startswith(
        "src is fetched differently (patches) and its hash is as before"
    )


def test_a_fetch_that_has_the_hash_of_another_now_is_compared_with_that() -> None:
    def of(name: str, drv: str, out: str, given: str) -> dict[str, Any]:
        return {
            "name": name,
            "out": out,
            "drv": drv,
            "attributes": {"outputHash": given, "urls": [drv]},
        }

    web, src = of("web", DRV, OUT, "w"), of("src", "/nix/store/s.drv", ONE, "s")
    found = refetch([web, src], [of("src", OTHER, OUT, "w")])
    assert (found.weight, sentence(found).partition(":")[0]) == (
        WORST,
        "src is fetched differently (urls) and its hash is that of web",
    )


@pytest.mark.parametrize(("same", "weighed"), [(False, CHANGE), (True, LEAST)])
def test_a_command_with_the_hash_of_another_may_have_been_an_input_before(
    *, same: bool, weighed: Weight
) -> None:
    modules = {
        "name": "goModules",
        "out": OUT,
        "drv": DRV,
        "attributes": {"outputHash": "h", "pname": "a"},
    }
    part = {
        "name": "web.goModules",
        "out": ONE,
        "drv": OTHER,
        "attributes": {"outputHash": "h", "buildPhase": "b"},
    }
    found = refetch([modules], [modules, part], same=same)
    assert found.weight is weighed
    assert sentence(found).startswith(
        "web.goModules still has the old hash, which is right only if the content is "
        "the same: "
    )


def test_what_stands_beside_the_places_of_a_fetch_is_a_note() -> None:
    before, after = (fetched("src", drv, "a") for drv in (DRV, OTHER))
    after["attributes"]["env"] = {"PROXY": "1"}
    found = refetch([before], [after])
    assert found.weight is LEAST
    for each in (before, after):
        del each["attributes"]["urls"]
    found = refetch([before], [after])
    assert found.weight is WORST


def test_another_tag_is_another_revision() -> None:
    before, after = (fetched("src", drv, "a") for drv in (DRV, OTHER))
    before["attributes"]["rev"], after["attributes"]["tag"] = "1", "2"
    found = refetch([before], [after])
    assert sentence(found).startswith("src is fetched differently (rev) and")


def test_of_a_fetch_that_differs_in_much_the_rest_is_not_named() -> None:
    before, after = (
        fetched("src", drv, patch) for drv, patch in ((DRV, "a"), (OTHER, "b"))
    )
    before["attributes"] |= dict.fromkeys("abcd", 1)
    found = refetch([before], [after])
    assert sentence(found).startswith(
        "src is fetched differently (patches, a, b, and more) and"
    )


def test_a_function_that_is_gone_is_not_compared() -> None:
    assert compare(SUBJECT, made(own()), package(functions={})) == []


@pytest.mark.parametrize(
    ("rest", "kind"),
    [({}, Kind.EVALUATION), ({"unsupported": False}, Kind.META)],
    ids=["unsupported", "otherwise"],
)
def test_what_is_no_longer_available_is_the_worst(
    rest: dict[str, bool], kind: Kind
) -> None:
    (found,) = compare(
        SUBJECT,
        *(package(meta={"available": known, **rest}) for known in (True, False)),
    )
    assert (found.kind, found.weight) == (kind, WORST)


def test_what_holds_a_fetch_that_is_made_differently_is_made_differently() -> None:
    before, after = (
        [fetched("web.src", drv, "a"), fetched("src", DRV, "a")] for drv in (DRV, OTHER)
    )
    assert refetched(before, after) == {"web.src", "web"}
