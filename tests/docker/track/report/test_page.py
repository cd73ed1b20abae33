"""The page as a browser shows it; Debian's chromium draws it, without a window and without a network."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import zlib
from dataclasses import dataclass, replace
from html import escape, unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from tests.docker.track.report.conftest import EVIL
from toolkit.docker.track.report import picture
from toolkit.docker.track.report.page import to_html

if TYPE_CHECKING:
    from pathlib import Path

    from toolkit.docker.track.report.document import Answer

DARK, LIGHT = 0, 1
DESKTOP, PHONE = 1200, 360

MEASURE = """
<script>
addEventListener("load", () => {
  const frame = document.querySelector("iframe").contentDocument;
  const shown = (name) => frame.querySelector(`svg.${name}`).getBoundingClientRect().width;
  const style = (e) => frame.defaultView.getComputedStyle(e);
  const small = [...frame.querySelectorAll("svg text")].filter((e) => e.getBoundingClientRect().width);
  document.body.dataset.found = JSON.stringify({
    width: frame.documentElement.clientWidth,
    content: frame.documentElement.scrollWidth,
    wide: shown("wide"),
    narrow: shown("narrow"),
    ground: style(frame.body).backgroundColor,
    text: style(frame.body).color,
    bad: style(frame.querySelector(".span.bad")).fill,
    letters: Math.min(...small.map((e) => e.getBoundingClientRect().height)),
    loaded: frame.defaultView.performance.getEntriesByType("resource").length,
    scripts: frame.scripts.length,
    images: frame.images.length,
    links: [...frame.links].map((e) => e.href),
  });
});
</script>
"""


@dataclass(frozen=True)
class Browser:
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

    def picture(self, page: bytes, *, width: int, scheme: int) -> Pixels:
        shot = self.directory / "shot.png"
        self.run(
            frame(page, width),
            f"--blink-settings=preferredColorScheme={scheme}",
            f"--window-size={max(width, 500)},1600",
            f"--screenshot={shot}",
        )
        return Pixels.of(shot.read_bytes())


def frame(page: bytes, width: int) -> str:
    style = f"border:0;width:{width}px;height:1600px"
    return f'<!doctype html><body style="margin:0"><iframe style="{style}" srcdoc="{escape(page.decode())}"></iframe>'


@dataclass(frozen=True)
class Pixels:
    """The rows of a PNG with eight bits a channel, as chromium writes them."""

    rows: tuple[bytes, ...]
    channels: int

    @classmethod
    def of(cls, content: bytes) -> Pixels:
        width, _, depth, kind = struct.unpack(">IIBB", content[16:26])
        channels = {2: 3, 6: 4}[kind]
        assert depth == 8
        data, at = b"", 8
        while at < len(content):
            (size,) = struct.unpack(">I", content[at : at + 4])
            if content[at + 4 : at + 8] == b"IDAT":
                data += content[at + 8 : at + 8 + size]
            at += size + 12
        raw = zlib.decompress(data)
        stride = width * channels
        rows: list[bytes] = []
        above = bytes(stride)
        for start in range(0, len(raw), stride + 1):
            above = unfiltered(raw[start], raw[start + 1 : start + 1 + stride], above, channels)
            rows.append(above)
        return cls(tuple(rows), channels)

    def colours(self) -> dict[bytes, int]:
        counts: dict[bytes, int] = {}
        for row in self.rows:
            for start in range(0, len(row), self.channels):
                colour = row[start : start + 3]
                counts[colour] = counts.get(colour, 0) + 1
        return counts


def unfiltered(kind: int, line: bytes, above: bytes, channels: int) -> bytes:
    """Undo the filter of a row (PNG specification, 9.2)."""
    out = bytearray(line)
    for index in range(len(line)):
        left = out[index - channels] if index >= channels else 0
        up, corner = above[index], above[index - channels] if index >= channels else 0
        if kind == 4:
            guess = left + up - corner
            distances = (abs(guess - left), abs(guess - up), abs(guess - corner))
            predicted = (left, up, corner)[distances.index(min(distances))]
        else:
            predicted = (0, left, up, (left + up) // 2)[kind]
        out[index] = (line[index] + predicted) & 255
    return bytes(out)


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(tmp_path)


@pytest.mark.parametrize("scheme", [DARK, LIGHT])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_page_fits_its_window_and_loads_nothing(browser: Browser, answer: Answer, width: int, scheme: int) -> None:
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
    grounds = {DARK: "rgb(20, 24, 30)", LIGHT: "rgb(255, 255, 255)"}
    assert found["ground"] == grounds[scheme]
    assert found["text"] != found["ground"]


@pytest.mark.parametrize(
    ("scheme", "colours"), [(LIGHT, ("ffffff", "b3372c", "1f7a45")), (DARK, ("14181e", "e8776b", "4db97c"))]
)
def test_timeline_is_drawn_in_the_colours_of_the_scheme(
    browser: Browser, answer: Answer, scheme: int, colours: tuple[str, ...]
) -> None:
    drawn = browser.picture(to_html(answer), width=PHONE, scheme=scheme).colours()
    ground, bad, good = (drawn.get(bytes.fromhex(colour), 0) for colour in colours)
    assert ground > 100_000
    assert bad > 5_000
    assert good > 100


def test_what_comes_from_upstream_is_text(answer: Answer) -> None:
    page = to_html(answer).decode()
    assert escape(EVIL) in page
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


def test_page_is_well_formed_and_refers_to_nothing_outside(answer: Answer) -> None:
    text = to_html(answer).decode()
    tags = Tags()
    tags.feed(text)
    assert (tags.open, tags.outside) == ([], [])
    assert "@import" not in text
    assert re.findall(r"url\((?!#)", text) == []


def test_page_without_a_history_has_no_picture(answer: Answer) -> None:
    assert b"<svg" not in to_html(replace(answer, history=None))


def test_short_and_backward_history_is_drawn(answer: Answer) -> None:
    assert answer.history is not None
    versions = answer.history.versions
    for some in (versions[:1], versions[::-1], ()):
        history = replace(answer.history, versions=some)
        svg = picture.timeline(history, until="1970-01-01T00:00:00Z", width=360, name="narrow")
        assert "nan" not in svg
        assert re.findall(r'width="-', svg) == []
        assert svg.count("<svg") == bool(some)
