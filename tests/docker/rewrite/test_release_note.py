import pytest

from tests import specimens
from toolkit.docker.rewrite.nixos import add_note, section
from toolkit.errors import LayoutError

NAME = "rl-2611.section.md"
ITEM = "`docker` has changed."
HEADING = "## Other Notable Changes {#sec-release-26.11-notable-changes}"


def notes(release: str = "26.11", layout: str = "29.6") -> str:
    name = f"rl-{release.replace('.', '')}.section.md"
    return (
        specimens.path(layout) / "nixos/doc/manual/release-notes" / name
    ).read_text()


def added(text: str) -> str:
    return add_note(text, ITEM, name=NAME)


def test_item_stands_in_the_middle_of_the_notable_changes() -> None:
    before, after = notes(), added(notes())
    assert after.replace(f"- {ITEM}\n\n", "") == before
    assert (
        after.index("`container-suite`")
        < after.index(ITEM)
        < after.index("`log-viewer`")
    )


def test_section_is_found_among_comments_blocks_and_nested_lists() -> None:
    start, _, items = section(notes(), name=NAME)
    lines = notes().splitlines()
    assert lines[start - 1] == HEADING
    assert [lines[item][:10] for item in items] == [
        "- `contain",
        "- `log-vie",
        "- `legacy-",
    ]
    assert section(added(notes()), name=NAME)[2][1] == items[1]


def test_upstreams_placeholder_gives_way() -> None:
    before = notes("23.11", "24.0")
    placeholder = "- Create the first release note entry in this section!"
    assert before.count(placeholder) == 1
    assert added(before) == before.replace(placeholder, f"- {ITEM}")


@pytest.mark.parametrize(
    ("below", "wanted"),
    [
        ("\n", f"\n- {ITEM}\n"),
        ("\n<!-- Somewhere. -->\n", f"\n<!-- Somewhere. -->\n\n- {ITEM}\n"),
        ("\n- one\n", f"\n- {ITEM}\n\n- one\n"),
        ("\n* one\n* two\n* three\n", f"\n* one\n* {ITEM}\n* two\n* three\n"),
        (
            "\n- one\n\n- two\n\n## Next {#next}\n- x\n",
            f"\n- one\n\n- {ITEM}\n\n- two\n\n## Next {{#next}}\n- x\n",
        ),
        (
            "\n- one\n\n```\n- no\n- item\n```\n\n- two\n",
            f"\n- one\n\n```\n- no\n- item\n```\n\n- {ITEM}\n\n- two\n",
        ),
    ],
)
def test_item_takes_the_form_of_the_list(below: str, wanted: str) -> None:
    assert added(
        f"# Release\n\n{HEADING}\n{below}"
    ) == f"# Release\n\n{HEADING}\n{wanted}".replace(
        f"{HEADING}\n\n- {ITEM}\n",
        f"{HEADING}\n\n- {ITEM}\n" + ("\n" if below == "\n" else ""),
    )


def test_notes_without_the_section_are_refused() -> None:
    for text in (
        "",
        "# Release\n",
        f"```\n{HEADING}\n```\n",
        f"<!--\n{HEADING}\n-->\n",
    ):
        with pytest.raises(LayoutError) as caught:
            added(text)
        assert caught.value.message == f"{NAME}: contains no section of notable changes"


def test_item_that_is_there_is_refused_with_its_line() -> None:
    with pytest.raises(LayoutError) as caught:
        added(added(notes()))
    assert caught.value.message == f"{NAME}:32: the list already contains this item"
