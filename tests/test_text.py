"""Names as a line has room for them."""

from toolkit.text import few


def test_some_names_are_shown_and_the_others_counted() -> None:
    assert few(["a", "b", "c"]) == "a, b, c"
    assert few(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert few(["a", "b", "c"], 2) == "a, b and 1 more"
