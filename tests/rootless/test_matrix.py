"""What a user gets: a rootless dockerd by each wrapper's PATH, as Nix builds it, and a container that answers.

The table in docs/proofs.md says what has to happen. It was measured with dockerd 26, 28
and 29: rootlesskit in the prefix hides a security wrapper of that name; without any
rootlesskit on PATH nothing starts, and before 28 neither does it without the
rootlesskit-docker-proxy beside it, for which there is no security wrapper.
"""

import re
import subprocess
from pathlib import Path

import pytest

from tests.docker.conftest import source_of
from tests.rootless.nixos import KIT, MOBY, SLIRP, Host, program
from toolkit.docker import TARGET
from toolkit.docker import case as cases
from toolkit.docker.claims import building, rewrapping
from toolkit.docker.rewrite import demote
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.steps import Demotion
from toolkit.doctor.start import PROXY
from toolkit.doctor.symptoms import recognise
from toolkit.judge import ground
from toolkit.nix import wrappers
from toolkit.nix.wrappers import PathOrder
from toolkit.shipped import shipped_path

PAGE = Path(__file__).parents[2] / "docs/proofs.md"
HEAD = (
    "| rootlesskit on PATH | security wrapper | module's route | daemon | port 80 "
    "| port 8080 |"
)
STAGES = {
    "in front, as it was": "before",
    "last, rewrapped (overlay rewrap)": "rewrapped",
    "last, as it is now": "suffix",
    "nowhere": "drop",
}
"""Where on PATH a wrapper has rootlesskit → its stage."""

PLACES = {
    "moby/libexec/docker": MOBY,
    "rootlesskit/bin": f"{KIT}/bin",
    "slirp4netns/bin": f"{SLIRP}/bin",
}
"""A package in the store → the directory that has its programs on the host."""


def rows() -> list[tuple[str, ...]]:
    """Return the rows of the page's table, without marks."""
    table = re.sub("[`*]", "", PAGE.read_text()).partition(HEAD)[2].partition("\n\n")[0]
    return [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in table.splitlines()[2:]
    ]


@pytest.fixture(scope="session")
def orders() -> dict[str, PathOrder]:
    """The PATH of each stage's wrapper, by its stage."""
    source = source_of("29.6")
    file = docker_file(source.content, name=str(TARGET))
    contents = {"before": source.content}
    contents |= {str(each): demote.rewrite(file, each).encode() for each in Demotion}
    case = cases.case(contents, name=str(TARGET), source=source)
    overlay = str(shipped_path(f"overlays/{rewrapping.OVERLAY}"))
    given = {"before": {}, "rewrapped": {"overlay": overlay}}
    stand_in = case.stand_in
    for stage in Demotion:
        given[stage] = {
            "series": str(ground.edited(stand_in, TARGET, contents[stage]).root)
        }
    names = {"before": "plain.moby", "rewrapped": "overlay"}
    return {
        stage: building.read_wrapper(
            *building.build(building.dockers(case, **each), [name])
        )
        for stage, each in given.items()
        for name in [names.get(stage, "series.moby")]
    }


def test_page_has_all_stages() -> None:
    assert {row[0] for row in rows()} == set(STAGES)


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[0]}, {row[1]}")
def test_daemon_does_what_the_page_says(
    row: tuple[str, ...], host: Host, image: bytes, orders: dict[str, PathOrder]
) -> None:
    where, wrapper, _, state, *answers = row
    order = orders[STAGES[where]]
    host.docker(
        *(
            [_place(entry) for entry in entries]
            for entries in (order.prefix, order.suffix)
        )
    )
    if wrapper != "none":
        host.security_wrapper(wrapper)
    if state != "starts" and not (PROXY in state and _version() >= 28):
        ((symptom, _),) = recognise(host.fails().splitlines())
        assert symptom.causes[0].fact == state
        return
    with host.daemon() as started:
        host.wait(started)
        for port, answer in zip((80, 8080), answers, strict=True):
            objection = host.publish(port, image)
            # dockerd from 28 on starts without a proxy, and then the port is all that
            # the page does not show.
            assert ("answers" if objection is None else "refused") == (
                answer if state == "starts" else "answers"
            )
            assert (
                objection is None
                or f"cannot expose privileged port {port}" in objection
            )


def _place(entry: str) -> str:
    name = wrappers.short(entry)
    return PLACES.get(name, f"/run/store/{name}")


def _version() -> int:
    said = subprocess.run(
        [program("dockerd"), "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(said.partition("version ")[2].partition(".")[0])
