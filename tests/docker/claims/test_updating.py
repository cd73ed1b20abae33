from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from toolkit.docker.case import BEFORE, DEMOTED
from toolkit.docker.claims import updating

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.docker.conftest import Draft


@pytest.mark.parametrize("layout", ["20.10.14", "24.0", "27.5-alejandra", "29.6"])
def test_rewrites_change_nothing_that_update_sh_reads(draft: Callable[..., Draft], layout: str) -> None:
    assert draft(layout).passes("update.sh")


def test_proof_tells_what_update_sh_takes_for_the_newest(draft: Callable[..., Draft]) -> None:
    proof = draft().prove("update.sh")
    assert proof.covers == "2 release blocks, 14 values that update.sh rewrites"
    assert proof.evidence == ("newest for update.sh: docker_29 29.6.1",)
    assert [command.partition(" /")[0] for command in proof.commands] == ["grep -oE 'docker_[0-9]+'"] * 2


def test_changed_hash_is_named_with_its_release(draft: Callable[..., Draft]) -> None:
    failure = draft().edit(DEMOTED, "fake/moby/29/6/1", "fake/moby/29/6/2").failure("update.sh")
    line = 'mobyHash = "sha256-fake/moby/29/6/1/AAAAAAAAAAAAAAAAAAAAAAAAAA=";'
    assert f"an update of docker_29 would change other values: {line}" in failure
    assert f"the block of docker_29 has other values: {line}" in failure
    assert "docker_25" not in failure


def test_value_that_update_sh_leaves_alone_must_stay_as_well(draft: Callable[..., Draft]) -> None:
    series = draft().rewritten(DEMOTED, lambda text: text.replace("fake/tini/0/19/0", "fake/tini/0/19/1"))
    assert "the block of docker_29 has other values: tiniHash = " in series.failure("update.sh")


def test_version_outside_of_its_block_is_named(draft: Callable[..., Draft]) -> None:
    text = '  docker_29 =\n    let\n      version = "29.6.1";\n    in\n'
    new = "  docker_29 =\n    let\n      version = newest;\n    in\n"
    series = draft().edit(DEMOTED, text, new).edit(DEMOTED, "\nlet\n", '\nlet\n  newest = "29.6.1";\n\n')
    assert "the version of docker_29 is read as ''" in series.failure("update.sh")


def test_swapped_blocks_are_named(draft: Callable[..., Draft]) -> None:
    # What docker_25 says of docker_29 would be the last word on it, and right by accident.
    series = draft().edit(BEFORE, "docker_25 gets no more fixes, docker_29 does", "no more fixes")
    blocks = series.case().after.file.release_blocks()
    old, new = blocks["docker_25"], blocks["docker_29"]
    swapped = series.rewritten(DEMOTED, lambda text: text.replace(old, "\0").replace(new, old).replace("\0", new))
    assert "the newest release is read as 'docker_25' instead of 'docker_29'" in swapped.failure("update.sh")


def test_text_behind_the_blocks_that_names_a_release_is_named(draft: Callable[..., Draft]) -> None:
    failure = draft().rewritten(DEMOTED, lambda text: f"{text}# next: docker_99\n").failure("update.sh")
    assert "the newest release is read as 'docker_99' instead of 'docker_29'" in failure


def test_text_within_a_block_that_update_sh_would_rewrite_is_named(draft: Callable[..., Draft]) -> None:
    text = '      runcRev = "v1.3.6";\n'
    failure = draft().edit(DEMOTED, text, f'{text}      # was runcRev = "v1.3.5"\n').failure("update.sh")
    assert 'an update of docker_29 would change other values: runcRev = "v1.3.5"' in failure


def test_lost_release_is_named(draft: Callable[..., Draft]) -> None:
    series = draft()
    block = series.case().after.file.release_blocks()["docker_25"]
    failure = series.rewritten(DEMOTED, lambda text: text.replace(block, "")).failure("update.sh")
    assert "the version of docker_25 is read as ''" in failure
    assert "the block of docker_25 has other values" in failure


def test_script_of_the_tree_reads_the_same_as_the_proof_does(draft: Callable[..., Draft]) -> None:
    series = draft()
    script = series.source.directory / "update.sh"
    for stage in (BEFORE, DEMOTED):
        directory = series.case().question.parent / stage
        said = subprocess.run(
            ["bash", directory / script.name], check=True, capture_output=True, encoding="utf-8"
        ).stdout.splitlines()
        text = series.texts[stage]
        newest = updating.newest(text)
        assert said[0] == newest == "docker_29"
        assert f"version={updating.version(text, newest)}" in said
        names = [line.partition("=")[0] for line in said[1:]]
        read = [line.split()[0] for line in updating.rewritten(text, newest)]
        assert [name for name in names if name in read] == read
