import os
import socket
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from tests.remotes import Remote, Repository
from toolkit.errors import ToolkitError, UnreachableError, UsageError
from toolkit.git import calls, fetching, reading

OPEN = {"uploadpack__allowFilter": "true", "uploadpack__allowAnySHA1InWant": "true"}
PATHS = (
    PurePosixPath("lib"),
    PurePosixPath("pkgs/applications/virtualization/docker"),
    PurePosixPath("gone"),
)


def objects(repository: Path) -> set[str]:
    """Return the kinds and ids of all objects that are there."""
    listed = subprocess.run(
        [
            "git",
            "-C",
            repository,
            "cat-file",
            "--batch-all-objects",
            "--batch-check=%(objecttype) %(objectname)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(listed.stdout.splitlines())


def blobs(repository: Path) -> set[str]:
    return {line.split()[1] for line in objects(repository) if line.startswith("blob")}


def wanted(clone: Repository, rev: str) -> set[str]:
    listed = clone.git("ls-tree", "-r", rev, "--", *map(str, PATHS))
    return {line.split()[2] for line in listed.splitlines()}


@pytest.mark.parametrize(
    "rev", ["HEAD", "master", "next", "v1", "refs/heads/next", "refs/tags/v1", "an id"]
)
def test_a_name_brings_its_commit_and_only_the_files_of_the_paths(
    clone: Repository, server: Remote, tmp_path: Path, rev: str
) -> None:
    url = server.serve(clone, **OPEN)
    rev = clone.git("rev-parse", "v1^{}") if rev == "an id" else rev
    fetching.fetch(url, rev, tmp_path / "into", PATHS)
    assert str(reading.locate(tmp_path / "into").commit) == clone.git(
        "rev-parse", f"{rev}^{{commit}}"
    )
    assert blobs(tmp_path / "into") == wanted(clone, rev)
    assert (
        len([line for line in objects(tmp_path / "into") if line.startswith("commit")])
        == 1
    )


def test_a_server_without_filters_gives_all_files_of_a_commit_by_its_id(
    clone: Repository, server: Remote, tmp_path: Path
) -> None:
    commit = clone.git("rev-parse", "v1^{}")
    fetching.fetch(server.serve(clone), commit, tmp_path / "into", PATHS)
    assert str(reading.locate(tmp_path / "into").commit) == commit
    assert wanted(clone, commit) < blobs(tmp_path / "into")
    server.protocol = False
    with pytest.raises(
        ToolkitError,
        match=r"nixpkgs\.git: git cannot fetch from it: .*unadvertised object",
    ):
        fetching.fetch(f"{server.url}/nixpkgs.git", commit, tmp_path / "other", PATHS)


def test_all_files_come_in_one_round_trip(
    clone: Repository, server: Remote, tmp_path: Path
) -> None:
    clone.commit({f"lib/{number}.nix": f"{number}\n" for number in range(50)})
    fetching.fetch(server.serve(clone, **OPEN), "HEAD", tmp_path / "into", PATHS)
    # The first of each fetch asks what the server can do; names are listed once,
    # objects sent twice.
    assert (
        len([path for path in server.requests if path.endswith("git-upload-pack")])
        <= 2 + 3
    )
    assert len(blobs(tmp_path / "into")) == 50 + 4


def test_repository_that_git_daemon_does_not_export_is_none(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        "git",
        "daemon",
        "--verbose",
        "--listen=127.0.0.1",
        f"--port={port}",
        f"--base-path={tmp_path}",
    ]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, start_new_session=True
    ) as daemon:
        assert daemon.stderr is not None
        assert b"Ready" in daemon.stderr.readline()
        with pytest.raises(
            ToolkitError, match=r"access denied or repository not exported"
        ):
            fetching.fetch(
                f"git://127.0.0.1:{port}/missing", "HEAD", tmp_path / "gone", PATHS
            )
        os.killpg(daemon.pid, 15)


@pytest.mark.parametrize("protocol", [True, False])
def test_an_unknown_rev_is_named(
    clone: Repository, server: Remote, tmp_path: Path, *, protocol: bool
) -> None:
    server.protocol = protocol
    url = server.serve(clone, **OPEN)
    for number, rev in enumerate(("nixos-99", "1" * 40)):
        with pytest.raises(
            ToolkitError, match=rf"^{url}: has no commit, branch or tag '{rev}'$"
        ):
            fetching.fetch(url, rev, tmp_path / str(number), PATHS)
    for rev in ("nixos-99", clone.git("rev-parse", "HEAD")[:12]):
        with pytest.raises(
            ToolkitError, match=rf"^{url}: has no commit, branch or tag '{rev}'$"
        ) as raised:
            fetching.resolve_remote(url, rev)
    assert raised.value.hint == "a remote accepts only a commit id of all 40 digits"


def test_a_rev_is_never_an_option(
    clone: Repository, server: Remote, tmp_path: Path
) -> None:
    url = server.serve(clone, **OPEN)
    with pytest.raises(UsageError):
        fetching.fetch(
            url, f"--upload-pack=touch {tmp_path}/owned", tmp_path / "into", PATHS
        )
    assert not (tmp_path / "owned").exists()


def test_a_remote_that_does_not_answer(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/nixpkgs.git"
        with pytest.raises(
            UnreachableError, match=rf"^{url}: git cannot fetch from it: "
        ) as raised:
            fetching.fetch(url, "HEAD", tmp_path / "into", PATHS)
        assert "\n" not in raised.value.message
        with pytest.raises(UnreachableError):
            fetching.resolve_remote(url, "HEAD")


def test_fetch_refuses_a_url_without_a_repository(
    server: Remote, tmp_path: Path
) -> None:
    for url, said in (
        (f"{server.url}/gone.git", "not found"),
        ((tmp_path / "gone").as_uri(), "not appear to be a git repository"),
    ):
        with pytest.raises(
            ToolkitError, match=rf"/gone(\.git)?: git cannot fetch from it: .* {said}"
        ):
            fetching.fetch(url, "HEAD", tmp_path / "into", PATHS)


def test_the_users_credential_helper_is_asked_and_nobody_else(
    clone: Repository, server: Remote, tmp_path: Path, sealed: Path
) -> None:
    url = server.serve(clone, **OPEN)
    server.required = "secret"
    with pytest.raises(
        ToolkitError,
        match=r"nixpkgs\.git: git cannot fetch from it: could not read Username",
    ):
        fetching.fetch(url, "HEAD", tmp_path / "missing", PATHS)
    helper = "!f() { echo username=user; echo password=secret; }; f"
    (sealed / ".gitconfig").write_text(f'[credential]\nhelper = "{helper}"\n')
    fetching.fetch(url, "HEAD", tmp_path / "into", PATHS)
    assert str(reading.locate(tmp_path / "into").commit) == clone.git(
        "rev-parse", "HEAD"
    )


def test_the_repository_does_not_remember_the_url(
    clone: Repository, server: Remote, tmp_path: Path
) -> None:
    url = server.serve(clone, **OPEN)
    server.required = "secret"
    fetching.fetch(
        url.replace("http://", "http://user:secret@"), "HEAD", tmp_path / "into", PATHS
    )
    texts = [
        path.read_bytes() for path in (tmp_path / "into").iterdir() if path.is_file()
    ]
    assert b"user:secret" not in b"".join(texts)


def test_only_network_calls_see_the_users_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (
        "GIT_DIR",
        "GIT_SSH_COMMAND",
        "GIT_CONFIG_GLOBAL",
        "GIT_ASKPASS",
        "GIT_INDEX_FILE",
    ):
        monkeypatch.setenv(name, "x")
    network, reading, hermetic = calls.network(), calls.reading(), calls.hermetic()
    assert not {"GIT_DIR", "GIT_INDEX_FILE"} & {*network, *reading, *hermetic}
    assert {"GIT_SSH_COMMAND", "GIT_CONFIG_GLOBAL", "GIT_ASKPASS"} <= set(network)
    assert {"GIT_SSH_COMMAND", "GIT_CONFIG_GLOBAL", "GIT_ASKPASS"} & {
        *reading,
        *hermetic,
    } == {"GIT_CONFIG_GLOBAL"}
    assert reading["GIT_CONFIG_GLOBAL"] == "x"
    assert hermetic["GIT_CONFIG_GLOBAL"] != "x"
