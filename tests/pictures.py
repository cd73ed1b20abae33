"""The pictures of the documents: runs on the specimen, as a terminal shows them.

`python -m tests.pictures docs` runs the commands and writes an SVG file for each.
"""

import os
import re
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path
from shlex import split

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURES = {
    "reach": "unlet reach overlay.nix --nixpkgs specimen",
    "check": "unlet check --patch theirs.diff --nixpkgs specimen",
    "propose": "unlet propose --nixpkgs specimen",
}
"""The command of each picture; the pages in docs/ have the files that they name."""
PAGES = {"reach": "reach.md", "check": "review.md"}
EXAMPLES = {"overlay.nix": PAGES["reach"], "theirs.diff": PAGES["check"]}
COLOURS = {"FORCE_COLOR": "1", "TERM": "xterm"}
_WIDEST = 100
_LIGHT = TerminalTheme(
    (255, 255, 255),
    (36, 41, 47),
    [(36, 41, 47), (207, 34, 46), (17, 99, 41), (125, 78, 0), *[(9, 105, 218)] * 4],
)
_DARK = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [(201, 209, 217), (255, 123, 114), (86, 211, 100), (227, 179, 65)]
    + [(121, 192, 255)] * 4,
)
_FORM = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {terminal_width} {terminal_height}">
<title>COMMAND</title>
<style>
text {{ font: {char_height}px ui-monospace, "DejaVu Sans Mono", monospace; }}
svg {{ background: BACKGROUND; }}
{styles}
</style>
<defs>
{lines}
</defs>
<g transform="translate(8, 8)">
{matrix}
</g>
</svg>
"""


def picture(command: str, output: str) -> str:
    """Return a command and its coloured output as SVG for light and dark pages."""
    text = Text.assemble((f"$ {command}\n", "bold"), Text.from_ansi(output))
    width = min(_WIDEST, max(map(len, text.plain.splitlines())))
    light, dark = (_svg(text, command, width, theme) for theme in (_LIGHT, _DARK))
    (rules,) = re.findall(r"^svg \{.*?(?=^</style>)", dark, re.MULTILINE | re.DOTALL)
    media = f"@media (prefers-color-scheme: dark) {{\n{rules}}}\n</style>"
    shown = light.replace("</style>", media)
    # rich writes its line feeds as tags, too; a tag a line is a readable diff.
    shown = re.sub(r"<text [^>]*>\n</text>", "", shown)
    shown = re.sub(r" +$", "", shown, flags=re.MULTILINE)
    return shown.replace("</text><text", "</text>\n<text")


def _svg(text: Text, command: str, width: int, theme: TerminalTheme) -> str:
    console = Console(
        record=True,
        file=StringIO(),
        width=width,
        force_terminal=True,
        highlight=False,
        # A dumb terminal would have 80 columns.
        _environ={"TERM": "xterm"},
    )
    console.print(text)
    background = theme.background_color.hex
    form = _FORM.replace("COMMAND", command).replace("BACKGROUND", background)
    return console.export_svg(theme=theme, code_format=form, unique_id="run")


def example(name: str) -> str:
    """Return the file that a page shows before the run."""
    page = (ROOT / "docs" / EXAMPLES[name]).read_text()
    language = {".nix": "nix", ".diff": "diff"}[Path(name).suffix]
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return str(blocks[0])


def main(directory: Path) -> None:
    """Run the commands, and write their pictures."""
    for name, command in PICTURES.items():
        with tempfile.TemporaryDirectory() as place:
            for file in EXAMPLES:
                (Path(place) / file).write_text(example(file))
            done = subprocess.run(
                [sys.executable, "-m", "toolkit", *split(command)[1:]],
                cwd=place,
                env={**os.environ, "PYTHONPATH": str(ROOT), **COLOURS},
                stdout=subprocess.PIPE,
                encoding="utf-8",
                check=False,
            )
        path = directory / f"{name}.svg"
        path.write_text(picture(command, done.stdout), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
