"""Phrases that CONTRIBUTING rules out are in no document, help, message, docstring or proposed text."""

import ast
import re
from pathlib import Path

import pytest

from tests import cases

ROOT = Path(__file__).parents[1]
PHRASES = cases.read(__file__, dict[str, list[str]])["phrases"]
# A phrase may go on in the next line, also of a comment.
WORST = re.compile(
    r"\b(" + "|".join(PHRASES).replace(" ", r"[\s#]+") + r")\b", re.IGNORECASE
)
FRONTED = re.compile(
    r"\b(Of|What) "
    r"[\w`']|\bthat(\s\w+){1,5}\sthat(\s\w+){1,5}\sthat\b|\bwhich(\s\w+){1,6}\swhich\b"
)
"""A sentence that begins with its object or with a noun clause, and chains of clauses."""
PAGES = sorted(
    {
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("patches/*.toml"),
    }
)
TEXTS = sorted(
    {
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("patches/*.toml"),
        *ROOT.glob("patches/**/*.jinja"),
        *ROOT.glob("toolkit/cli/*.py"),
    }
)
SOURCES = sorted(ROOT.glob("toolkit/**/*.py"))


def pairs() -> list[str]:
    """Return the texts of the page that stand before an arrow."""
    return re.findall(
        r"^\| (.*) → .* \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
    )


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_text_has_none_of_the_phrases(path: Path) -> None:
    text = re.sub(
        r"^\| .* → .* \|$|^\| name \| .*(\n\|.*)+",
        "",
        path.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert [" ".join(found[0].split()) for found in WORST.finditer(text)] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_message_and_docstring_have_none_of_the_phrases(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert [
        text
        for text in texts
        if isinstance(text, str) and (WORST.search(text) or FRONTED.search(text))
    ] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_page_has_no_fronted_clause_and_no_long_cell(path: Path) -> None:
    text = re.sub(
        r"^```.*?^```$",
        "",
        path.read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )
    text = re.sub(
        r"^\| .* → .* \|$|^##* .*|\"(Of|What) …\"", "", text, flags=re.MULTILINE
    )
    assert [found[0] for found in FRONTED.finditer(text)] == []
    plain = re.sub(r"`[^`]*`", "code", re.sub(r"\]\([^)]*\)", "]", text))
    cells = [
        cell
        for row in re.findall(r"^\|(.*)\|$", plain, re.MULTILINE)
        for cell in row.split("|")
    ]
    assert (
        path.name == "CONTRIBUTING.md"
        or [cell for cell in cells if len(cell.split()) > 12] == []
    )


def test_every_bad_example_is_found() -> None:
    before = pairs()[1:]
    assert len(before) == 10
    assert [text for text in before if not WORST.search(text)] == []
