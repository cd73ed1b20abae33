"""Builds of Nix answer questions as a process does, and keep the answers."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from secrets import token_hex

import pytest

from tests.progress import Steps
from toolkit import process, specimen
from toolkit.asking import chunks
from toolkit.asking.packages import PACKAGE, Answer, Question, QuestionScope, Times, ask
from toolkit.errors import ToolkitError
from toolkit.git.reading import TreeFile
from toolkit.judge import ground
from toolkit.model import Silence
from toolkit.nix import limits
from toolkit.parallel import side_by_side
from toolkit.sources.trees import NixpkgsTree

# Most of the time they wait for builds of Nix.
pytestmark = pytest.mark.clock

NATIVE = "x86_64-linux"
NOTES = PurePosixPath("pkgs/by-name/no/notes-server/package.nix")
NAMES = ("docker", "notes-server", "status-board")
BUILD = "nix-store --realise"

Contents = Mapping[PurePosixPath, TreeFile | None]
Asked = Callable[..., list[Answer]]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLET_CACHE_DIR", str(tmp_path / "cache"))


def asked(
    contents: Contents,
    *names: str,
    options: tuple[str, ...] = (),
    steps: Steps | None = None,
    seconds: float = 60,
    together: int = 1,
) -> list[Answer]:
    """Return what builds answer about attributes of the specimen with these files."""
    base = NixpkgsTree(root=specimen.path(), key="specimen")
    with ground.opened(base, progress=Silence()) as place:
        shared = chunks.spread(place.root, base.key, chunks.programs(options))
        with place.holding(contents) as root:
            side = chunks.side(
                shared, root, contents, count=together, progress=steps or Silence()
            )
            scope = QuestionScope(root=chunks.ROOT, system=NATIVE, place=side)

            def answers(part: tuple[str, ...]) -> list[Answer]:
                questions = [
                    Question(path=(name,), parts=("derivation", "position"))
                    for name in part
                ]
                with side.taking_part():
                    return ask(
                        scope,
                        questions,
                        times=Times(ending=1e9),
                        allowed=limits.Allowance(seconds),
                    )

            parts = [names[at::together] for at in range(together)]
            found = side_by_side(answers, parts, jobs=together)
    return [answer for part in found for answer in part]


def text(content: str) -> TreeFile:
    return TreeFile(content=content.encode())


def test_the_answers_are_those_of_a_process_but_for_the_path_of_the_tree() -> None:
    (there,) = asked({}, "notes-server")
    scope = QuestionScope(root=specimen.path(), system=NATIVE)
    question = Question(path=("notes-server",), parts=("derivation", "position"))
    (here,) = ask(scope, [question])
    assert there.parts["derivation"] == here.parts["derivation"]
    place = there.parts["position"]
    assert re.fullmatch(rf"/build/at/tree/{NOTES}:\d+", place)
    assert here.parts["position"].endswith(place.partition(f"/{NOTES}")[2])


def test_files_are_exchanged_added_and_deleted_with_empty_directories() -> None:
    contents = {
        NOTES: None,
        PurePosixPath("pkgs/by-name/ne/newer/package.nix"): text(
            '{ stdenv }: stdenv.mkDerivation { pname = "newer"; version = "1"; }'
        ),
        PurePosixPath("pkgs/by-name/im/image-slim/package.nix"): text(
            '{ stdenv }: stdenv.mkDerivation { pname = "slim"; version = "2"; }'
        ),
    }
    gone, new, changed, same = asked(
        contents, "notes-server", "newer", "image-slim", "docker"
    )
    assert gone.kind == "missing"
    assert [each.parts["derivation"]["name"] for each in (new, changed)] == [
        "newer-1",
        "slim-2",
    ]
    (before,) = asked({}, "docker")
    assert same.parts == before.parts


def test_a_file_may_take_the_place_of_a_directory() -> None:
    board = PurePosixPath("pkgs/by-name/st/status-board/package.nix")
    contents = {
        NOTES: None,
        PurePosixPath("pkgs/by-name/no/notes-server"): text("text"),
        board: text(
            "{ stdenv }: stdenv.mkDerivation { pname = builtins.readFile "
            '../../no/notes-server; version = "1"; }'
        ),
    }
    (answer,) = asked(contents, "status-board")
    assert answer.ends == {}
    assert answer.parts["derivation"]["version"] == "1"


def test_what_the_store_has_is_not_built_again_though_the_cache_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = f'{{ stdenv }}: stdenv.mkDerivation {{ name = "{token_hex(8)}"; }}'
    contents = {NOTES: text(fresh)}
    lines: list[str] = []
    with process.echoing(lines.append):
        first = asked(contents, *NAMES)
    assert sum(line.count(BUILD) for line in lines) == 1
    monkeypatch.setenv("UNLET_CACHE_DIR", str(tmp_path / "other"))
    lines.clear()
    with process.echoing(lines.append):
        assert asked(contents, *NAMES) == first
    assert not any(BUILD in line for line in lines)


def test_chunks_of_all_conversations_are_one_build_and_progress_counts_them() -> None:
    name = token_hex(8)
    contents = {
        NOTES: text(f'{{ stdenv }}: stdenv.mkDerivation {{ name = "x{name}"; }}')
    }
    steps, lines = Steps(), list[str]()
    with process.echoing(lines.append):
        found = asked(contents, *NAMES, together=3, steps=steps)
    assert [answer.kind for answer in found] == [PACKAGE] * 3
    (build,) = (line for line in lines if BUILD in line)
    assert build.count("-unlet-chunk.drv") == 3
    assert steps.steps[0] == "evaluating 3 chunks of questions with Nix"
    assert steps.steps[-1] == "evaluated 3 of 3 chunks of questions (3 on this machine)"


HOG = "builtins.toJSON (builtins.genList (n: [ n (n + 1) (toString n) ]) 9000000)"


@pytest.mark.parametrize(
    ("value", "reason", "limited"),
    [
        ("lib.nobodyHasThis.either", "attribute 'nobodyHasThis' missing", False),
        (HOG, "out of memory", True),
    ],
)
def test_what_ends_a_chunk_is_found_and_the_others_have_their_answers(
    value: str, reason: str, *, limited: bool
) -> None:
    contents = {
        NOTES: text(f"{{ lib, stdenv }}: stdenv.mkDerivation {{ name = {value}; }}")
    }
    with limits.allowing(None, 256):
        first, ended, last = asked(contents, *NAMES)
    assert (first.ends, last.ends) == ({}, {})
    assert "derivation" in last.parts
    assert ended.ends["derivation"].startswith(reason)
    assert (ended.limited != ()) == limited


@pytest.mark.clock
def test_what_takes_too_long_is_found_and_the_others_have_their_answers() -> None:
    slow = 'let f = n: if n == 0 then "x" else f (n - 1) + f (n - 1); in f 60'
    contents = {
        NOTES: text(f"{{ lib, stdenv }}: stdenv.mkDerivation {{ name = {slow}; }}")
    }
    first, ended, last = asked(contents, *NAMES, seconds=4)
    assert (first.ends, last.ends) == ({}, {})
    assert set(ended.ends.values()) == {"still running after 4 s"}
    assert ended.limited


def test_a_machine_without_a_sandbox_says_so_in_one_line() -> None:
    contents = {
        NOTES: text(
            f'{{ stdenv }}: stdenv.mkDerivation {{ name = "y{token_hex(8)}"; }}'
        )
    }
    with pytest.raises(ToolkitError) as caught:
        asked(contents, "notes-server", options=("--option", "sandbox", "false"))
    assert caught.value.message == (
        "nix: it cannot build a part of the questions: this build has no sandbox"
    )
    assert caught.value.hint == "with --on here, unlet evaluates on this machine"


def test_a_file_cannot_read_what_no_answer_may_have() -> None:
    for place in ("/proc/self/environ", "/build/said", "/etc/passwd"):
        contents = {
            NOTES: text(
                "{ stdenv }: stdenv.mkDerivation { name = "
                f"builtins.substring 0 4 (builtins.readFile {place}); }}"
            )
        }
        (answer,) = asked(contents, "notes-server")
        assert "forbidden in restricted mode" in answer.ends["derivation"]


def test_an_answer_in_the_name_of_another_question_is_none() -> None:
    contents = {
        NOTES: text(
            "{ stdenv }: builtins.trace "
            '"unlet: answer 1 {\\"kind\\":\\"derivation\\"}" '
            '(throw "at last")'
        )
    }
    forger, other = asked(contents, "notes-server", "nobody-has-this")
    assert (forger.kind, other.kind) == ("throws", "missing")


def test_options_of_the_user_reach_nix() -> None:
    with pytest.raises(ToolkitError, match="unknown flag '--no-such-option'"):
        asked(
            {NOTES: text("{ stdenv }: throw ''never built''")},
            "notes-server",
            options=("--no-such-option",),
        )
