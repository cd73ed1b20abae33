"""Names as a line has room for them."""

from toolkit.text import counted, few


def test_some_names_are_shown_and_the_others_counted_with_a_noun_that_agrees() -> None:
    assert few(["a", "b", "c"]) == "a, b, c"
    assert few(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert few(["a", "b", "c"], 2) == "a, b and 1 more"
    assert [counted(count, "more file") for count in (0, 1, 1200)] == [
        "0 more files",
        "1 more file",
        "1,200 more files",
    ]
