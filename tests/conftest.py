"""What every test runs in: nothing of the machine's user, of its network or of its terminal gets in."""

import gc
import itertools
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter

from tests.clones import Clone, copy_clone, make_clone, make_upstream

pytest_plugins = ["tests.parsing", "tests.remotes"]

# Beginnings of names: identity, places, remotes, tokens and looks. NIX_PATH is one of
# them; the other variables of Nix say where its store is and stay.
_REMOVED = (
    "ALL_PROXY",
    "CI",
    "CLICOLOR",
    "COLUMNS",
    "EDITOR",
    "EMAIL",
    "FORCE_COLOR",
    "FTP_PROXY",
    "GCM_",
    "GH_",
    "GITHUB_",
    "GITLAB_",
    "GIT_",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANGUAGE",
    "LC_",
    "LINES",
    "NIX_PATH",
    "NO_COLOR",
    "NO_PROXY",
    "PAGER",
    "REQUESTS_CA_BUNDLE",
    "SOURCE_DATE_EPOCH",
    "SSH_",
    "UNLET_",
    "VISUAL",
    "XDG_",
)


_HOMES = itertools.count()


def pytest_configure() -> None:
    """Let programs that tests start heed signals that a run behind nohup ignores: a handler is not theirs."""
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, _pass),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def _pass(number: int, frame: object) -> None:
    """Do nothing about a signal."""


def pytest_collection_finish() -> None:
    """Keep the collector from looking at thousands of tests, which are there until the end."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Count what became of all that was tried at random; numbers are added up."""
    reports = [
        report
        for kind in ("passed", "failed")
        for report in terminalreporter.getreports(kind)
    ]
    properties = [what for report in reports for what in report.user_properties]
    counted = Counter(pair for pair in properties if isinstance(pair[1], str))
    for (what, outcome), count in sorted(counted.items()):
        terminalreporter.write_line(f"{what}: {count} {outcome}")
    sums = Counter[str]()
    for what, number in properties:
        if isinstance(number, int):
            sums[what] += number
    for what, number in sorted(sums.items()):
        terminalreporter.write_line(f"{what}: {number:,}")


@pytest.fixture(autouse=True)
def sealed(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Give the test an empty HOME of its own, which is returned, and a known environment."""
    for name in list(os.environ):
        if name.upper().startswith(_REMOVED):
            monkeypatch.delenv(name)
    # Not by mktemp, which looks at all that are there already.
    home = tmp_path_factory.getbasetemp() / "homes" / str(next(_HOMES))
    home.mkdir(mode=0o700, parents=True)
    for name, value in {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "GIT_CONFIG_NOSYSTEM": "1",
        # The machine's examples of hooks are a dozen files for each repository that is
        # made.
        "GIT_TEMPLATE_DIR": "",
        "GIT_AUTHOR_NAME": "Author",
        "GIT_AUTHOR_EMAIL": "author@localhost.invalid",
        "GIT_AUTHOR_DATE": "@1700000000 +0100",
        "GIT_COMMITTER_NAME": "Committer",
        "GIT_COMMITTER_EMAIL": "committer@localhost.invalid",
        "GIT_COMMITTER_DATE": "@1700000000 +0100",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "TZ": "UTC",
    }.items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def jane(sealed: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let git's user be somebody who is named in HOME's configuration alone, at no fixed date; return who."""
    for name in list(os.environ):
        if name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_")):
            monkeypatch.delenv(name)
    (sealed / ".gitconfig").write_text(
        "[user]\n\tname = Jané Doe\n\temail = jane@example.org\n"
    )
    return "Jané Doe <jane@example.org>"


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of nixpkgs, bare, which nobody may write to."""
    return make_upstream(tmp_path_factory.mktemp("upstream"))


@pytest.fixture(scope="session")
def clone_template(upstream: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a clone, which tests copy, as that takes a tenth of the time."""
    directory = tmp_path_factory.mktemp("cloned")
    make_clone(upstream, directory)
    return directory


@pytest.fixture
def new_clone(
    upstream: Path, clone_template: Path, tmp_path: Path, jane: str
) -> Callable[..., Clone]:
    """Return what makes a clone of Jane's, with options of git-clone."""
    assert jane

    def make(*options: str, name: str = "nixpkgs") -> Clone:
        if options or name != "nixpkgs":
            return make_clone(upstream, tmp_path, *options, name=name)
        return copy_clone(clone_template, tmp_path)

    return make


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], None]:
    """Return what puts a shell script on PATH in front of all other programs.

    `$real` in it is the program behind.
    """
    directory = tmp_path / "bin"
    directory.mkdir()

    def write(name: str, script: str) -> None:
        path = directory / name
        # A sealed Nix has nothing on its PATH.
        path.write_text(
            f"#!/bin/sh\nPATH={os.environ['PATH']}\nreal={shutil.which(name)}\n{script}"
        )
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")

    return write
