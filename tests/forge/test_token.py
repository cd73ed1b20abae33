import os
from pathlib import Path

import pytest

from toolkit import process
from toolkit.errors import ToolkitError, UsageError
from toolkit.forge.token import Token, find_token

API = "api.github.com"


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `gh` on PATH that knows a token, and writes down its arguments."""
    directory = tmp_path / "bin"
    directory.mkdir()
    program = directory / "gh"
    program.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n[ "$4" = github.com ] && echo from-gh\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "asked"


def value(token: Token | None) -> tuple[str, str] | None:
    return (token.value, token.origin) if token is not None else None


def test_command_comes_before_the_environment_and_that_before_gh(
    gh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_token(None, host="ghe.localhost.invalid") is None
    assert gh.read_text() == "auth token --hostname ghe.localhost.invalid\n"
    assert value(find_token(None, host=API)) == ("from-gh", "gh auth token")
    assert gh.read_text() == "auth token --hostname github.com\n"
    monkeypatch.setenv("GH_TOKEN", "second")
    assert value(find_token(None, host=API)) == ("second", "GH_TOKEN")
    monkeypatch.setenv("GITHUB_TOKEN", "first\n")
    assert value(find_token(None, host=API)) == ("first", "GITHUB_TOKEN")
    assert value(find_token("printf 'own\\nmore'", host=API)) == (
        "own",
        "the token command",
    )


@pytest.mark.parametrize("command", ["", "'", " "])
def test_command_that_is_none_is_a_usage_error(command: str) -> None:
    with pytest.raises(UsageError):
        find_token(command, host=API)


def test_failure_of_the_command_tells_nothing_that_it_says_and_it_is_not_echoed() -> (
    None
):
    with pytest.raises(ToolkitError) as caught:
        find_token("sh -c 'echo secret; echo secret >&2; exit 3'", host=API)
    assert caught.value.message == "the token command: 'sh' ended with status 3"
    with pytest.raises(ToolkitError, match="printed nothing"):
        find_token("true", host=API)
    said: list[str] = []
    with process.echoing(said.append):
        find_token("echo secret", host=API)
    assert said == []


def test_value_that_would_end_a_header_is_refused_without_being_shown() -> None:
    with pytest.raises(ToolkitError) as caught:
        Token(value="a b", origin="GITHUB_TOKEN")
    assert (
        caught.value.message
        == "token from GITHUB_TOKEN: must be one word of ASCII characters"
    )
    assert "word" not in repr(Token(value="word", origin="GITHUB_TOKEN"))
