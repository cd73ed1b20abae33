"""The page as a browser shows it; Debian's chromium draws it, without a window and without a network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from html import escape, unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import markupsafe
import pytest
from msgspec import Struct
from msgspec.structs import replace

from tests.track.answers import EVIL
from toolkit.track import page as pages
from toolkit.track.page import to_html, to_markdown
from toolkit.track.readings import Overridable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolkit.track.model import TrackAnswer

DARK, LIGHT = 0, 1
DESKTOP, PHONE = 1200, 360

MEASURE = """
<script>
addEventListener("load", () => {
  const frame = document.querySelector("iframe").contentDocument;
  const shown = (name) => frame.querySelector(`svg.${name}`).getBoundingClientRect().width;
  const style = (e) => frame.defaultView.getComputedStyle(e);
  const small = [...frame.querySelectorAll("svg text")].filter((e) => e.getBoundingClientRect().width);
  const bars = [...frame.querySelectorAll("svg .span")].filter((e) => e.getBoundingClientRect().width > 4);
  const middle = (e) => e.getBoundingClientRect().y + e.getBoundingClientRect().height / 2;
  document.body.dataset.found = JSON.stringify({
    width: frame.documentElement.clientWidth,
    content: frame.documentElement.scrollWidth,
    wide: shown("wide"),
    narrow: shown("narrow"),
    ground: style(frame.body).backgroundColor,
    text: style(frame.body).color,
    bad: style(frame.querySelector(".span.bad")).fill,
    good: style(frame.querySelector(".span.good")).fill,
    bars: bars.length,
    covered: bars.filter((e) => frame.elementFromPoint(e.getBoundingClientRect().x + 1, middle(e)) !== e).length,
    letters: Math.min(...small.map((e) => e.getBoundingClientRect().height)),
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
        dom = self.run(frame(page, width) + MEASURE, f"--blink-settings=preferredColorScheme={scheme}", "--dump-dom")
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


@pytest.mark.parametrize("scheme", [DARK, LIGHT])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_page_fits_its_window_and_loads_nothing(browser: Browser, answer: TrackAnswer, width: int, scheme: int) -> None:
    found = browser.measure(to_html(answer), width=width, scheme=scheme)
    assert found["width"] == width
    assert found["content"] == width
    assert (found["loaded"], found["scripts"], found["images"]) == (0, 0, 0)
    assert found["links"] == ["https://localhost.invalid/NixOS/nixpkgs/pull/549926"]
    shown, hidden = ("wide", "narrow") if width == DESKTOP else ("narrow", "wide")
    assert found[hidden] == 0
    drawn, letters = (float(str(found[name])) for name in (shown, "letters"))
    assert width * 0.7 < drawn <= width
    assert letters > 9
    colours = {
        DARK: ("rgb(20, 24, 30)", "rgb(232, 119, 107)", "rgb(77, 185, 124)"),
        LIGHT: ("rgb(255, 255, 255)", "rgb(179, 55, 44)", "rgb(31, 122, 69)"),
    }
    assert (found["ground"], found["bad"], found["good"]) == colours[scheme]
    assert found["text"] != found["ground"]
    assert (found["covered"], int(str(found["bars"])) > 5) == (0, True)


def test_what_comes_from_upstream_is_text(answer: TrackAnswer) -> None:
    page = to_html(answer).decode()
    assert markupsafe.escape(EVIL) in page
    assert "<script" not in page
    assert "<img" not in page
    assert "javascript:" not in page


class Tags(HTMLParser):
    """Collects what is open, and what refers to something outside."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.outside += [value for name, value in attrs if name in {"src", "srcset", "data", "xlink:href"} and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_well_formed_and_refers_to_nothing_outside(answer: TrackAnswer) -> None:
    text = to_html(answer).decode()
    tags = Tags()
    tags.feed(text)
    assert (tags.open, tags.outside) == ([], [])
    assert "@import" not in text
    assert re.findall(r"url\((?!#)", text) == []


@pytest.mark.parametrize("year", [1, 1969, 9999])
def test_date_at_the_end_of_the_calendar_is_drawn(answer: TrackAnswer, year: int) -> None:
    assert answer.history is not None
    first, *others = answer.history.versions
    dated = replace(first, commit=replace(first.commit, date=datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)))
    history = replace(answer.history, versions=(dated, *others))
    assert b"<svg" in to_html(replace(answer, history=history))


def test_page_without_a_history_has_no_picture(answer: TrackAnswer) -> None:
    assert b"<svg" not in to_html(replace(answer, history=None))


def test_short_and_backward_history_is_drawn(answer: TrackAnswer) -> None:
    assert answer.history is not None
    versions = answer.history.versions
    for some in (versions[:1], versions[::-1], ()):
        history = replace(answer.history, versions=some)
        page = to_html(replace(answer, history=history, checked=datetime.fromtimestamp(0, tz=UTC))).decode()
        assert "nan" not in page
        assert re.findall(r'width="-', page) == []
        assert page.count("<svg") == 2 * bool(some)


def test_every_part_of_the_timeline_has_a_label_that_covers_no_other(answer: TrackAnswer) -> None:
    assert answer.history is not None
    for width in (360, 1040):
        drawn = pages.timeline(answer.history, until=answer.checked, width=width, name="x", package="docker")
        assert drawn is not None
        for lane in drawn.lanes:
            labels = [bar.label for bar in lane.bars if not bar.inside]
            assert len({bar.label.text for bar in lane.bars}) > 1
            taken: list[tuple[float, float, float]] = []
            for label in labels:
                length = len(label.text) * 6.0
                begin = label.x - length if label.anchor == "end" else label.x
                assert begin >= 0
                assert begin + length <= width
                assert all(y != label.y or end <= begin or begin + length <= start for y, start, end in taken)
                taken.append((label.y, begin, begin + length))


@pytest.mark.parametrize("width", [360, 1040])
def test_no_line_to_a_label_crosses_another_label(answer: TrackAnswer, width: int) -> None:
    assert answer.history is not None
    days = (0, 900, 1700, 1702, 1800, 1990, 1992, 1994)
    values = (Overridable.NO, Overridable.PARTLY, Overridable.YES, Overridable.NO)
    (first, *_) = answer.history.versions
    versions = tuple(
        replace(
            first,
            commit=replace(first.commit, date=datetime.fromtimestamp(day * 86400, tz=UTC)),
            reading=replace(first.reading, overridable=values[index % 4]),
        )
        for index, day in enumerate(days)
    )
    until = datetime.fromtimestamp(2000 * 86400, tz=UTC)
    drawn = pages.timeline(
        replace(answer.history, versions=versions), until=until, width=width, name="x", package="docker"
    )
    assert drawn is not None
    below = [bar for bar in drawn.lanes[0].bars if not bar.inside]
    assert len(below) > 3
    for bar in below:
        line = bar.x + bar.width / 2
        for other in below:
            length = len(other.label.text) * 6.0
            begin = other.label.x - length if other.label.anchor == "end" else other.label.x
            assert bar is other or not (begin < line < begin + length and other.label.y <= bar.label.y)


def test_todo_is_not_in_the_colour_of_a_defect(answer: TrackAnswer) -> None:
    assert answer.history is not None
    drawn = pages.timeline(answer.history, until=answer.checked, width=1040, name="x", package="docker")
    assert drawn is not None
    assert {bar.kind for bar in drawn.lanes[2].bars} == {pages.NOTE, pages.NONE, pages.UNTOLD}


def test_changes_of_the_layout_are_folded(answer: TrackAnswer) -> None:
    page = to_html(answer).decode()
    folded = page[page.index("<details>") : page.index("</details>")]
    assert "The layout of the file changed 1 time" in folded
    assert "docker: 24.0.5" in folded
    assert page.count("docker: 24.0.5") == 1


def test_what_to_do_stands_under_the_verdict_and_words_are_explained(answer: TrackAnswer) -> None:
    page = to_html(answer).decode()
    verdict = page[page.index('<div class="verdict') : page.index("</div>")]
    assert "<code>unlet track --nixpkgs &#39;a `b`&#39;</code>" in verdict
    for word in ("not fixed", "prefix", "conflicts"):
        assert f">{word}</dt>" in page


@pytest.mark.parametrize("form", [to_html, to_markdown])
def test_what_acts_without_being_seen_becomes_a_mark(answer: TrackAnswer, form: Callable[[TrackAnswer], bytes]) -> None:
    acting = "\x1b[31m\x07\u202e\u2066\u200b\ufeff\U000e0041\x9b"
    pull = replace(answer.pulls[0], title=f"a{acting}b", effect=f"c{acting}d", reason=acting)
    ref = replace(answer.refs[2], name=f"x{acting}", reason=f"e{acting}f")
    text = form(replace(answer, refs=(ref,), pulls=(pull,), warnings=(acting,), source=acting)).decode()
    assert not set(acting) - set("[31m") & set(text)
    assert "u202e" in text
