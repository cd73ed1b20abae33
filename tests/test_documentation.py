import json
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import click
import jsonschema  # type: ignore[import-untyped]
import pytest
from msgspec import Struct

from tests import manual, pictures
from tests.trees import trees
from toolkit import __version__, specimen
from toolkit.cli import doctor, find, track
from toolkit.cli.commands import COMMANDS, EXIT_CODES, INTERRUPTED, UNEXPECTED, commands
from toolkit.docker.steps import MODULE
from toolkit.errors import ToolkitError, UsageError
from toolkit.reach import effects as reach
from toolkit.report import report
from toolkit.track import answer

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md"))]
SYSTEM = "x86_64-linux"


class Block(Struct, frozen=True, kw_only=True):
    """A fenced block: the word behind its fence, and its text."""

    language: str
    text: str


def blocks(document: Path) -> list[Block]:
    found = re.findall(
        r"^```(\w*)\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL
    )
    return [Block(language=language, text=text) for language, text in found]


def prose(document: Path) -> str:
    """Return a document without its fenced blocks."""
    return re.sub(
        r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL
    )


def section(document: Path, title: str) -> str:
    """Return what stands in a document below a heading, up to the next one."""
    found = re.search(
        rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)",
        document.read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None, f"{document.name} has no section '{title}'"
    return found[1]


def calls(line: str) -> Iterator[str]:
    """Yield the calls of unlet in a line for a shell."""
    for part in re.split(r"\||&&|;| > ", line.partition(" #")[0]):
        if re.match(r"\s*(\./)?unlet\b", part):
            yield part.strip()


def command_lines(document: Path) -> Iterator[str]:
    """Yield the calls of unlet in the blocks for a shell, and those that stand in the text between backticks."""
    for block in blocks(document):
        lines = block.text.splitlines()
        if block.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        elif block.language != "sh":
            continue
        for line in lines:
            yield from calls(line)
    for found in re.findall(r"`((?:\./)?unlet [^`]*)`", prose(document)):
        # In the table of commands `[NAME…]` and `FILE…` say what there may be.
        yield re.sub(r"[\[\]…]", "", found)


def named(name: str) -> click.Command:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    return command


def run(
    arguments: Sequence[str], directory: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "toolkit", *arguments],
        cwd=directory,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "UNLET_CACHE_DIR": str(directory.parent / "cache"),
            **variables,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def without_progress(errors: str) -> str:
    """Return what stands on stderr but for the lines that a slow run prints there."""
    return re.sub(r"^unlet: [a-z]+ing\b.*\n", "", errors, flags=re.MULTILINE)


def test_documents_are_short() -> None:
    assert len(README.read_text().splitlines()) <= 180
    pages = [README, *DOCS.glob("*.md")]
    assert len(pages) <= 9
    assert sum(len(page.read_text().split()) for page in pages) <= 12_000


def test_reference_and_man_page_are_what_the_commands_give(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "tests.manual", str(tmp_path)],
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    for name in ("reference.md", "unlet.1"):
        written = (DOCS / name).read_text()
        assert written == (tmp_path / name).read_text(), (
            f"run: python -m tests.manual docs ({name} differs)"
        )


def test_changelog_has_the_version_with_the_date_of_the_man_page() -> None:
    first = re.search(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first[1] in {"Unreleased", f"{__version__} - {manual.DATE}"}


def test_readme_names_every_exit_code() -> None:
    codes = {
        0,
        1,
        UsageError.exit_code,
        ToolkitError.exit_code,
        UNEXPECTED,
        INTERRUPTED,
    }
    assert codes == set(map(int, re.findall(r"\b\d+\b", EXIT_CODES)))
    codes |= set(map(int, re.findall(r"\b\d+\b", track.EXIT_CODES)))
    assert codes == set(
        map(
            int,
            re.findall(r"^\| (\d+) \|", section(README, "Exit codes"), re.MULTILINE),
        )
    )


@pytest.fixture(scope="module")
def proposed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Propose for the specimen; return the directory and the coloured output."""
    directory = tmp_path_factory.mktemp("proposed")
    command = pictures.PICTURES["propose"]
    done = run(shlex.split(command)[1:], directory, **pictures.COLOURS)
    assert (done.returncode, without_progress(done.stderr)) == (0, "")
    return directory, done.stdout


def test_every_proof_has_its_row(proposed: tuple[Path, str]) -> None:
    depth = ["--tier", "build", "--system", SYSTEM]
    done = run(["check", "--proof", "none", *depth], proposed[0])
    hint = re.search(r"^hint: the proofs are (.*)$", done.stderr, re.MULTILINE)
    assert hint is not None, done.stderr
    table = section(DOCS / "proofs.md", "Proofs")
    names = [
        MODULE,
        f"{MODULE}-test",
        *(name.replace(SYSTEM, "SYSTEM") for name in hint[1].split(", ")),
    ]
    assert [name for name in names if f"`{name}`" not in table] == []


def strict(schema: object) -> object:
    """Return a schema that allows no field that it does not name."""
    if isinstance(schema, list):
        return [strict(each) for each in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    closed = {
        name: strict(each) for name, each in cast("dict[str, object]", schema).items()
    }
    return (
        {**closed, "additionalProperties": False}
        if "properties" in closed and "required" in closed
        else closed
    )


def assert_valid(name: str, number: int, *printed: str) -> None:
    schema = json.loads((DOCS / f"schema/{name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema"] == {"const": number}
    assert schema["$id"] == f"urn:unlet:{name}"
    for each in printed:
        jsonschema.validate(json.loads(each), cast("dict[str, object]", strict(schema)))


def test_report_has_its_schema(proposed: tuple[Path, str]) -> None:
    written = proposed[0] / "proposal" / "report.json"
    printed = run(
        [
            "propose",
            "notes-server",
            "--nixpkgs",
            "specimen",
            "--out",
            "other",
            "--json",
        ],
        proposed[0],
    ).stdout
    assert_valid("report", report.SCHEMA, written.read_text(), printed)


def test_answer_of_find_has_its_schema(tmp_path: Path) -> None:
    calls: tuple[list[str], ...] = (["--all"], ["notes-server", "docker"])
    printed = [
        run(["find", *call, "--nixpkgs", "specimen", "--json"], tmp_path).stdout
        for call in calls
    ]
    assert "web-ui" in [each["binding"] for each in json.loads(printed[0])["bindings"]]
    assert_valid("find", find.SCHEMA, *printed)


def test_report_of_overlay_has_its_schema(tmp_path: Path) -> None:
    for name in ("docker", "notes-server"):
        options = ["--nixpkgs", "specimen", "--system", SYSTEM, "--out", name, "--json"]
        printed = run(["overlay", name, *options], tmp_path).stdout
        assert_valid(
            "overlay", 1, printed, (tmp_path / name / "report.json").read_text()
        )


def test_answer_of_doctor_has_its_schema(tmp_path: Path) -> None:
    """For a log; tests/doctor holds what it finds on hosts against the same schema."""
    (tmp_path / "log").write_text("No subuid ranges found for user 1000\n")
    calls = (["--elsewhere", "--log", "log"], ["--log", "log"])
    assert_valid(
        "doctor",
        doctor.SCHEMA,
        *(run(["doctor", "--json", *call], tmp_path).stdout for call in calls),
    )


def test_answer_of_reach_has_its_schema(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.nix"
    overlay.write_text(
        "final: prev: { plain = prev.plain.overrideAttrs { version = ''9.0.0''; }; "
        "own = prev.plain; }"
    )
    nixpkgs = str(ROOT / "tests/reach/nixpkgs")
    printed = run(
        ["reach", str(overlay), "--nixpkgs", nixpkgs, "--system", SYSTEM, "--json"],
        tmp_path,
    ).stdout
    assert [each["status"] for each in json.loads(printed)["overrides"]] == [
        "new",
        "in part",
    ]
    assert_valid("reach", reach.SCHEMA, printed)


def test_answer_of_track_has_its_schema(contributed: tuple[Path, str]) -> None:
    place = contributed[0] / "nixpkgs-both"
    call = ["track", "--git-dir", ".", "--ref", "HEAD", "--ref", "HEAD~2", "--json"]
    state = ["--state", str(contributed[0] / "state.json")]
    printed = [
        run([*call, *more], place).stdout
        for more in (state, ["--nixpkgs", ".", *state])
    ]
    assert_valid("track", answer.SCHEMA, *printed)


def plain(output: str) -> str:
    """Return an output without its colours."""
    return re.sub(r"\x1b\[[\d;]*m", "", output)


def assert_picture(name: str, output: str) -> None:
    shown = pictures.picture(pictures.PICTURES[name], output)
    assert (DOCS / f"{name}.svg").read_text() == shown, (
        f"run: python -m tests.pictures docs ({name}.svg differs)"
    )
    page = README if name == "propose" else DOCS / pictures.PAGES[name]
    assert f"{name}.svg)" in page.read_text()


def test_picture_is_what_propose_prints(proposed: tuple[Path, str]) -> None:
    if shutil.which("nixfmt") is not None:
        pytest.skip("nixfmt is installed, which the picture's machine lacks")
    assert_picture("propose", proposed[1])


def column(proposal: Path) -> dict[str, str]:
    """Return a proposal's column in the table of designs: its proofs, and the lines of its diff."""
    written = json.loads((proposal / "report.json").read_text())
    proofs = {
        proof["name"]: proof["status"]
        for proof in written["proofs"]
        if proof["name"] != "format"
    }
    text = (proposal / "upstream.diff").read_text()
    added, removed = (
        Counter(re.findall(rf"^{sign}(?!{sign * 2} )(.*)$", text, re.MULTILINE))
        for sign in ("[+]", "-")
    )
    moved = sum(number for line, number in (added & removed).items() if line.strip())
    left = added.total() + removed.total() - 2 * moved
    lines = {
        "added": added.total(),
        "removed": removed.total(),
        "of these moved": moved,
        "left to read": left,
    }
    return {
        "design": written["steps"][0]["design"],
        **proofs,
        **{name: str(count) for name, count in lines.items()},
    }


def test_table_of_designs_is_what_both_proposals_come_to(
    proposed: tuple[Path, str],
) -> None:
    done = run(
        ["propose", "--nixpkgs", "specimen", "--design", "hidden", "--out", "hidden"],
        proposed[0],
    )
    assert (done.returncode, without_progress(done.stderr)) == (0, "")
    one, other = (column(proposed[0] / name) for name in ("proposal", "hidden"))
    (table,) = (
        block.text
        for block in blocks(DOCS / "proofs.md")
        if "left to read" in block.text
    )
    rows = [re.split(r" {2,}", line) for line in table.splitlines()]
    assert rows == [[name, one[name], other[name]] for name in one]


def test_paths_are_those_that_were_read_back(proposed: tuple[Path, str]) -> None:
    report = (proposed[0] / "proposal" / "report.md").read_text()
    evidence = [
        line
        for line in report.splitlines()
        if line.startswith(("before: moby/", "after: moby/"))
    ]
    assert len(evidence) == 2
    assert "\n".join(evidence) + "\n" in [
        block.text for block in blocks(DOCS / "proofs.md")
    ]


@pytest.fixture(scope="module")
def contributed(
    tmp_path_factory: pytest.TempPathFactory, proposed: tuple[Path, str]
) -> tuple[Path, str]:
    """Prepare a pull request in a clone of the specimen.

    Return the directory around the clone and what was printed.

    Beside the clone is a worktree with the proposal of both steps.
    """
    directory = tmp_path_factory.mktemp("contributed")
    clone = directory / "nixpkgs"
    shutil.copytree(specimen.path(), clone)
    both = str(directory / "nixpkgs-both")
    series = sorted((proposed[0] / "proposal/series").iterdir())
    for arguments in (
        ["init", "-q", "-b", "master"],
        ["config", "user.name", "Jane Doe"],
        ["config", "user.email", "jane@example.org"],
        ["add", "."],
        ["commit", "-q", "-m", "specimen"],
        ["remote", "add", "upstream", "https://github.com/NixOS/nixpkgs"],
        ["remote", "add", "fork", "https://github.com/jane/nixpkgs"],
        ["update-ref", "refs/remotes/upstream/master", "HEAD"],
        ["worktree", "add", "-q", "-b", "both", both],
        ["-C", both, "am", "-q", *map(str, series)],
    ):
        subprocess.run(["git", "-C", str(clone), *arguments], check=True)
    done = run(["pr", "--repo", str(clone)], directory)
    assert (done.returncode, without_progress(done.stderr)) == (0, "")
    return directory, done.stdout


def without_ids(text: str) -> str:
    """Leave out the ids of commits, dates, and the width of columns."""
    text = re.sub(r"\b[0-9a-f]{12}\b", "ID", text)
    text = re.sub(r"\b\d{4}-\d\d-\d\d(T[\d:]+Z)?", "DATE", text)
    return re.sub(r" {2,}", "  ", text)


def test_end_of_pr_is_what_the_tool_prints(contributed: tuple[Path, str]) -> None:
    directory, printed = contributed
    end = printed[printed.index("branch  ") :].replace(f"{directory}/", "/src/")
    assert without_ids(end) in [
        without_ids(block.text) for block in blocks(DOCS / "find.md")
    ]


def test_answer_of_track_is_what_the_tool_prints(contributed: tuple[Path, str]) -> None:
    pasted = next(
        block.text
        for block in blocks(DOCS / "review.md")
        if block.text.startswith("$ unlet track")
    )
    call, _, shown = pasted.partition("\n")
    done = run(shlex.split(call)[2:], contributed[0] / "nixpkgs-both")
    assert (done.returncode, without_progress(done.stderr)) == (10, "")
    assert without_ids(done.stdout) == without_ids(shown)


@pytest.mark.parametrize("tree", trees(having="pkgs/by-name/au/authentik/package.nix"))
def test_answer_of_find_is_what_the_tool_prints(tree: Path, tmp_path: Path) -> None:
    pasted = next(
        block.text for block in blocks(DOCS / "find.md") if block.language == "console"
    )
    call, _, shown = pasted.partition("\n")
    done = run(
        [
            str(tree) if word == "~/src/nixpkgs" else word
            for word in shlex.split(call)[2:]
        ],
        tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, shown)


def test_list_of_find_is_what_the_tool_prints(tmp_path: Path) -> None:
    pasted = next(
        block.text
        for block in blocks(DOCS / "find.md")
        if "find --nixpkgs specimen" in block.text
    )
    assert (
        run(["find", "--nixpkgs", "specimen"], tmp_path).stdout
        == pasted.partition("\n")[2]
    )


@pytest.mark.parametrize(
    ("page", "language", "name"),
    [("reach.md", "nix", "overlay.nix"), ("review.md", "diff", "theirs.diff")],
)
def test_answer_about_an_example_is_what_the_tool_prints(
    page: str, language: str, name: str, tmp_path: Path
) -> None:
    example = next(
        block.text for block in blocks(DOCS / page) if block.language == language
    )
    (tmp_path / name).write_text(example)
    call, _, shown = next(
        block.text for block in blocks(DOCS / page) if block.text[0] == "$"
    ).partition("\n")
    done = run(shlex.split(call)[2:], tmp_path, **pictures.COLOURS)
    assert (done.returncode, plain(done.stdout)) == (1, shown)
    assert_picture(shlex.split(call)[2], done.stdout)


def test_first_screen_has_the_run_of_the_page_about_reach() -> None:
    first = README.read_text().split("## Set up", maxsplit=1)[0]
    run_of_page = next(
        block for block in blocks(DOCS / "reach.md") if block.text[0] == "$"
    )
    assert f"```console\n{run_of_page.text}```" in first


def test_readme_has_the_wrapper_that_is_evaluated() -> None:
    # tests/overlays evaluates what stands in docs/nixos.md.
    (wrapper,) = (block.text for block in blocks(README) if block.language == "nix")
    assert f"# wrapper.nix\n{wrapper}" in [
        block.text for block in blocks(DOCS / "nixos.md")
    ]


EXAMPLES = [
    call
    for name in COMMANDS
    for line in getattr(named(name), "examples", ())
    for call in calls(line)
]


@pytest.mark.parametrize(
    "line",
    [*EXAMPLES, *(line for document in DOCUMENTS for line in command_lines(document))],
)
def test_command_line_parses(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    # click's own parser decides; nothing is done with what it read.
    def nothing(**_values: object) -> int:
        return 0

    for command in (commands, *map(named, COMMANDS)):
        monkeypatch.setattr(command, "callback", nothing)
    commands.main(args=shlex.split(line)[1:], prog_name="unlet", standalone_mode=False)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(document), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere_and_blocks_say_what_they_are(document: Path) -> None:
    links = [
        link
        for link in re.findall(r"\]\(([^)\s]+)\)", prose(document))
        if "://" not in link
    ]
    assert links
    for link in links:
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
    text = document.read_text()
    assert [block.text for block in blocks(document) if not block.language] == []
    assert text.count("```") == 2 * len(blocks(document))
    # Nothing of this machine.
    homes = {
        f"{user.pw_dir}/"
        for user in pwd.getpwall()
        if user.pw_dir.startswith(("/home/", "/root"))
    }
    assert [
        place
        for place in (str(ROOT), "/tmp/", "/home/", *homes)  # noqa: S108 - a text
        if place in text
    ] == []


def test_contributing_names_what_there_is() -> None:
    page = ROOT / "CONTRIBUTING.md"
    packages = {
        path.parent.relative_to(ROOT)
        for path in (ROOT / "toolkit").rglob("__init__.py")
    }
    layout = section(page, "Layout")
    assert [
        str(path)
        for path in sorted(packages - {Path("toolkit")})
        if f"| `{path}/` |" not in layout
    ] == []
    modules = [
        path.name
        for path in (ROOT / "toolkit").glob("*.py")
        if not path.name.startswith("_")
    ]
    assert [name for name in modules if not re.search(rf"[`/]{name}`", layout)] == []
    paths = re.findall(
        r"`((?:toolkit|tests|patches|overlays|docs|benchmarks)/[\w./-]*)`", prose(page)
    )
    assert len(paths) > 30
    # The wheel alone has toolkit/data.
    assert [
        path for path in paths if path != "toolkit/data/" and not (ROOT / path).exists()
    ] == []
    steps = subprocess.run(
        ["./check", "--list"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    assert [
        step
        for step in steps.splitlines()
        if f"`{step.split()[0]}`" not in page.read_text()
    ] == []
