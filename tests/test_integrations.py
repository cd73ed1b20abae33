"""What other systems start: the action of action.yml and the hook of .pre-commit-hooks.yaml, run as they stand."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest
from msgspec import Struct

from tests.clones import NOTES, commit_all, edit, git
from toolkit import specimen
from toolkit.cache import VARIABLE

ROOT = Path(__file__).parents[1]
ACTION = (ROOT / "action.yml").read_text()
HOOKS = (ROOT / ".pre-commit-hooks.yaml").read_text()


class Job(Struct, frozen=True, kw_only=True):
    clone: Path
    directory: Path
    env: Mapping[str, str]

    def run(self, script: str, **inputs: str) -> int:
        defaults = re.findall(
            r"^  (\w+):\n    description: .*\n    default: (.*)$", ACTION, re.MULTILINE
        )
        env = (
            {name.upper(): default.strip('"') for name, default in defaults}
            | dict(self.env)
            | inputs
        )
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.clone,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode

    def read(self, name: str) -> str:
        return (self.directory / name).read_text()


@pytest.fixture
def job(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Job:
    clone, programs = tmp_path / "clone", tmp_path / "bin"
    shutil.copytree(specimen.path(), clone)
    programs.mkdir()
    unlet = programs / "unlet"
    # A ref of the clone instead of GitHub's.
    local = 'case $1 in track) set -- "$@" --git-dir . --ref HEAD ;; esac'
    unlet.write_text(
        f'#!/bin/sh\n{local}\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m toolkit "$@"\n'
    )
    unlet.chmod(0o755)
    monkeypatch.chdir(clone)
    commit_all(clone)
    names = {
        "GITHUB_STEP_SUMMARY": "summary",
        "GITHUB_OUTPUT": "output",
        "GITHUB_PATH": "path",
    }
    env = {name: str(tmp_path / file) for name, file in names.items()}
    env |= {"GITHUB_ACTION_PATH": str(ROOT), "PATH": f"{programs}:{os.environ['PATH']}"}
    env[VARIABLE] = str(tmp_path_factory.getbasetemp() / "cache")
    return Job(clone=clone, directory=tmp_path, env={**os.environ, **env})


def commit(job: Job) -> None:
    git(job.clone, "commit", "--quiet", "--all", "--message=change")


def steps() -> list[str]:
    return re.findall(r"^      run: (.*)$", ACTION, re.MULTILINE)


def test_action_hands_every_input_to_its_script() -> None:
    inputs = re.findall(
        r"^  (\w+):\n    description", ACTION.partition("outputs:")[0], re.MULTILINE
    )
    handed = re.findall(
        r"^        (\w+): \$\{\{ inputs\.(\w+) \}\}$", ACTION, re.MULTILINE
    )
    assert handed == [(name.upper(), name) for name in inputs]
    # An input within a script would be code.
    assert not any("inputs." in step for step in steps())


def test_action_puts_unlet_on_the_path(job: Job) -> None:
    assert job.run(steps()[0]) == 0
    assert job.read("path") == f"{ROOT}\n"


def test_action_judges_a_pull_request(job: Job) -> None:
    edit(job.clone, "let\n", "let\n  unused = 1;\n")
    commit(job)
    assert job.run(steps()[1], EXPECT="same") == 0
    assert "same" in job.read("summary")
    assert job.read("output") == "status=0\n"


def test_action_fails_if_the_change_does_more_than_expected(job: Job) -> None:
    edit(job.clone, "    platforms = lib.platforms.all;\n", "")
    commit(job)
    assert job.run(steps()[1], EXPECT="same") == 1
    assert "platforms" in job.read("summary")
    assert job.read("output") == "status=1\n"


def test_action_explains_an_unknown_and_fails_for_it_only_if_asked_to_expect(
    job: Job,
) -> None:
    edit(job.clone, "    # lists\n", "    unlet = 1;\n", "lib/values.nix")
    module = job.clone / "nixos/modules/services/misc/kept.nix"
    module.parent.mkdir(parents=True, exist_ok=True)
    module.write_text("{ ... }: { }\n")
    git(job.clone, "add", "--all")
    commit(job)
    assert job.run(steps()[1]) == 0
    assert job.read("output") == "status=3\n"
    assert "Exit code 3: unlet found no regression" in job.read("summary")
    assert job.run(steps()[1], EXPECT="no-rebuild") == 3
    # Without an answer there is nothing to explain.
    assert job.run(steps()[1], RANGE="no..where") == 3
    assert job.read("summary").count("Exit code 3") == 2


def test_action_tells_news_of_upstream_and_does_not_fail(job: Job) -> None:
    inputs = {
        "COMMAND": "track",
        "TARGET": "notes-server",
        "STATE": str(job.directory / "state.json"),
    }
    assert job.run(steps()[1], **inputs) == 0
    assert "notes-server" in job.read("summary")
    assert job.read("output") == "status=0\n"
    edit(job.clone, "let\n", "let let\n")
    commit(job)
    assert job.run(steps()[1], **inputs) == 0
    assert job.read("output") == "status=0\nstatus=11\n"
    assert job.run(steps()[1], **inputs | {"TARGET": "../x"}) == 3


def test_action_refuses_another_command(job: Job) -> None:
    assert job.run(steps()[1], COMMAND="pr") == 2


def test_hook_fails_if_a_staged_edit_rebuilds(job: Job) -> None:
    entry = re.search(r"^  entry: (.*)$", HOOKS, re.MULTILINE)
    files = re.search(r"^  files: (.*)$", HOOKS, re.MULTILINE)
    assert entry is not None
    assert files is not None

    def hook() -> int:
        """Run the hook as pre-commit does: only for files that it is for."""
        staged = git(job.clone, "diff", "--cached", "--name-only").splitlines()
        is_for = any(re.search(files[1], name) for name in staged)
        return job.run(entry[1]) if is_for else 0

    edit(job.clone, "let\n", "let\n  unused = 1;\n")
    git(job.clone, "add", "--all")
    assert hook() == 0
    edit(job.clone, "version = ", 'version = "0" + ')
    git(job.clone, "add", "--all")
    assert hook() == 1
    # A file that is no Nix, and that the package reads.
    script = job.clone / PurePosixPath(NOTES).with_name("serve.sh")
    script.write_text("serve notes\n")
    edit(job.clone, "  buildInputs", "  serve = ./serve.sh;\n  buildInputs")
    git(job.clone, "add", "--all")
    commit(job)
    script.write_text("serve memos\n")
    git(job.clone, "add", "--all")
    assert hook() == 1
