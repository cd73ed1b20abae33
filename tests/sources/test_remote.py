import gzip
import json
import os
import resource
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath

import pytest

from tests.progress import Steps
from tests.remotes import Remote, Repository, flake_lock
from tests.serving import Handler, running
from toolkit import sources
from toolkit.cache import VARIABLE, Cache
from toolkit.errors import ToolkitError, UnreachableError
from toolkit.model import Oid, Pin, Source, SourceRequest, Upstream
from toolkit.sources import commits
from toolkit.sources.commits import Wanted

OPEN = {"uploadpack__allowFilter": "true", "uploadpack__allowAnySHA1InWant": "true"}


@pytest.fixture
def url(server: Remote, clone: Repository) -> str:
    return server.serve(clone, **OPEN)


@pytest.fixture
def resolve(  # noqa: PLR0913, PLR0917 - what a source is found with
    cache: Cache,  # noqa: ARG001 - the user's
    ship: Callable[[Upstream], None],
    progress: Steps,
    target: PurePosixPath,
    clone: Repository,
    url: str,
) -> Callable[..., Source]:
    """Resolve a request that is given by its fields.

    The pin `original` is the clone's first commit.
    """
    original = Pin(name="original", commit=Oid(clone.git("rev-parse", "v1^{}")))

    def call(
        *,
        pins: tuple[Pin, ...] = (original,),
        sparse: tuple[str, ...] = ("/lib/", "/gone/"),
        **fields: object,
    ) -> Source:
        ship(Upstream(remote=url, file=target, pins=pins))
        request = SourceRequest(**fields)  # type: ignore[arg-type] # named by each test
        return sources.resolve(request, target=target, sparse=sparse, progress=progress)

    return call


def npins(path: Path, version: int = 5, **pins: object) -> str:
    (path / "sources.json").write_text(json.dumps({"pins": pins, "version": version}))
    return str(path / "sources.json")


def test_the_default_is_the_default_pin(
    resolve: Callable[..., Source], clone: Repository, target: PurePosixPath
) -> None:
    source = resolve()
    commit = clone.git("rev-parse", "v1^{}")
    assert source.content == b"{ docker = 0; }\n"
    assert (str(source.commit), source.committed) == (commit, 1700000000)
    assert source.origin == f"nixpkgs {commit[:12]} (pin original)"
    assert source.root is not None
    assert (source.root / "lib" / "deep" / "er.nix").exists()
    assert not (source.root / "README.md").exists()
    assert source.directory == (source.root / target).parent
    assert source.warnings == ()


def test_the_second_run_fetches_nothing_but_more_paths(
    resolve: Callable[..., Source], server: Remote
) -> None:
    first = resolve()
    server.requests.clear()
    second = resolve(offline=True)
    assert server.requests == []
    assert (second.content, second.root, second.commit) == (
        first.content,
        first.root,
        first.commit,
    )
    resolve()
    assert server.requests == []
    resolve()
    source = resolve(sparse=("lib", "README.md"))
    assert server.requests != []
    assert source.root is not None
    assert (source.root / "README.md").exists()


def test_offline_refuses_what_was_not_fetched_and_an_unknown_rev_leaves_the_cache_empty(
    resolve: Callable[..., Source], server: Remote, clone: Repository, cache: Cache
) -> None:
    with pytest.raises(
        ToolkitError,
        match=rf"^commit {clone.git('rev-parse', 'v1^{}')[:12]}: is not in the cache$",
    ):
        resolve(offline=True)
    with pytest.raises(
        ToolkitError, match=r"nixpkgs\.git: 'next' can be looked up only online"
    ):
        resolve(rev="next", offline=True)
    assert server.requests == []
    with pytest.raises(ToolkitError, match=r"has no commit, branch or tag 'nixos-99'"):
        resolve(rev="nixos-99")
    with pytest.raises(
        ToolkitError, match=rf"has no commit, branch or tag '{'1' * 40}'"
    ):
        resolve(rev="1" * 40)
    assert cache.entries() == ()


def test_a_rev_alone_is_one_of_nixpkgs_and_a_url_alone_its_head(
    resolve: Callable[..., Source], url: str, clone: Repository
) -> None:
    assert resolve(rev="next").content == b"{ docker = 2; }\n"
    assert resolve(rev="v1").content == b"{ docker = 0; }\n"
    source = resolve(nixpkgs=url)
    assert source.content == b"{ docker = 1; }\n"
    assert source.origin == f"{url} at HEAD ({clone.git('rev-parse', 'HEAD')[:12]})"
    assert (
        resolve(nixpkgs=clone.path.as_uri(), rev="next").content == b"{ docker = 2; }\n"
    )


def test_a_branch_that_has_moved_is_fetched_again(
    resolve: Callable[..., Source],
    server: Remote,
    clone: Repository,
    url: str,
    target: PurePosixPath,
) -> None:
    resolve(nixpkgs=url)
    clone.commit({str(target): "{ docker = 7; }\n"})
    clone.git("push", "--quiet", str(server.root / "nixpkgs.git"), "master")
    assert resolve(nixpkgs=url).content == b"{ docker = 7; }\n"


def test_a_remote_that_is_no_nixpkgs_says_so(
    resolve: Callable[..., Source],
    server: Remote,
    new_repository: Callable[[str], Repository],
    target: PurePosixPath,
) -> None:
    repository = new_repository("other")
    commit = repository.commit({"README.md": "x\n"})
    url = server.serve(repository, "other.git", **OPEN)
    with pytest.raises(
        ToolkitError, match=rf"other\.git: commit {commit[:12]} has no '{target}'"
    ):
        resolve(nixpkgs=url)


@pytest.mark.parametrize("damage", ["tree", "list"])
def test_a_damaged_entry_is_fetched_again(
    resolve: Callable[..., Source], server: Remote, cache: Cache, damage: str
) -> None:
    source = resolve()
    server.requests.clear()
    assert source.root is not None
    if damage == "tree":
        (source.root / "lib" / "default.nix").unlink()
    else:
        (source.root.parent / "entry.json").write_text("{")
    with pytest.raises(ToolkitError, match=r"is not in the cache"):
        resolve(offline=True)
    assert server.requests == []
    resolve()
    assert server.requests != []
    assert resolve(offline=True).content == source.content
    assert [entry.kind for entry in cache.entries()].count("doomed") >= 1


def test_a_flake_lock_of_nixpkgs_itself_needs_no_url_and_may_name_a_directory(
    resolve: Callable[..., Source], clone: Repository, tmp_path: Path
) -> None:
    rev = clone.git("rev-parse", "next")
    for locked in (
        {"type": "indirect", "id": "nixpkgs", "rev": rev},
        {
            "type": "tarball",
            "url": f"https://channels.invalid/nixexprs.tar.xz?lastModified=1&rev={rev}",
        },
    ):
        assert (
            resolve(nixpkgs=flake_lock(tmp_path / "flake.lock", **locked)).content
            == b"{ docker = 2; }\n"
        )
    for path in (str(clone.path), "clone"):
        name = flake_lock(tmp_path / "flake.lock", type="path", path=path)
        assert resolve(nixpkgs=name).content == b"{ docker = 1; }\n"
    name = flake_lock(tmp_path / "flake.lock", type="path", path="/nix/store/gone")
    with pytest.raises(
        ToolkitError,
        match=r"input 'nixpkgs' is '/nix/store/gone', which is not a directory",
    ):
        resolve(nixpkgs=name)


def test_npins_gives_its_nixpkgs(
    resolve: Callable[..., Source], clone: Repository, url: str, tmp_path: Path
) -> None:
    first, third = clone.git("rev-parse", "v1^{}"), clone.git("rev-parse", "next")
    clone.git("config", "--global", f"url.{url}.insteadOf", "https://unlet.invalid/a")
    repository = {"type": "Git", "url": "https://unlet.invalid/a"}
    pins = {
        "nixpkgs": {
            "type": "Git",
            "repository": repository,
            "branch": "next",
            "revision": third,
            "hash": "x",
        },
        "old": {
            "type": "GitRelease",
            "repository": repository,
            "version": "v1",
            "revision": first,
        },
    }
    for version in (3, 7):
        assert (
            resolve(nixpkgs=npins(tmp_path, version, **pins)).content
            == b"{ docker = 2; }\n"
        )
    assert (
        resolve(nixpkgs=f"{tmp_path}/sources.json#old").content == b"{ docker = 0; }\n"
    )


@pytest.fixture
def commit_of(target: PurePosixPath, progress: Steps) -> Callable[[str], Oid]:
    """Ask a release for its commit; a lock file may name one by https only."""
    return partial(
        commits.commit_of,
        wanted=Wanted(
            target=target, paths=(), remote="", offline=False, progress=progress
        ),
    )


def test_a_channels_release_says_its_commit(
    commit_of: Callable[[str], Oid], server: Remote, clone: Repository
) -> None:
    commit = clone.git("rev-parse", "next")
    place = server.root / "static" / f"nixos-25.11pre1.{commit[:12]}"
    place.mkdir(parents=True)
    (place / "git-revision").write_text(commit)
    release = f"{server.url}/static/{place.name}/nixexprs.tar.xz"
    assert str(commit_of(release)) == commit


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        (None, r"contains no commit id \(HTTP status 404\)"),
        ("<html>", "contains no commit id"),
        ("2" * 40, "names the commit 222222222222, but the release names "),
    ],
)
def test_a_release_that_does_not_say_its_commit_is_an_error(
    commit_of: Callable[[str], Oid], server: Remote, said: str | None, fact: str
) -> None:
    place = server.root / "static" / "nixos-25.11pre1.111111111111"
    place.mkdir(parents=True)
    if said is not None:
        (place / "git-revision").write_text(said)
    with pytest.raises(ToolkitError, match=rf"git-revision: (the answer )?{fact}"):
        commit_of(f"{server.url}/static/{place.name}/nixexprs.tar.xz")


class Flood(Handler):
    """A server of releases whose answers are more than a commit, or elsewhere."""

    kind = ""
    sent = 0

    def answer(self) -> None:
        packed = (
            gzip.compress(bytes(64 << 20))
            if self.kind == "gzip"
            else zlib.compress(bytes(64 << 20))
        )
        self.send_response(302 if self.kind == "redirect" else 200)
        if self.kind in {"gzip", "deflate"}:
            self.send_header("Content-Encoding", self.kind)
        if self.kind == "redirect":
            self.send_header("Location", self.path)
        self.end_headers()
        with suppress(OSError):
            while type(self).sent < 256 << 20:
                type(self).sent += self.wfile.write(
                    packed if self.kind in {"gzip", "deflate"} else b"a" * 65536
                )


@pytest.mark.parametrize("kind", ["gzip", "deflate", "plain", "redirect"])
def test_release_that_answers_without_an_end_is_bounded(
    commit_of: Callable[[str], Oid], kind: str
) -> None:
    handler: type[Flood] = type("Kind", (Flood,), {"kind": kind, "sent": 0})
    with running(handler) as server:
        url = f"{server}/nixos-25.11pre1.111111111111/nixexprs.tar.xz"
        fact = (
            "contains no commit id"
            if kind == "redirect"
            else "is larger than the limit of 4096 bytes"
        )
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(ToolkitError, match=fact):
            commit_of(url)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 << 10
    assert handler.sent < 64 << 20


def test_a_release_that_cannot_be_asked_is_an_error(
    resolve: Callable[..., Source], tmp_path: Path
) -> None:
    channel = {
        "type": "Channel",
        "name": "x",
        "url": "https://unlet.invalid/a.111111111111/nixexprs.tar.xz",
    }
    with pytest.raises(
        UnreachableError,
        match=r"unlet\.invalid/a\.111111111111/git-revision: cannot be read",
    ):
        resolve(nixpkgs=npins(tmp_path, nixpkgs=channel))


def test_a_full_disk_is_one_line_and_leaves_the_cache_good(
    resolve: Callable[..., Source],
    clone: Repository,
    server: Remote,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit = clone.commit({"lib/large": os.urandom(600_000)})
    url = server.serve(clone, "large.git", **OPEN)
    small_disk: Path = request.getfixturevalue("small_disk")
    monkeypatch.setenv(VARIABLE, str(small_disk / "cache"))
    resolve(rev="v1")
    with pytest.raises(ToolkitError) as raised:
        resolve(nixpkgs=url, rev=commit)
    assert "\n" not in raised.value.message
    assert (
        resolve(rev=clone.git("rev-parse", "v1^{}"), offline=True).content
        == b"{ docker = 0; }\n"
    )
    assert {entry.kind for entry in Cache(small_disk / "cache").entries()} == {
        "commits"
    }
    if os.geteuid() == 0:
        assert raised.value.message.startswith(f"{url}: git cannot fetch from it: ")
