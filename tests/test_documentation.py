from __future__ import annotations

import os
import pwd
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from toolkit import specimen
from toolkit.cli import entry, track
from toolkit.cli.commands import COMMANDS, EXIT_CODES, commands
from toolkit.docker.choices import Extra
from toolkit.errors import ToolkitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", ROOT / "docs/nixos.md"]
SYSTEM = "x86_64-linux"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: the word behind its fence, and its text."""

    language: str
    text: str


def blocks(document: Path) -> list[Block]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)
    return [Block(language=language, text=text) for language, text in found]


def prose(document: Path) -> str:
    """Return a document without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    """Return what stands in README below a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", README.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None, f"README has no section '{title}'"
    return found[1]


def command_lines(document: Path) -> Iterator[str]:
    """Yield the calls of unlet in the blocks for a shell, and those that stand in the text between backticks."""
    for block in blocks(document):
        lines = block.text.splitlines()
        if block.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        elif block.language != "sh":
            continue
        for line in lines:
            for part in re.split(r"\||&&|;", line.partition(" #")[0]):
                if re.match(r"\s*(\./)?unlet\b", part):
                    yield part.strip()
    for found in re.findall(r"`((?:\./)?unlet [^`]*)`", prose(document)):
        # In the table of commands `[NAME…]` and `FILE…` say what there may be.
        yield re.sub(r"[\[\]…]", "", found).replace("SHELL", "bash")


def groups(command: click.Command) -> Iterator[click.Command]:
    """Yield a command and all below it."""
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from groups(below)


def named(name: str) -> click.Command:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    return command


def run(arguments: Sequence[str], directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "toolkit", *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_readme_names_every_command(name: str) -> None:
    assert f"| `unlet {name}" in section("Commands")


@pytest.mark.parametrize("name", COMMANDS)
def test_readme_names_every_option(name: str) -> None:
    told = section("Commands")
    options = {
        option
        for command in groups(named(name))
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    assert options
    assert sorted(option for option in options if f"`{option}" not in told and f" {option} " not in told) == []


@pytest.mark.parametrize("name", ["propose", "check", "overlay"])
def test_readme_names_every_choice(name: str) -> None:
    told = section("Commands").replace("\\|", "|")
    choices = ["|".join(p.type.choices) for p in named(name).params if isinstance(p.type, click.Choice)]
    assert choices
    assert [choice for choice in choices if choice not in told] == []


def test_readme_names_every_exit_code() -> None:
    codes = {0, 1, UsageError.exit_code, ToolkitError.exit_code, entry.UNEXPECTED, entry.INTERRUPTED}
    assert codes == set(map(int, re.findall(r"\b\d+\b", EXIT_CODES)))
    codes |= set(map(int, re.findall(r"\b\d+\b", track.EXIT_CODES)))
    assert codes == set(map(int, re.findall(r"^\| (\d+) \|", section("Exit codes"), re.MULTILINE)))


@pytest.fixture(scope="module")
def proposed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Propose for the specimen; return the directory and what was printed."""
    directory = tmp_path_factory.mktemp("proposed")
    done = run(["propose", "--nixpkgs", "specimen", "--compare"], directory)
    assert (done.returncode, done.stderr) == (0, "")
    return directory, done.stdout


def test_readme_names_every_proof(proposed: tuple[Path, str]) -> None:
    depth = ["--tier", "vm", "--reverse-dependencies", "--system", SYSTEM]
    done = run(["check", "--proof", "none", *depth], proposed[0])
    hint = re.search(r"^hint: known proofs are (.*)$", done.stderr, re.MULTILINE)
    assert hint is not None, done.stderr
    table = section("Proofs")
    names = [name.replace(SYSTEM, "SYSTEM") for name in hint[1].split(", ")]
    assert [name for name in names if f"`{name}`" not in table] == []


@pytest.mark.parametrize("extra", Extra)
def test_readme_names_every_proof_of_a_commit_on_request(extra: Extra) -> None:
    assert re.search(rf"^\| `{extra}` \| with `--with {extra}`: ", section("Proofs"), re.MULTILINE)


def without_what_varies(line: str) -> str:
    """Leave out seconds, the directory, the width of columns, and whether nixfmt is installed."""
    line = re.sub(r" +\d+\.\d\d s$", "", line)
    line = re.sub(r"git am \S*/proposal/", "git am …/proposal/", line)
    line = re.sub(r" {2,}", "  ", line)
    return "format" if re.match(r"((passed|failed|not run) +)?format\b", line) else line.strip()


def test_readme_shows_what_the_tool_prints(proposed: tuple[Path, str]) -> None:
    pasted = next(block.text for block in blocks(README) if block.language == "console")
    assert pasted.startswith("$ ./unlet propose --nixpkgs specimen\n")
    tables = [block.text for block in blocks(README) if "left to read" in block.text]
    shown = [without_what_varies(line) for line in (pasted + "".join(tables)).splitlines()[1:]]
    printed = [without_what_varies(line) for line in proposed[1].splitlines()]
    assert sorted(set(printed)) == sorted(set(shown))


def test_readme_shows_the_path_that_was_read_back(proposed: tuple[Path, str]) -> None:
    report = (proposed[0] / "proposal" / "report.md").read_text()
    evidence = [line for line in report.splitlines() if line.startswith("script, ")]
    assert len(evidence) == 2
    assert [line for line in evidence if line not in README.read_text()] == []


def test_readme_shows_the_graph_that_is_drawn() -> None:
    file = specimen.path().relative_to(ROOT) / "pkgs/applications/virtualization/docker/default.nix"
    drawn = run(["inspect", "--graph", "mermaid", str(file)], ROOT).stdout
    assert drawn in [block.text for block in blocks(README)]


def test_readme_shows_the_path_by_each_route() -> None:
    file = specimen.path().relative_to(ROOT) / "pkgs/applications/virtualization/docker/default.nix"
    drawn = run(["inspect", "--path", "--graph", "mermaid", str(file)], ROOT).stdout
    assert drawn in [block.text for block in blocks(README)]


@pytest.mark.parametrize("line", [line for document in DOCUMENTS for line in command_lines(document)])
def test_command_line_parses(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    # click's own parser decides; nothing is done with what it read.
    def nothing(**_values: object) -> int:
        return 0

    for command in groups(commands):
        monkeypatch.setattr(command, "callback", nothing)
    commands.main(args=shlex.split(line)[1:], prog_name="unlet", standalone_mode=False)


def test_there_are_command_lines_to_parse() -> None:
    assert any("--nixpkgs specimen" in line for line in command_lines(README))


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(document: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)) if "://" not in link]
    assert links
    for link in links:
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_path_of_this_machine_is_in_a_document(document: Path) -> None:
    text = document.read_text()
    homes = {f"{user.pw_dir}/" for user in pwd.getpwall() if user.pw_dir.startswith(("/home/", "/root"))}
    assert [place for place in (str(ROOT), "/tmp/", "/home/", *homes) if place in text] == []  # noqa: S108 - a text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_says_what_it_is(document: Path) -> None:
    assert [block.text for block in blocks(document) if not block.language] == []
    assert document.read_text().count("```") == 2 * len(blocks(document))


def test_contributing_names_every_package() -> None:
    packages = {path.parent.relative_to(ROOT) for path in (ROOT / "toolkit").rglob("__init__.py")}
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert [str(path) for path in sorted(packages - {Path("toolkit")}) if f"| `{path}/` |" not in text] == []


def test_contributing_names_every_step_of_the_check() -> None:
    steps = subprocess.run(["./check", "--list"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert [step for step in steps.splitlines() if f"`{step.split()[0]}`" not in text] == []
