"""`check --on nix`: what builds of Nix answer is judged as what processes answer."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.judge.test_specimen import BOARD, NOTES, change
from tests.progress import Steps
from toolkit import process
from toolkit.errors import ToolkitError
from toolkit.judge import ChunkBuilds, JudgeRequest, judge
from toolkit.model import Progress, Silence
from toolkit.report import judgement

# Most of the time they wait for builds of Nix.
pytestmark = pytest.mark.clock

SYSTEMS = ("x86_64-linux", "cross")
SLIM = "pkgs/by-name/im/image-slim/package.nix"
EDITS: Mapping[str, tuple[str, str] | str | None] = {
    NOTES: ('version = "4.2.0"', 'version = "4.3.0"'),
    BOARD: ("  meta = {", "  passthru.bad = lib.nobodyHasThis.either;\n\n  meta = {"),
    SLIM: None,
}
BUILD = "nix-store --realise"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLET_CACHE_DIR", str(tmp_path / "cache"))


def judged(
    builds: ChunkBuilds | None,
    *,
    everything: tuple[str, ...] = (),
    progress: Progress = Silence(),  # noqa: B008
) -> object:
    """Return the JSON of a judgement without times."""
    request = JudgeRequest(systems=SYSTEMS, everything=everything, builds=builds)
    content = judgement.to_json(judge(change(EDITS), request, progress=progress))
    return {
        name: value for name, value in json.loads(content).items() if name != "seconds"
    }


@pytest.mark.parametrize("everything", [(), SYSTEMS[:1]])
def test_the_answers_are_the_same_in_builds_but_for_times(
    everything: tuple[str, ...],
) -> None:
    here = judged(None, everything=everything)
    assert judged(ChunkBuilds(), everything=everything) == here


NO_SANDBOX = ("--option", "sandbox", "false")


def test_a_machine_without_sandboxed_builds_evaluates_in_processes_and_says_so() -> (
    None
):
    steps = Steps()
    builds = ChunkBuilds(options=NO_SANDBOX, required=False)
    assert judged(builds, progress=steps) == judged(None)
    assert steps.steps[1] == (
        "evaluating on this machine, without builds: nix: it cannot build a part of "
        "the questions: this build has no sandbox"
    )


def test_builds_that_the_user_requires_are_an_error_without_a_sandbox() -> None:
    with pytest.raises(ToolkitError, match="this build has no sandbox"):
        judged(ChunkBuilds(options=NO_SANDBOX))


def test_a_run_that_was_interrupted_goes_on_with_what_was_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = judged(ChunkBuilds())
    monkeypatch.setenv("UNLET_CACHE_DIR", str(tmp_path / "other"))
    steps = Steps(interrupted_at="looking for readers")
    with pytest.raises(KeyboardInterrupt):
        judged(ChunkBuilds(), progress=steps)
    monkeypatch.setenv("UNLET_CACHE_DIR", str(tmp_path / "third"))
    lines: list[str] = []
    with process.echoing(lines.append):
        assert judged(ChunkBuilds()) == whole
    assert not any(BUILD in line for line in lines)
