"""The conversation with Nix: it ends when it is over, whatever a file is like, and all that is named arrives there."""

import re
import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from tests.reach.conftest import NIXPKGS, SYSTEM
from toolkit import process
from toolkit.asking.session import EvaluationError, Session
from toolkit.model import Silence, SourceRequest
from toolkit.nix import limits
from toolkit.reach import reaching
from toolkit.reach.effects import Outcome, Reach
from toolkit.reach.reaching import ReachRequest, reach

EXPRESSION = Path(reaching.__file__).parents[1] / "expressions/reach.nix"


def test_between_two_questions_it_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int | None] = []
    end = process.end

    def observed(running: Popen[bytes], *, grace: float) -> None:
        end(running, grace=grace)
        ended.append(running.returncode)

    monkeypatch.setattr(process, "end", observed)
    overlay = tmp_path / "overlay.nix"
    overlay.write_text(
        "final: prev: { tool = prev.tool.overrideAttrs { doCheck = true; }; }"
    )
    request = ReachRequest(
        paths=(overlay,), source=SourceRequest(nixpkgs=str(NIXPKGS)), systems=(SYSTEM,)
    )
    assert reach(request, progress=Silence()).overrides
    assert ended
    assert -signal.SIGKILL not in ended


@pytest.mark.parametrize(
    "text", ["", "final: prev: {", "final: prev: { tool = (import ./cut.nix).tool; }"]
)
def test_a_file_that_ends_too_early_is_said_at_once(
    reached: Callable[..., Reach], text: str
) -> None:
    found = reached({"overlay.nix": text, "cut.nix": "{ tool = 1;"}, "overlay.nix")
    assert [each.status for each in found.overrides] == [Outcome.FAILS]
    assert (
        found.overrides[0].reason
        == "it reads a file that ends too early: syntax error, unexpected end of file"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "tool = final.tool.overrideAttrs { doCheck = true; };",
            "infinite recursion encountered",
        ),
        (
            "tool = let f = n: { v = (f (n + 1)).v; }; in (f 0).v;",
            "stack overflow (possible infinite recursion)",
        ),
    ],
)
def test_an_override_of_itself_is_no_lack_of_memory(
    reached: Callable[..., Reach], text: str, reason: str
) -> None:
    (found,) = reached(text).overrides
    assert found.status is Outcome.FAILS
    assert found.reason == reason


@pytest.mark.parametrize(
    "name", ["übér", "a${b", 'quo"te', "back\\slash", "line\nbreak", "tab\t"]
)
def test_whatever_a_directory_and_an_attribute_are_called_they_are_found(
    reached: Callable[..., Reach], name: str
) -> None:
    attribute = re.sub(r'(["$\\\\])', r"\\\1", name)
    overlay = f'final: prev: {{ tool = prev.tool.overrideAttrs {{ doCheck = true; }}; "{attribute}" = prev.tool; }}'
    found = reached({f"{name}/overlay.nix": overlay}, f"{name}/overlay.nix").overrides
    assert sorted(each.status for each in found) == [Outcome.NEW, Outcome.REACHES]


def test_a_path_is_what_the_system_takes_it_for(
    reached: Callable[..., Reach], tmp_path: Path
) -> None:
    (tmp_path / "there/below").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    (tmp_path / "here/link").symlink_to(tmp_path / "there/below")
    right, wrong = (f"{{ {name} = prev.tool; }}" for name in ("right", "wrong"))
    files = {
        "there/overlay.nix": f"final: prev: {right}",
        "here/overlay.nix": f"final: prev: {wrong}",
    }
    assert [
        each.attribute for each in reached(files, "here/link/../overlay.nix").overrides
    ] == ["right"]


def test_of_what_nix_says_the_last_lines_are_kept() -> None:
    arguments = {"tree": str(NIXPKGS), "system": SYSTEM, "inputs": "{}"}
    line = "x" * 100_000
    flood = f'builtins.foldl\' (a: b: builtins.trace "{line}" null) null (builtins.genList (x: x) 300)'
    with Session(
        EXPRESSION, arguments, lookup=Path(arguments["tree"]), seconds=60
    ) as session:
        failed = session.ask(f'builtins.seq ({flood}) (throw "at last")', object)
    assert isinstance(failed, EvaluationError)
    assert "at last" in failed.message
    assert len(failed.stderr) < 3_000_000


SLOW = '(let f = n: if n == 0 then "x" else f (n - 1) + f (n - 1); in f 60)'
HOG = "(builtins.toJSON (builtins.genList (n: [ n (n + 1) (toString n) ]) 9000000))"


@pytest.mark.clock
@pytest.mark.parametrize(
    ("value", "seconds", "mebibytes", "fact"),
    [
        (SLOW, 1, None, "takes more than 1 s; raise the limit with --timeout"),
        (
            HOG,
            None,
            150,
            "the memory was probably full; raise the limit with --max-memory",
        ),
    ],
)
def test_one_at_a_limit_spoils_no_other_without_a_seal(
    reached: Callable[..., Reach],
    value: str,
    seconds: float | None,
    mebibytes: int | None,
    fact: str,
) -> None:
    # plain is made of the tool.
    text = (
        f"tool = prev.tool.overrideAttrs {{ a = {value}; }}; plain = "
        f"prev.plain.override {{ withColour = true; }};"
    )
    with limits.allowing(seconds, mebibytes):
        found = {each.attribute: each for each in reached(text).overrides}
    assert (found["plain"].status, found["tool"].status) == (
        Outcome.REACHES,
        Outcome.UNKNOWN,
    )
    assert fact in (found["tool"].reason or "")
