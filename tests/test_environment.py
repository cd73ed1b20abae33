"""What of the user's environment reaches which program."""

import pytest

from tests import cases
from toolkit import environment
from toolkit.doctor.machine import SERVICES
from toolkit.nix import limits

LISTS = (
    "PARSING",
    "EVALUATING",
    "TOOLS",
    "SERVICES",
    "READING",
    "FETCHING",
    "COMMITTING",
    "BUILDING",
    "TOKEN",
)
GIVEN = cases.read(__file__, dict[str, list[str]])


@pytest.mark.parametrize("purpose", LISTS)
def test_purpose_has_its_names_alone(purpose: str) -> None:
    given = dict.fromkeys(GIVEN, "/x")
    kept = environment.variables(
        SERVICES if purpose == "SERVICES" else getattr(environment, purpose),
        among=given,
    )
    assert sorted(kept) == [
        name for name, purposes in GIVEN.items() if purpose in purposes
    ]


def test_each_list_is_tested() -> None:
    assert {name for name in vars(environment) if name.isupper() and name[0] != "_"} - {
        "TYPE_CHECKING"
    } == {*LISTS} - {"SERVICES"}


def test_path_has_no_entry_that_depends_on_the_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/a::.:bin:/b")
    assert (
        environment.variables(environment.TOOLS)["PATH"]
        == environment.path()
        == "/a:/b"
    )


def test_sealed_nix_has_no_program_and_no_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "told")
    monkeypatch.setenv("XDG_CACHE_HOME", "told")
    variables = limits.variables()
    assert (variables["PATH"], variables["XDG_CACHE_HOME"]) == (
        "/dev/null",
        "/dev/null",
    )
    assert "told" not in variables.values()
