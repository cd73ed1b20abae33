"""git uses only permitted protocols for a URL, whatever its form."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clones import git
from toolkit.errors import ToolkitError
from toolkit.git import calls, urls
from toolkit.git.urls import STRANGERS, RemoteUrl


@pytest.mark.parametrize(
    ("url", "protocol"),
    [
        ("https://a/b", "https"),
        ("HTTPS://a/b", "https"),
        ("ssh://git@a/b", "ssh"),
        ("git@a:b/c", "ssh"),
        ("a:b", "ssh"),
        ("git://a/b", "git"),
        ("file:///a", "file"),
        ("/a/b", "file"),
        ("./a:b", "file"),
        ("x::https://a/b", "x::"),
        ("::https://a/b", "::"),
        ("x://a", "x"),
        ("git+x://a", "git+x"),
    ],
)
def test_protocol_is_the_one_that_git_would_use(url: str, protocol: str) -> None:
    assert urls.protocol(url) == protocol


@pytest.mark.parametrize(
    "url", ["x::a", "::a", "x://a", "/a", "file:///a", "http://a", "ext::sh -c a"]
)
def test_file_of_a_stranger_may_not_name_it(url: str) -> None:
    with pytest.raises(ToolkitError, match=r"unlet does not (use the protocol|read)"):
        RemoteUrl(url, protocols=STRANGERS)


@pytest.mark.parametrize("url", ["-u:a", "https://a/\x1b[31m", "https://a/\nb"])
def test_url_is_no_option_and_can_be_printed(url: str) -> None:
    with pytest.raises(ToolkitError, match="is not a URL"):
        RemoteUrl(url)


def test_password_is_not_shown() -> None:
    with pytest.raises(ToolkitError) as raised:
        RemoteUrl("x://user:secret@a")
    assert "secret" not in raised.value.message


def test_git_starts_no_helper_for_the_remote_of_a_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone can permit by its configuration what git refuses by default."""
    helper = tmp_path / "bin" / "git-remote-x"
    helper.parent.mkdir()
    helper.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    helper.chmod(0o755)
    path = f"{helper.parent}:{Path(shutil.which('git') or '').parent}:/usr/bin:/bin"
    monkeypatch.setenv("PATH", path)
    clone = tmp_path / "clone"
    clone.mkdir()
    git(clone, "init", "--quiet")
    git(clone, "remote", "add", "origin", "x::a")
    git(clone, "config", "protocol.x.allow", "always")
    subprocess.run(["git", "-C", clone, "fetch"], check=False, capture_output=True)
    assert (tmp_path / "started").exists()
    (tmp_path / "started").unlink()
    calls.run_network(clone, "fetch", "origin", ok=None)
    assert not (tmp_path / "started").exists()
