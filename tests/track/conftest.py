"""A nixpkgs whose docker file goes through our specimens' layouts, as a clone and as a server."""

import os
import subprocess
from collections.abc import Callable, Generator
from functools import cache as once
from pathlib import Path

import pytest
from msgspec import Struct, field
from msgspec.structs import replace

from tests import cases, specimens
from tests.forge.server import Forge, serving
from toolkit.cache import VARIABLE
from toolkit.docker.tracking import DockerFiles
from toolkit.git import reading
from toolkit.model import Server, Silence
from toolkit.track.answer import Ref, TrackAnswer
from toolkit.track.memory import Memory
from toolkit.track.readings import Reading
from toolkit.track.refs import TrackRequest, track

TARGET = "pkgs/applications/virtualization/docker/default.nix"
BY_NAME = "pkgs/by-name/do/docker/package.nix"
DAY = 86400
BEGINNING = 1577880000

_USED = (
    "29.6",
    "28.4",
    "27.0",
    "20.10.21",
    "20.10.14",
    "states/fixed",
    "states/half-demoted",
)


def layout(name: str) -> str:
    return (specimens.path(name) / TARGET).read_text()


class Nixpkgs(Struct):
    """A repository in which each commit is a month after the one before."""

    path: Path
    date: int = BEGINNING
    commits: dict[str, str] = field(default_factory=dict[str, str])

    def git(self, *arguments: str, ok: bool = True) -> str:
        env = {
            **os.environ,
            "GIT_AUTHOR_DATE": f"@{self.date} +0000",
            "GIT_COMMITTER_DATE": f"@{self.date} +0000",
        }
        run = subprocess.run(
            ["git", "-C", self.path, *arguments],
            check=ok,
            capture_output=True,
            text=True,
            env=env,
        )
        return run.stdout.strip()

    def commit(
        self, subject: str, content: str | None = None, *, path: str = TARGET
    ) -> str:
        """Write the file, where a content is given, and commit all that is new."""
        self.date += 30 * DAY
        if content is not None:
            file = self.path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={subject}")
        self.commits[subject] = self.git("rev-parse", "HEAD")
        return self.commits[subject]

    def move(self, old: str, new: str) -> None:
        (self.path / new).parent.mkdir(parents=True, exist_ok=True)
        self.git("mv", old, new)


@pytest.fixture
def empty(tmp_path: Path) -> Nixpkgs:
    return _make(tmp_path / "nixpkgs")


def _make(path: Path) -> Nixpkgs:
    path.mkdir()
    nixpkgs = Nixpkgs(path)
    nixpkgs.git("init", "--quiet", "--initial-branch=master")
    nixpkgs.git("config", "uploadpack.allowFilter", "true")
    return nixpkgs


@once
def _story(base: Path) -> Nixpkgs:
    made = _make(base / "story")
    for name in ("19.03", "20.10.14", "20.10.21", "27.0"):
        made.commit(f"docker: {name}", layout(name))
    made.git("branch", "release-25.05")
    made.git("branch", "release-9.11")
    made.commit("docker: 28.4", layout("28.4"))
    made.git("branch", "release-25.11")
    made.git("branch", "nixos-25.11")
    for name in ("nixos-unstable", "nixpkgs-unstable"):
        made.git("branch", name)
    made.commit("docker: 29.6", layout("29.6"))
    made.git("branch", "staging")
    return made


@pytest.fixture
def nixpkgs(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Nixpkgs:
    """The layouts in turn, nothing fixed at the end.

    Branches for two releases and for the channels.
    """
    story, path = _story(tmp_path_factory.getbasetemp()), tmp_path / "nixpkgs"
    subprocess.run(["cp", "--archive", story.path, path], check=True)
    return replace(story, path=path, commits=dict(story.commits))


@pytest.fixture
def forge(nixpkgs: Nixpkgs) -> Generator[Forge]:
    yield from serving(nixpkgs.path)


@pytest.fixture(autouse=True)
def cache(sealed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a cache of its own: an answer must not come from another test's."""
    root = sealed / "unlet-cache"
    monkeypatch.setenv(VARIABLE, str(root))
    return root


@once
def _known() -> dict[str, Reading]:
    contents: dict[str, bytes] = {
        reading.blob_id(text): text for text in map(str.encode, map(layout, _USED))
    }
    return DockerFiles(Memory()).read(contents)


def remember_layouts() -> None:
    """Put into the cache what the layouts mean, which takes Nix a second each."""
    memory = Memory()
    memory.known.readings.update(_known())
    memory.save()


@pytest.fixture
def ask() -> Callable[..., TrackAnswer]:
    remember_layouts()

    def of(where: Nixpkgs | Forge, *refs: str, **more: object) -> TrackAnswer:
        if isinstance(where, Nixpkgs):
            place: dict[str, object] = {"git_dir": where.path}
        else:
            place = {"api_url": where.api, "raw_url": where.raw, "timeout": 5.0}
        place |= more
        names = ("repository", "api_url", "raw_url", "token_command")
        place["server"] = Server(
            **{name: place.pop(name) for name in names if name in place}  # type: ignore[arg-type]
        )
        request = TrackRequest(refs=refs, **place)  # type: ignore[arg-type] # by name
        return track(request, progress=Silence())

    return of


@pytest.fixture
def answer() -> TrackAnswer:
    """An answer with everything in it, some of it written by somebody who means no good."""
    return cases.read(Path(__file__).with_name("answer"), TrackAnswer)


def ref(answer: TrackAnswer, name: str) -> Ref:
    return next(each for each in answer.refs if each.name == name)


@pytest.fixture
def without_nix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH that has git and nothing else."""
    directory = tmp_path / "only-git"
    directory.mkdir()
    git = subprocess.run(
        ["sh", "-c", "command -v git"], check=True, capture_output=True, text=True
    ).stdout.strip()
    (directory / "git").symlink_to(Path(git).resolve())
    monkeypatch.setenv("PATH", str(directory))
