from toolkit.track import table
from toolkit.track.answer import TrackAnswer
from toolkit.track.page import to_markdown


def test_markdown_has_each_part_and_tables_that_are_whole(answer: TrackAnswer) -> None:
    lines = to_markdown(answer).decode().splitlines()
    for head in ("# docker in nixpkgs", "## Since last time", "## Branches and channels"):
        assert head in lines
    rows = [line.replace("\\|", "") for line in lines if line.startswith("| ")]
    assert {line.count("|") for line in rows} == {8}


def test_what_comes_from_upstream_mentions_nobody_and_is_no_markup(answer: TrackAnswer) -> None:
    text = to_markdown(answer).decode()
    assert "@someone" not in text
    assert "\\<img" in text
    assert "[a](b)" not in text
    assert "``unlet track --nixpkgs 'a `b`'``" in text


def test_unknown_state_is_shown_as_unknown_and_never_as_not_fixed(answer: TrackAnswer) -> None:
    row = next(row for row in table.refs(answer) if row[0] == "nixos-26.05")
    assert row[1] == "unknown"
    assert set(row[2:]) == {"?"}
    assert (
        "unknown",
        "counts neither for nor against the overlay; the notes explain why",
    ) in table.glossary(answer)
    assert "nixos-26.05: unknown: cannot be parsed: 3:1: syntax error" in list(table.notes(answer))
