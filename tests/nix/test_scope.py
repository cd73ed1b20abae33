import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import cases
from toolkit.nix.scope import GLOBALS, bound_names, formals, look_up, references
from toolkit.nix.tree import Tree


def binders(text: str, name: str) -> list[str | None]:
    """For each use of `name`: the kind of node that binds it, or None."""
    found = references(Tree(text, name="test.nix").root)
    return [
        r.scope.node.kind if r.scope is not None else None
        for r in found
        if r.name == name
    ]


@pytest.mark.parametrize(
    ("text", "name", "kind"), cases.read(__file__, dict[str, list[list[str]]])["bound"]
)
def test_name_is_bound_where_nix_binds_it(text: str, name: str, kind: str) -> None:
    assert binders(text, name) == [f"{kind}_expression" if kind else None]


def test_unbound_name_knows_the_withs_around_it() -> None:
    found = [
        r
        for r in references(Tree("p: with p; with p.q; a", name="t").root)
        if r.name == "a"
    ]
    assert [scope.node.start for scope in found[0].withs] == [11, 3]


def test_with_expression_itself_is_outside_of_its_scope() -> None:
    found = [r for r in references(Tree("with a; 1", name="t").root) if r.name == "a"]
    assert found[0].withs == ()


def test_quoted_names_are_static() -> None:
    assert set(
        bound_names(Tree('{ "a" = 1; ${"b"} = 2; c.d = 3; ${x} = 4; }', name="t").root)
    ) == {
        "a",
        "b",
        "c",
    }


def test_formals_have_the_names_in_order() -> None:
    assert list(formals(Tree("{ b, a ? 1, ... }: b", name="t").root)) == ["b", "a"]


NAMES = st.sampled_from(["a", "b", "c"])
EXPRESSIONS = st.recursive(
    st.one_of(NAMES, st.just("1")),
    lambda inner: st.one_of(
        st.builds("({}: {})".format, NAMES, inner),
        st.builds("({{ {} ? {} }}: {})".format, NAMES, inner, inner),
        st.builds("(let {} = {}; in {})".format, NAMES, inner, inner),
        st.builds("(rec {{ {} = {}; }})".format, NAMES, inner),
        st.builds("(let inherit ({}) {}; in {})".format, inner, NAMES, inner),
        st.builds("(with {}; {})".format, inner, inner),
        st.builds("{{ inherit {}; x = {}; }}".format, NAMES, inner),
        st.builds("[ {} {} ]".format, inner, inner),
        st.builds('"${{{}}}"'.format, inner),
        st.builds("({}).a or {}".format, inner, NAMES),
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EXPRESSIONS)
def test_unbound_names_are_those_that_nix_rejects(text: str) -> None:
    """Nix checks static names when it parses: it is the oracle."""
    unbound = [
        r
        for r in references(Tree(text, name="t").root)
        if r.scope is None and not r.withs and r.name not in GLOBALS
    ]
    said = subprocess.run(
        ["nix-instantiate", "--store", "dummy://", "--parse", "-E", text],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode == 0) == (not unbound), (text, said.stderr)


def test_globals_are_known_to_nix() -> None:
    names = sorted(GLOBALS - {"fetchTree"})  # an experimental feature
    text = f"[ {' '.join(names)} ]"
    said = subprocess.run(
        ["nix-instantiate", "--store", "dummy://", "--parse", "-E", text],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr


def test_name_is_looked_up_from_any_place() -> None:
    root = Tree(
        'x: with x; let a = 1; in { b = [ a ]; c = with a; "s"; }', name="t"
    ).root
    (listed,) = (
        r
        for r in references(root)
        if r.name == "a" and r.node.parent and r.node.parent.kind == "list_expression"
    )
    string = next(node for node in root.walk() if node.kind == "string_expression")
    assert look_up("a", string).means(listed)
    free, there = look_up("b", listed.node), look_up("b", string)
    assert [scope.node.text[:6] for scope in free.withs] == ["with x"]
    assert [scope.node.text[:6] for scope in there.withs] == ["with a", "with x"]
    assert not free.means(there)
    assert not listed.means(free)


def test_lookup_knows_every_kind_of_scope() -> None:
    root = Tree(
        'f: rec { a = 1; b = { c }: let d = 1; in with (e: "s"); "t"; }', name="t"
    ).root
    first, second = (node for node in root.walk() if node.kind == "string_expression")
    bound = {name: look_up(name, second).scope for name in ("f", "a", "c", "d")}
    assert {
        name: scope.node.kind for name, scope in bound.items() if scope is not None
    } == {
        "f": "function_expression",
        "a": "rec_attrset_expression",
        "c": "function_expression",
        "d": "let_expression",
    }
    assert look_up("e", first).scope is not None
    assert look_up("g", first).withs == ()
    assert look_up("e", second).scope is None
