"""The page as a browser shows it.

Debian's chromium draws it, without a window and without a network.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path

import markupsafe
import pytest
from msgspec import Struct
from msgspec.structs import replace

from toolkit.track import table
from toolkit.track.answer import TrackAnswer
from toolkit.track.page import to_html, to_markdown

DARK, LIGHT = 0, 1
DESKTOP, PHONE = 1200, 360

MEASURE = """
<script>
addEventListener("load", () => {
  const frame = document.querySelector("iframe").contentDocument;
  const style = (e) => frame.defaultView.getComputedStyle(e);
  const dot = (kind) => frame.defaultView.getComputedStyle(frame.querySelector(`.mark.${kind}`), "::before");
  document.body.dataset.found = JSON.stringify({
    width: frame.documentElement.clientWidth,
    content: frame.documentElement.scrollWidth,
    ground: style(frame.body).backgroundColor,
    text: style(frame.body).color,
    bad: dot("bad").backgroundColor,
    good: dot("good").backgroundColor,
    loaded: frame.defaultView.performance.getEntriesByType("resource").length,
    scripts: frame.scripts.length,
    images: frame.images.length,
    links: [...frame.links].map((e) => e.href),
  });
});
</script>
"""


class Browser(Struct, frozen=True):
    directory: Path

    def run(self, page: str, *options: str) -> bytes:
        file = self.directory / "page.html"
        file.write_text(page)
        program = shutil.which("chromium")
        assert program is not None, "chromium is not installed"
        argv = [
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={self.directory / 'profile'}",
            *options,
            file.as_uri(),
        ]
        done = subprocess.run(argv, capture_output=True, check=True, timeout=90)
        return done.stdout

    def measure(self, page: bytes, *, width: int, scheme: int) -> dict[str, object]:
        """Show the page in a frame of this width, and return what a script around it finds."""
        dom = self.run(
            frame(page, width) + MEASURE,
            f"--blink-settings=preferredColorScheme={scheme}",
            "--dump-dom",
        )
        found = re.search(rb'data-found="([^"]*)"', dom)
        assert found is not None, dom.decode()[:2000]
        value: dict[str, object] = json.loads(unescape(found[1].decode()))
        return value


def frame(page: bytes, width: int) -> str:
    style = f"border:0;width:{width}px;height:2600px"
    return f'<!doctype html><body style="margin:0"><iframe style="{style}" srcdoc="{escape(page.decode())}"></iframe>'


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(tmp_path)


@pytest.mark.parametrize(("width", "scheme"), [(DESKTOP, LIGHT), (PHONE, DARK)])
def test_page_fits_its_window_and_loads_nothing(
    browser: Browser, answer: TrackAnswer, width: int, scheme: int
) -> None:
    found = browser.measure(to_html(answer), width=width, scheme=scheme)
    assert found["width"] == width
    assert found["content"] == width
    assert (found["loaded"], found["scripts"], found["images"]) == (0, 0, 0)
    assert found["links"] == []
    colours = {
        DARK: ("rgb(20, 24, 30)", "rgb(232, 119, 107)", "rgb(77, 185, 124)"),
        LIGHT: ("rgb(255, 255, 255)", "rgb(179, 55, 44)", "rgb(31, 122, 69)"),
    }
    assert (found["ground"], found["bad"], found["good"]) == colours[scheme]
    assert found["text"] != found["ground"]


def test_upstream_text_is_escaped_in_html(answer: TrackAnswer) -> None:
    page = to_html(answer).decode()
    assert markupsafe.escape(f"warning: {answer.warnings[-1]}") in page
    assert "<script" not in page
    assert "<img" not in page


def test_next_steps_stand_under_the_verdict_and_words_are_explained(
    answer: TrackAnswer,
) -> None:
    page = to_html(answer).decode()
    verdict = page[page.index('<div class="verdict') : page.index("</div>")]
    assert "<code>unlet track --nixpkgs &#39;a `b`&#39;</code>" in verdict
    for word in ("not fixed", "prefix", "unknown"):
        assert re.search(rf">{word}(</span>)?\s*</dt>", page)


@pytest.mark.parametrize("form", [to_html, to_markdown])
def test_invisible_characters_become_a_mark(
    answer: TrackAnswer, form: Callable[[TrackAnswer], bytes]
) -> None:
    acting = "\x1b[31m\x07\u202e\u2066\u200b\ufeff\U000e0041\x9b"
    ref = replace(answer.refs[2], name=f"x{acting}", reason=f"e{acting}f")
    text = form(
        replace(answer, refs=(ref,), warnings=(acting,), source=acting)
    ).decode()
    assert not set(acting) - set("[31m") & set(text)
    assert "u202e" in text


def test_markdown_has_each_part_and_tables_that_are_whole(answer: TrackAnswer) -> None:
    lines = to_markdown(answer).decode().splitlines()
    for head in (
        "# docker in nixpkgs",
        "## Since last time",
        "## Branches and channels",
    ):
        assert head in lines
    rows = [line.replace("\\|", "") for line in lines if line.startswith("| ")]
    assert {line.count("|") for line in rows} == {8}


def test_upstream_text_mentions_nobody_and_is_no_markup(
    answer: TrackAnswer,
) -> None:
    text = to_markdown(answer).decode()
    assert "`@someone` `#1`" in text
    assert "\\<img" in text
    assert "[a](b)" not in text
    assert "``unlet track --nixpkgs 'a `b`'``" in text


def test_unknown_state_is_shown_as_unknown_and_never_as_not_fixed(
    answer: TrackAnswer,
) -> None:
    row = next(row for row in table.refs(answer) if row[0] == "nixos-26.05")
    assert row[1] == "unknown"
    assert set(row[2:]) == {"?"}
    assert (
        "unknown",
        "does not affect the verdict; the notes explain why",
    ) in table.glossary(answer)
    assert "nixos-26.05: unknown: unlet cannot parse it: 3:1: syntax error" in list(
        table.notes(answer)
    )
