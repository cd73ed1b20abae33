"""What of the user's environment reaches which program."""

from collections.abc import Mapping

import pytest

from toolkit import environment
from toolkit.doctor.machine import SERVICES
from toolkit.nix import limits

LISTS = ("PARSING", "EVALUATING", "TOOLS", "SERVICES", "READING", "FETCHING", "COMMITTING", "BUILDING", "TOKEN")
GIVEN: Mapping[str, str] = {
    "AWS_SECRET_ACCESS_KEY": "BUILDING",
    "BW_SESSION": "TOKEN",
    "DBUS_SESSION_BUS_ADDRESS": "SERVICES FETCHING COMMITTING BUILDING TOKEN",
    "GH_TOKEN": "TOKEN",
    "GITHUB_TOKEN": "TOKEN",
    "GIT_AUTHOR_NAME": "COMMITTING",
    "GIT_CONFIG_GLOBAL": "READING FETCHING COMMITTING BUILDING TOKEN",
    "GIT_DIR": "",
    "GIT_EXEC_PATH": "",
    "GIT_SSH_COMMAND": "FETCHING BUILDING TOKEN",
    "GNUPGHOME": "FETCHING COMMITTING BUILDING TOKEN",
    "GPG_TTY": "FETCHING COMMITTING BUILDING TOKEN",
    "HGRCPATH": "",
    "HOME": "TOOLS SERVICES READING FETCHING COMMITTING BUILDING TOKEN",
    "LC_MESSAGES": "TOOLS SERVICES READING FETCHING COMMITTING BUILDING TOKEN",
    "LD_PRELOAD": "",
    "NIX_CONFIG": "BUILDING",
    "NIX_PATH": "BUILDING",
    "NIX_REMOTE": "EVALUATING BUILDING",
    "NIX_SSHOPTS": "BUILDING",
    "PATH": "TOOLS SERVICES READING FETCHING COMMITTING BUILDING TOKEN",
    "PYTHONPATH": "",
    "SECRET": "",
    "SSH_AUTH_SOCK": "FETCHING COMMITTING BUILDING TOKEN",
    "SSL_CERT_FILE": "FETCHING BUILDING TOKEN",
    "UNLET_CACHE_DIR": "",
    "XDG_CONFIG_HOME": "SERVICES READING FETCHING COMMITTING BUILDING TOKEN",
    "https_proxy": "FETCHING BUILDING TOKEN",
}


@pytest.mark.parametrize("purpose", LISTS)
def test_purpose_has_its_names_alone(purpose: str) -> None:
    given = dict.fromkeys(GIVEN, "/x")
    kept = environment.of(SERVICES if purpose == "SERVICES" else getattr(environment, purpose), among=given)
    assert sorted(kept) == [name for name, purposes in GIVEN.items() if purpose in purposes.split()]


def test_each_list_is_tested() -> None:
    assert {name for name in vars(environment) if name.isupper() and name[0] != "_"} - {"TYPE_CHECKING"} == {*LISTS} - {
        "SERVICES"
    }


def test_path_has_no_entry_that_depends_on_the_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/a::.:bin:/b")
    assert environment.of(environment.TOOLS)["PATH"] == environment.path() == "/a:/b"


def test_sealed_nix_has_no_program_and_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "told")
    monkeypatch.setenv("XDG_CACHE_HOME", "told")
    variables = limits.variables()
    assert (variables["PATH"], variables["XDG_CACHE_HOME"]) == ("/dev/null", "/dev/null")
    assert "told" not in variables.values()
