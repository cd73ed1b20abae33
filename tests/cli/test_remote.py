"""The commands, as README has them, against a remote in the form of nixpkgs.

And clones of it that lack most files.
"""

import json
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Unlet
from tests.cli.conftest import own_cache as cache_place
from tests.clones import TARGET
from tests.remotes import Remote, Repository
from toolkit.errors import without_passwords

__all__ = ["cache_place"]

ONLY = ("--only", "demote", "--only", "nixos-module")
OPEN = {"uploadpack__allowFilter": "true", "uploadpack__allowAnySHA1InWant": "true"}


@pytest.fixture
def shaped(upstream: Path) -> Repository:
    return Repository(upstream)


def test_fetched_file_is_that_of_a_checkout_and_is_proven(
    unlet: Unlet, shaped: Repository, server: Remote
) -> None:
    url = server.serve(shaped, **OPEN)
    done = unlet("propose", "--nixpkgs", url, "--rev", "master", *ONLY)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    proofs = json.loads((unlet.cwd / "proposal/report.json").read_bytes())["proofs"]
    found = {proof["name"]: proof["status"] for proof in proofs}
    assert found["applies"] == "passed"
    assert set(found.values()) <= {"passed", "not run"}
    (tree,) = (Path(unlet.env["XDG_CACHE_HOME"]) / "unlet" / "commits").glob("*/tree")
    assert (tree / ".version").is_symlink()
    overlay = {
        path.name: path.stat().st_mode & 0o100
        for path in (unlet.cwd / "proposal/overlay/docker").iterdir()
    }
    assert overlay == {name: 0o100 if name.endswith(".sh") else 0 for name in overlay}
    assert set(overlay) > {"update.sh", "cli-plugin-dirs-from-environment.patch"}
    assert not (tree / "big").exists()


def test_partial_clone_without_attributes_is_enough(
    unlet: Unlet, shaped: Repository, server: Remote, tmp_path: Path
) -> None:
    clone = Repository(tmp_path / "clone")
    sparse = tomllib.loads((ROOT / "patches/docker.toml").read_text())["sparse"]
    command = [
        "git",
        "clone",
        "--quiet",
        "--filter=blob:none",
        "--no-checkout",
        server.serve(shaped, **OPEN),
    ]
    subprocess.run([*command, str(clone.path)], check=True)
    for line in clone.git(
        "ls-tree", "-r", "HEAD", *sparse, str(Path(TARGET).parent)
    ).splitlines():
        clone.git("cat-file", "blob", line.split()[2])
    asked = len(server.requests)
    done = unlet("propose", "--nixpkgs", clone.path, "--only", "demote")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert len(server.requests) == asked


@pytest.mark.parametrize("password", ["secret", "wrong"])
def test_password_of_a_url_is_printed_and_written_nowhere(
    unlet: Unlet, shaped: Repository, server: Remote, tmp_path: Path, password: str
) -> None:
    url = server.serve(shaped, **OPEN)
    server.required = "secret"
    with_password = url.replace("http://", f"http://user:{password}@")
    clone = Repository(tmp_path / "clone")
    subprocess.run(["git", "init", "--quiet", str(clone.path)], check=True)
    clone.git("remote", "add", "origin", with_password)
    home = Path(unlet.env["HOME"])
    (home / ".gitconfig").write_text(
        "[user]\nname = Jane\nemail = jane@localhost.invalid\n"
    )
    for command in (
        ("overlay", "--nixpkgs", with_password, "--out", "overlay"),
        ("track", "--nixpkgs", with_password, "--git-dir", str(shaped.path)),
        *(
            [("pr", "--repo", str(clone.path), "--fetch")]
            if password != server.required
            else []
        ),
    ):
        done = unlet(*command, "-v")
        said = done.stdout + done.stderr
        assert command[0] == "pr" or url.partition("://")[2] in said
        assert password not in said
        assert "user:" not in said
    written = [
        path
        for place in (unlet.cwd, home / "cache")
        for path in place.rglob("*")
        if path.is_file()
    ]
    assert [
        path for path in written if f"user:{password}".encode() in path.read_bytes()
    ] == []


def test_users_of_other_protocols_stay_in_what_is_shown() -> None:
    for text, shown in {
        "git ls-remote ssh://git@host/x": "git ls-remote ssh://git@host/x",
        "ssh://git:pass@host/x": "ssh://git@host/x",
        "remote.origin.url=https://t0ken@host/x": "remote.origin.url=https://host/x",
        "'https://user:p@ss@host/x' a@b": "'https://host/x' a@b",
        "git@host:x http://host/a@b?c:d@e": "git@host:x http://host/a@b?c:d@e",
    }.items():
        assert without_passwords(text) == shown
