"""What is said of each thing in which two answers about an attribute can differ."""

from typing import Any

import pytest

from toolkit.judge.asking import ENDS, FUNCTION, MISSING, PACKAGE, SET, THROWS, Answer
from toolkit.judge.comparing import compare
from toolkit.judge.differences import Kind, Weight
from toolkit.judge.fixed_outputs import UNNAMED
from toolkit.judge.made import _is_whole  # pyright: ignore[reportPrivateUsage]
from toolkit.judge.subject import THREW, Compared

WORST, CHANGE, LEAST = Weight
FILES = dict.fromkeys(["pkgs/notes.nix"], ())
SUBJECT = Compared(attribute="notes", system="x86_64-linux", root="/tree", files=FILES, aliases={"old"})
DRV, OTHER, OUT = "/nix/store/x.drv", "/nix/store/y.drv", "/nix/store/z"


def own(drv: object = DRV, out: object = "/nix/store/x", **fields: object) -> dict[str, object]:
    """Return what Nix shows of a derivation."""
    known: dict[str, object] = {"outputs": ["out", "dev"], "name": "notes", "version": "1", "attributes": {}}
    return {"drv": drv, "out": out, **known, **fields}


def package(derivation: object = None, **parts: object) -> Answer:
    return Answer(kind=PACKAGE, parts={"derivation": derivation or own(), **parts})


def function(**arguments: bool) -> Answer:
    return Answer(kind=FUNCTION, parts={"arguments": arguments})


def made(derivation: object, twice: object = None) -> Answer:
    """Return a package that has a function, by what that makes."""
    return package(functions={"withPlugins": {"derivation": derivation, "meta": {}, "twice": twice}})


def held(passthru: object) -> Answer:
    return package(passthru={"web": passthru})


FOUND: dict[str, tuple[Answer, Answer, tuple[Kind, Weight, str, Any, Any]]] = {
    "new": (Answer(kind=MISSING), package(), (Kind.ADDED, CHANGE, "is new", None, PACKAGE)),
    "gone": (package(), Answer(kind=MISSING), (Kind.REMOVED, WORST, "is no longer there", PACKAGE, None)),
    "gone, and threw": (
        Answer(kind=THROWS),
        Answer(kind=MISSING),
        (Kind.REMOVED, LEAST, "is no longer there", THROWS, None),
    ),
    "evaluates": (Answer(kind=THROWS), Answer(kind=SET), (Kind.EVALUATION, CHANGE, "evaluates now", THROWS, SET)),
    "another kind": (
        Answer(kind=SET),
        package(),
        (Kind.DERIVATION, WORST, "is a derivation instead of a set", SET, PACKAGE),
    ),
    "throws": (
        Answer(kind=SET),
        Answer(kind=THROWS),
        (Kind.EVALUATION, WORST, "no longer evaluates", SET, "it throws"),
    ),
    "ends": (
        Answer(kind=SET),
        Answer(kind=ENDS, ends={"names": "infinite recursion"}),
        (Kind.EVALUATION, WORST, "no longer evaluates", SET, "infinite recursion"),
    ),
    "value": (
        Answer(kind="int", parts={"value": 1}),
        Answer(kind="int", parts={"value": 2}),
        (Kind.PASSTHRU, CHANGE, "has a different value", 1, 2),
    ),
    "recursed into no more": (
        Answer(kind=SET, parts={"recurse": True}),
        Answer(kind=SET, parts={"recurse": None}),
        (
            Kind.PASSTHRU,
            WORST,
            "recurseForDerivations differs: what is in it is built and found, or is not",
            True,
            None,
        ),
    ),
    "recursed into": (
        Answer(kind=SET, parts={"recurse": False}),
        Answer(kind=SET, parts={"recurse": True}),
        (
            Kind.PASSTHRU,
            CHANGE,
            "recurseForDerivations differs: what is in it is built and found, or is not",
            False,
            True,
        ),
    ),
    "argument gone": (
        function(a=True, b=False),
        function(b=False),
        (Kind.ARGUMENTS, WORST, "the argument a is gone", True, None),
    ),
    "argument that is needed": (
        function(),
        function(a=False),
        (Kind.ARGUMENTS, WORST, "the argument a is new", None, False),
    ),
    "argument with a default": (
        function(),
        function(a=True),
        (Kind.ARGUMENTS, LEAST, "the argument a is new", None, True),
    ),
    "argument of override": (
        package(arguments={"a": True}),
        package(arguments={"a": True, "b": False}),
        (Kind.ARGUMENTS, LEAST, "the argument b of override is new", None, False),
    ),
    "default lost": (
        function(a=True),
        function(a=False),
        (Kind.ARGUMENTS, WORST, "the argument a no longer has a default", True, False),
    ),
    "default": (
        package(arguments={"a": False}),
        package(arguments={"a": True}),
        (Kind.ARGUMENTS, LEAST, "the argument a of override now has a default", False, True),
    ),
    "derivation throws": (
        package(),
        package(own(THREW, THREW)),
        (Kind.EVALUATION, WORST, "no longer evaluates", DRV, "it throws"),
    ),
    "derivation evaluates": (
        package(own(THREW, THREW)),
        package(),
        (Kind.EVALUATION, CHANGE, "evaluates now", "it throws", DRV),
    ),
    "output throws": (
        package(),
        package(own(OTHER, THREW)),
        (Kind.EVALUATION, WORST, "its output no longer evaluates", "/nix/store/x", "it throws"),
    ),
    "version": (package(), package(own(OTHER, OUT, version="2")), (Kind.DERIVATION, CHANGE, "1 → 2", DRV, OTHER)),
    "built differently": (
        package(),
        package(own(OTHER, OUT)),
        (Kind.DERIVATION, CHANGE, "is built differently", DRV, OTHER),
    ),
    "inputs of what throws": (
        package(own(THREW, THREW, attributes={"a": 1, "b": 1})),
        package(own(THREW, THREW, attributes={"a": 2, "b": 1, "c": 3})),
        (
            Kind.DERIVATION,
            CHANGE,
            "its derivation throws, and would be built differently: a, c",
            {"a": 1, "c": None},
            {"a": 2, "c": 3},
        ),
    ),
    "version of what throws": (
        package(own(THREW, THREW, attributes={"a": 1})),
        package(own(THREW, THREW, attributes={"a": 2}, version="2")),
        (Kind.DERIVATION, CHANGE, "1 → 2", {"a": 1}, {"a": 2}),
    ),
    "fixed output without a name": (package(), package(own(OTHER)), (Kind.FIXED_OUTPUT, LEAST, UNNAMED, DRV, OTHER)),
    "meta gone": (
        package(meta={"a": 1}),
        package(meta={}),
        (Kind.META, WORST, "meta.a is gone", 1, None),
    ),
    "meta new": (package(meta={}), package(meta={"a": 1}), (Kind.META, CHANGE, "meta.a is new", None, 1)),
    "meta throws": (
        package(meta={"a": 1}),
        package(meta={"a": THREW}),
        (Kind.META, WORST, "meta.a throws", 1, "it throws"),
    ),
    "position lost": (
        package(position="/tree/pkgs/notes.nix:1"),
        package(position=None),
        (Kind.POSITION, WORST, "meta.position is lost: nobody is asked for a review", "pkgs/notes.nix:1", None),
    ),
    "position in another file of the change": (
        package(position="/tree/pkgs/a.nix:1"),
        package(position="/tree/pkgs/notes.nix:2"),
        (Kind.POSITION, LEAST, "meta.position is in another file of the change", "pkgs/a.nix:1", "pkgs/notes.nix:2"),
    ),
    "position in a file that stays": (
        package(position="/tree/pkgs/notes.nix:1"),
        package(position="/tree/pkgs/a.nix:1"),
        (
            Kind.POSITION,
            WORST,
            "meta.position is in a file that the change does not touch: others are asked for reviews",
            "pkgs/notes.nix:1",
            "pkgs/a.nix:1",
        ),
    ),
    "attribute gone": (
        package(kinds={"src.url": "string", "src.hash": "string", "none": "null"}),
        package(kinds={}),
        (Kind.PASSTHRU, WORST, "the attribute src.url is gone", "string", None),
    ),
    "attribute of another kind": (
        package(kinds={"a": "string"}),
        package(kinds={"a": "list", "b": "set"}),
        (Kind.PASSTHRU, CHANGE, "the attribute a is a list instead of a string", "string", "list"),
    ),
    "what a function makes": (
        made(own()),
        made(own(OTHER, OUT)),
        (Kind.DERIVATION, CHANGE, "withPlugins is built differently", DRV, OTHER),
    ),
    "what a function makes twice": (
        made(own(), own()),
        made(own(), own(OTHER, OUT)),
        (Kind.DERIVATION, CHANGE, "withPlugins twice is built differently", DRV, OTHER),
    ),
    "passthru new": (
        package(passthru={}),
        held(1),
        (Kind.PASSTHRU, LEAST, "web is new", None, 1),
    ),
    "passthru gone": (held(1), package(passthru={}), (Kind.PASSTHRU, WORST, "web is gone", 1, None)),
    "passthru gone deep": (
        held({"a": {"b": 1, "c": 2}}),
        held({"a": {"c": 2}}),
        (Kind.PASSTHRU, WORST, "web.a.b is gone", 1, None),
    ),
    "passthru throws": (held(1), held(THREW), (Kind.PASSTHRU, WORST, "web throws", 1, "it throws")),
    "passthru evaluates": (held(THREW), held(1), (Kind.PASSTHRU, LEAST, "web evaluates now", "it throws", 1)),
    "passthru is built differently": (
        held({"drv": DRV, "out": "/nix/store/x"}),
        held({"drv": OTHER, "out": OUT}),
        (Kind.PASSTHRU, CHANGE, "web is built differently", DRV, OTHER),
    ),
    "passthru fetches differently": (
        held({"drv": DRV, "out": OUT}),
        held({"drv": OTHER, "out": OUT}),
        (
            Kind.FIXED_OUTPUT,
            CHANGE,
            "web has the same output, and a fixed output among its inputs a different derivation",
            DRV,
            OTHER,
        ),
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_difference_is_named_and_weighed(name: str) -> None:
    before, after, expected = FOUND[name]
    (found,) = compare(SUBJECT, before, after)
    assert (found.kind, found.weight, found.what, found.before, found.after) == expected
    assert (found.attribute, found.system) == ("notes", "x86_64-linux")


SAME, REBUILT = (own(), own()), (own(), own(OTHER, OUT))
PLAIN = "override with nothing changed"
OVERRIDDEN: dict[str, tuple[tuple[object, object], object, object, tuple[Weight, str, Any, Any]]] = {
    "throws": (SAME, {"plain": "/o"}, {"plain": THREW}, (WORST, f"{PLAIN} no longer evaluates", "/o", THREW)),
    "threw": (SAME, {"plain": THREW}, {"plain": "/o"}, (LEAST, f"{PLAIN} evaluates now", THREW, "/o")),
    "another": (SAME, {"plain": "/o"}, {"plain": "/p"}, (WORST, f"{PLAIN} gives something else", "/o", "/p")),
    "no effect": (REBUILT, {"plain": "/o"}, {"plain": OUT}, (WORST, f"{PLAIN} no longer has an effect", "/o", OUT)),
    "effect": (
        REBUILT,
        {"plain": "/nix/store/x"},
        {"plain": "/o"},
        (CHANGE, f"{PLAIN} has an effect now", "/nix/store/x", "/o"),
    ),
    "sees more": (SAME, {"old": {}}, {"old": {"b": "set"}}, (LEAST, "override (old: …) sees b too", None, ["b"])),
    "sees less": (
        SAME,
        {"old": {"b": "set", "c": "null"}},
        {"old": {}},
        (WORST, "override (old: …) no longer sees b", ["b"], None),
    ),
    "sees less of another": (
        REBUILT,
        {"old": {"b": "set"}},
        {"old": {}},
        (CHANGE, "override (old: …) no longer sees b", ["b"], None),
    ),
    "sees another": (
        SAME,
        {"old": {"b": "set"}},
        {"old": {"b": "list"}},
        (CHANGE, "override (old: …) sees b as a list instead of a set", "set", "list"),
    ),
    "loses": (SAME, {"lost": []}, {"lost": ["b"]}, (WORST, "what override gives has lost b", [], ["b"])),
    "keeps": (SAME, {"lost": ["b"]}, {"lost": []}, (LEAST, "override keeps b now", ["b"], [])),
    "script": (
        SAME,
        {"scripts": {"b": True}},
        {"scripts": {"b": False}},
        (WORST, "override with b no longer reaches the derivation", None, None),
    ),
    "argument": (
        SAME,
        {"reached": {"b": False}},
        {"reached": {"b": True}},
        (LEAST, "override with b now reaches the derivation", None, None),
    ),
}


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_what_an_override_gives_is_named_and_weighed(name: str) -> None:
    derivations, before, after, expected = OVERRIDDEN[name]
    answers = (
        package(each, override={"override": shown}) for each, shown in zip(derivations, (before, after), strict=True)
    )
    (found,) = (each for each in compare(SUBJECT, *answers) if each.kind is Kind.OVERRIDE)
    assert (found.weight, found.what, found.before, found.after) == expected


def test_override_functions_come_and_go() -> None:
    gone, new = compare(SUBJECT, package(override={"a": {}}), package(override={"b": {}}))
    assert (gone.weight, gone.what, gone.before, gone.after) == (WORST, "a is gone", "a", None)
    assert (new.weight, new.what, new.before, new.after) == (LEAST, "b is new", None, "b")


def test_names_of_a_set_come_and_go_and_an_alias_is_called_so() -> None:
    before, after = (Answer(kind=SET, parts={"names": names}) for names in (["a", "b", "old"], ["b", "c"]))
    found = compare(SUBJECT, before, after)
    assert [(each.attribute, each.kind, each.weight, each.what) for each in found] == [
        ("notes.a", Kind.REMOVED, WORST, "is no longer there"),
        ("notes.old", Kind.ALIAS, WORST, "is no longer there"),
        ("notes.c", Kind.ADDED, CHANGE, "is new"),
    ]
    alias = Compared(attribute="old", system="x86_64-linux", root="/tree", aliases={"old"})
    (gone,) = compare(alias, package(), Answer(kind=MISSING))
    assert (gone.kind, gone.weight, gone.what) == (Kind.ALIAS, WORST, "the alias is no longer there")


def test_output_that_is_lost_is_named_beside_the_rebuild() -> None:
    lost, rebuilt = compare(SUBJECT, package(), package(own(OTHER, OUT, outputs=["out"])))
    assert (lost.weight, lost.what, lost.before, lost.after) == (WORST, "has lost the output dev", ["dev"], None)
    assert rebuilt.what == "is built differently"


def test_what_follows_the_version_is_no_difference() -> None:
    def versioned(version: str) -> Answer:
        meta = {"name": f"notes-{version}", "changelog": f"https://notes/v{version}", "tag": version.replace(".", "_")}
        derivation = own(f"/nix/store/{version}.drv", f"/nix/store/{version}", version=version)
        return package(derivation, meta=meta, passthru={"url": f"https://notes/{version}.tar.gz"})

    (found,) = compare(SUBJECT, versioned("1.0"), versioned("1.1"))
    assert found.what == "1.0 → 1.1"


def test_a_link_that_stays_at_the_old_version_is_the_worst_and_a_text_that_is_emptied() -> None:
    derivations = own(version="1.0"), own(OTHER, OUT, version="1.1")
    for before, after in (("v1.0", "v1.0.0"), ("text", "")):
        name = "changelog" if before == "v1.0" else "description"
        found = compare(
            SUBJECT,
            *(package(own, meta={name: text}) for own, text in zip(derivations, (before, after), strict=True)),
        )
        assert [each.weight for each in found if each.kind is Kind.META] == [WORST]
    (other,) = compare(SUBJECT, package(meta={"description": "a"}), package(meta={"description": "b"}))
    assert (other.kind, other.weight, other.before, other.after) == (Kind.META, CHANGE, "a", "b")


def test_a_function_that_loses_an_argument_is_the_worst() -> None:
    less, same = (compare(SUBJECT, held({"λ": {"a": True}}), held({"λ": taken})) for taken in ({}, {"a": False}))
    assert [[each.weight for each in found] for found in (less, same)] == [[WORST], [CHANGE]]


def test_a_set_is_seen_whole_unless_it_has_a_function_or_a_set_that_was_not_asked_about() -> None:
    shown: tuple[tuple[dict[str, Any], bool, bool], ...] = (
        ({"λ": {}}, True, False),
        ({"a": 1}, True, True),
        ({"a": 1}, False, False),
    )
    for value, asked, whole in shown:
        answer = Answer(kind=SET, parts={"names": ["f"], "values": {"f": value}})
        assert _is_whole(("notes",), answer, {("notes", "f")} if asked else set()) is whole
