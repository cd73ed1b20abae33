from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from tests.progress import Steps
from tests.remotes import Repository, state
from toolkit import sources, specimen
from toolkit.cache import Cache
from toolkit.errors import ToolkitError, UsageError
from toolkit.git import reading
from toolkit.model import Oid, Pin, Source, SourceRequest, Upstream

Tree = Callable[..., dict[str, str | bytes]]


@pytest.fixture
def resolve(
    cache: Cache,  # noqa: ARG001 - the user's
    ship: Callable[[Upstream], None],
    progress: Steps,
    target: PurePosixPath,
) -> Callable[..., Source]:
    """Resolve a request that is given by its fields.

    None of the sources here may need a network.
    """

    def call(*, pins: tuple[Pin, ...] = (), **fields: object) -> Source:
        remote = "http://unlet.invalid/nixpkgs.git"
        ship(Upstream(remote=remote, file=target, pins=pins))
        return sources.resolve(
            SourceRequest(**fields, offline=True),  # type: ignore[arg-type] # named by each test
            target=target,
            sparse=("/lib/", "/pkgs/top-level/all-packages.nix", "/gone/"),
            progress=progress,
        )

    return call


def write(directory: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return directory


def files_of(root: Path | None) -> set[str]:
    assert root is not None
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_the_specimen_is_a_source_and_a_lone_file_has_no_tree_around_it(
    resolve: Callable[..., Source], target: PurePosixPath, tmp_path: Path
) -> None:
    source = resolve(nixpkgs="specimen")
    assert source.root == specimen.path()
    assert source.content == (specimen.path() / target).read_bytes()
    assert source.directory == (specimen.path() / target).parent
    assert source.origin == "the embedded specimen"
    (tmp_path / "docker.nix").write_text("{ }\n")
    source = resolve(file=tmp_path / "docker.nix")
    assert source.content == b"{ }\n"
    assert (source.origin, source.directory, source.root) == (
        str(tmp_path / "docker.nix"),
        tmp_path,
        None,
    )
    assert (source.commit, source.committed, source.repository) == (None, None, None)


def test_a_directory_is_used_where_it_is(
    resolve: Callable[..., Source], tmp_path: Path, tree: Tree, target: PurePosixPath
) -> None:
    write(tmp_path, tree())
    before = state(tmp_path)
    source = resolve(nixpkgs=str(tmp_path))
    assert source.content == b"{ docker = 1; }\n"
    assert (source.root, source.directory) == (tmp_path, (tmp_path / target).parent)
    assert (source.commit, source.repository, source.warnings) == (None, None, ())
    assert source.origin == str(tmp_path)
    assert state(tmp_path) == before | {
        each for each in state(tmp_path) if "/cache" in each[0]
    }


@pytest.mark.parametrize("below", ["nixpkgs", "nixos", "nixos/nixpkgs"])
def test_a_channel_is_found_below_its_directory(
    resolve: Callable[..., Source], tmp_path: Path, tree: Tree, below: str
) -> None:
    versions = {".version": "25.11", ".version-suffix": "pre123.1111111"}
    write(tmp_path / "store" / below, tree(**versions))
    (tmp_path / "channels").symlink_to("store")
    source = resolve(nixpkgs=str(tmp_path / "channels"))
    assert source.root == tmp_path / "store" / below
    assert source.origin == f"{tmp_path}/channels (25.11pre123.1111111)"


def test_a_directory_without_the_target_says_so(
    resolve: Callable[..., Source], tmp_path: Path, target: PurePosixPath
) -> None:
    (tmp_path / "flake.lock").write_text("{}")
    with pytest.raises(
        ToolkitError, match=rf"^{tmp_path}: has no '{target}'$"
    ) as raised:
        resolve(nixpkgs=str(tmp_path))
    assert raised.value.hint == (
        f"to use the nixpkgs that it pins: --nixpkgs {tmp_path}/flake.lock"
    )


@pytest.mark.parametrize(
    "name", ["/nonexistent/nixpkgs", "nixpkgs", "~/nixpkgs", "a:b", ""]
)
def test_a_name_that_is_nothing_says_so(
    resolve: Callable[..., Source],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ToolkitError):
        resolve(nixpkgs=name)


def test_the_home_directory_may_be_abbreviated(
    resolve: Callable[..., Source], sealed: Path, tree: Tree
) -> None:
    write(sealed / "nixpkgs", tree())
    assert resolve(nixpkgs="~/nixpkgs").root == sealed / "nixpkgs"


def test_rev_does_not_go_with_a_plain_directory(
    resolve: Callable[..., Source], tmp_path: Path, tree: Tree
) -> None:
    write(tmp_path, tree())
    with pytest.raises(
        UsageError,
        match=r"--rev: does not apply to '.*', which is not a git clone",
    ):
        resolve(nixpkgs=str(tmp_path), rev="master")
    with pytest.raises(UsageError, match="--rev: does not apply to the specimen"):
        resolve(nixpkgs="specimen", rev="y")


def test_a_clone_gives_the_files_of_its_commit(
    resolve: Callable[..., Source], clone: Repository, target: PurePosixPath
) -> None:
    before = state(clone.path)
    source = resolve(nixpkgs=str(clone.path))
    assert state(clone.path) == before
    commit = clone.git("rev-parse", "HEAD")
    assert source.content == b"{ docker = 1; }\n"
    assert (source.commit, source.committed) == (Oid(commit), 1700000000)
    assert source.repository == clone.path / ".git"
    assert source.origin == f"{clone.path} at HEAD ({commit[:12]})"
    for rev in (commit, commit[:9]):
        assert (
            resolve(nixpkgs=str(clone.path), rev=rev).origin
            == f"{clone.path} at {commit[:12]}"
        )
    assert source.warnings == ()
    assert files_of(source.root) == {
        str(target),
        str(target.parent / "update.sh"),
        "lib/default.nix",
        "lib/deep/er.nix",
        "pkgs/top-level/all-packages.nix",
    }


def test_uncommitted_changes_do_not_count_and_it_is_said(
    resolve: Callable[..., Source], clone: Repository, target: PurePosixPath
) -> None:
    (clone.path / target).write_text("{ docker = 5; }\n")
    (clone.path / "lib" / "untracked.nix").write_text("{ }\n")
    source = resolve(nixpkgs=str(clone.path))
    assert source.content == b"{ docker = 1; }\n"
    assert "lib/untracked.nix" not in files_of(source.root)
    worktree = clone.path / target
    assert source.warnings == (
        (
            f"{worktree}: has uncommitted changes, which unlet ignores; commit them to "
            f"include them"
        ),
    )
    assert resolve(nixpkgs=str(clone.path), rev="HEAD").warnings == ()


def test_a_clone_of_something_else_says_so(
    resolve: Callable[..., Source],
    new_repository: Callable[[str], Repository],
    target: PurePosixPath,
    cache: Cache,
) -> None:
    repository = new_repository("other")
    commit = repository.commit({"README.md": "x\n"})
    with pytest.raises(
        ToolkitError, match=rf"other: commit {commit[:12]} has no '{target}'"
    ):
        resolve(nixpkgs=str(repository.path))
    assert cache.entries() == ()


def test_a_clone_with_a_file_that_cannot_be_used_says_so(
    resolve: Callable[..., Source], clone: Repository, target: PurePosixPath
) -> None:
    clone.commit({str(target): b"{\r\n}\r\n"})
    with pytest.raises(
        ToolkitError, match=rf"clone: {target}:1:2: the line ends with CRLF"
    ):
        resolve(nixpkgs=str(clone.path))


def test_the_files_of_a_commit_are_written_once_unless_they_are_changed(
    resolve: Callable[..., Source], clone: Repository, progress: Steps, cache: Cache
) -> None:
    source = resolve(nixpkgs=str(clone.path))
    assert resolve(nixpkgs=str(clone.path)) == source
    assert len(progress.steps) == 1
    assert source.root is not None
    (source.root / "lib" / "default.nix").write_text("{ x }\n")
    assert (
        resolve(nixpkgs=str(clone.path)).directory.parents[3] / "lib" / "default.nix"
    ).read_text() == "{ }\n"
    assert len(progress.steps) == 2
    assert "doomed" in {entry.kind for entry in cache.entries()}


def test_nix_path_is_searched(
    resolve: Callable[..., Source],
    tmp_path: Path,
    tree: Tree,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(tmp_path / "tree", tree())
    monkeypatch.setenv("NIX_PATH", f"nixpkgs={tmp_path}/tree")
    assert resolve(nixpkgs="<nixpkgs>").root == tmp_path / "tree"
    monkeypatch.setenv("NIX_PATH", f"other={tmp_path}")
    with pytest.raises(
        ToolkitError, match=r"^<nixpkgs>: cannot be found: .*\Z"
    ) as raised:
        resolve(nixpkgs="<nixpkgs>")
    assert "NIX_PATH" in (raised.value.hint or "")


def test_a_known_pin_with_another_file_is_an_error(
    resolve: Callable[..., Source], clone: Repository, target: PurePosixPath
) -> None:
    commit = Oid(clone.git("rev-parse", "HEAD"))
    good = Pin(
        name="good", commit=commit, blob=Oid(clone.git("rev-parse", f"HEAD:{target}"))
    )
    bad = Pin(name="bad", commit=commit, blob=reading.blob_id(b"other"))
    unknown = Pin(name="unknown", commit=commit)
    resolve(nixpkgs=str(clone.path), pins=(good, unknown))
    with pytest.raises(
        ToolkitError,
        match=rf"^pin bad: '{target}' is blob \w{{12}}, but the record says \w{{12}}$",
    ):
        resolve(nixpkgs=str(clone.path), pins=(good, bad))
