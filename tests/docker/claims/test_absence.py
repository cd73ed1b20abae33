"""Nothing passes because nothing was looked at."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docker.conftest import drafted
from toolkit.cache import VARIABLE
from toolkit.model import Status

KILLED = 'case " $* " in *" --eval "*) kill -KILL $$ ;; esac; exec "$real" "$@"'


@pytest.mark.parametrize(
    "name", ["no-rebuild", "exact-change", "overridable", "overlay"]
)
def test_killed_nix_proves_nothing_about_the_change(
    install: Callable[[str, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    # What another test has asked is known.
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    install("nix-instantiate", KILLED)
    proof = drafted().prove(name, overlay=tmp_path / "overlay")
    assert proof.status is Status.NOT_RUN
    assert "signal 9 killed the evaluation: the memory was probably full" in str(
        proof.reason
    )


def test_killed_build_proves_nothing_about_the_change(
    install: Callable[[str, str], None],
) -> None:
    install("nix-build", "kill -KILL $$")
    proof = drafted().prove("builds")
    assert proof.status is Status.NOT_RUN
    assert "signal 9 killed the evaluation" in str(proof.reason)


def test_builder_that_is_killed_is_said_to_be(
    install: Callable[[str, str], None],
) -> None:
    said = (
        f"error: builder for '/nix/store/{'0' * 32}-moby-1.drv' failed due to "
        "signal 9 (Killed)"
    )
    install("nix-build", f'echo "{said}" >&2; exit 100')
    reason = drafted().prove("builds").reason
    assert reason is not None
    assert "moby-1 cannot be built: its builder was killed by signal 9" in reason


def test_build_with_fewer_results_than_were_asked_for_is_a_failure(
    install: Callable[[str, str], None],
) -> None:
    install("nix-build", '"$real" "$@" | head -n 2')
    assert (
        drafted().failure("builds") == "nix-build: gave 2 results, but 3 were expected"
    )
