import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docker.conftest import drafted
from toolkit import specimen
from toolkit.docker import TARGET
from toolkit.model import Report, Status


@pytest.fixture
def overlay(proposals: Callable[..., tuple[Path, Report]], tmp_path: Path) -> Path:
    """Return a copy of the overlay of a proposal."""
    return shutil.copytree(proposals()[0] / "overlay", tmp_path / "overlay")


def test_overlay_of_the_proposal_gives_the_derivations_of_the_series(
    overlay: Path,
) -> None:
    proof = drafted().prove("overlay", overlay=overlay)
    assert (proof.status, proof.covers) == (
        Status.PASSED,
        "2 releases, x86_64-linux, in the specimen's package set",
    )
    assert [line.partition(": ")[0] for line in proof.evidence] == [
        "docker_25",
        "docker_29",
    ]


@pytest.mark.parametrize(
    ("name", "old", "new", "said", "count"),
    [
        (
            "docker/default.nix",
            r"(?s).*",
            (specimen.path() / TARGET).read_text(),
            "docker_25: /nix/store/",
            2,
        ),
        (
            "docker/default.nix",
            'runcRev = "v1.3.6"',
            'runcRev = "v1.3.7"',
            "docker_29: /nix/store/",
            1,
        ),
        (
            "docker/cli-plugin-dirs-from-environment.patch",
            r"\Z",
            "more\n",
            "docker_29: /nix/store/",
            1,
        ),
        # A release that the overlay lacks is as it was.
        ("default.nix", "    docker_25\n", "", "docker_25: /nix/store/", 1),
        (
            "default.nix",
            r"(?s).*",
            'final: prev: { docker_29 = throw "broken"; }\n',
            "docker_29: the overlay: it throws",
            2,
        ),
    ],
    ids=[
        "unchanged file",
        "one release",
        "file beside it",
        "release that is missing",
        "throws",
    ],
)
def test_overlay_that_gives_something_else_is_named_by_release(  # noqa: PLR0913, PLR0917 - a table
    overlay: Path, name: str, old: str, new: str, said: str, count: int
) -> None:
    path = overlay / name
    text, found = re.subn(old, lambda _: new, path.read_text(), count=1)
    assert found
    path.write_text(text)
    failure = drafted().failure("overlay", overlay=overlay)
    assert said in failure
    assert failure.count(": the overlay: ") == count


def test_overlay_that_is_missing_is_not_run(overlay: Path) -> None:
    proof = drafted().prove("overlay")
    assert (proof.status, proof.reason) == (
        Status.NOT_RUN,
        "because unlet makes an overlay only for its own commits",
    )
    proof = drafted().prove("overlay", overlay=overlay, missing=("update.sh",))
    reason = (
        "because the overlay lacks these files, which unlet did not find: update.sh"
    )
    assert (proof.status, proof.reason) == (Status.NOT_RUN, reason)
