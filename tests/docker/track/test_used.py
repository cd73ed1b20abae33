from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.docker.track.conftest import TARGET, layout
from toolkit.docker.readings import State
from toolkit.docker.track.model import Judgement
from toolkit.errors import ToolkitError
from toolkit.model import SourceRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.docker.track.conftest import Nixpkgs
    from tests.forge.server import Forge
    from toolkit.docker.track.model import TrackAnswer

    Ask = Callable[..., TrackAnswer]


def flake_lock(path: Path, rev: str, *, owner: str = "NixOS") -> SourceRequest:
    locked = {"type": "github", "owner": owner, "repo": "nixpkgs", "rev": rev}
    document = {
        "version": 7,
        "root": "root",
        "nodes": {"root": {"inputs": {"nixpkgs": "nixpkgs"}}, "nixpkgs": {"locked": locked}},
    }
    path.write_text(json.dumps(document))
    return SourceRequest(nixpkgs=str(path))


def test_pin_of_a_lock_file_is_one_small_request(nixpkgs: Nixpkgs, forge: Forge, ask: Ask, tmp_path: Path) -> None:
    rev = nixpkgs.commits["docker: 28.4"]
    answer = ask(forge, "nixos-unstable", own=flake_lock(tmp_path / "flake.lock", rev))
    own = answer.refs[-1]
    assert own.reading is not None
    assert (own.kind, own.state, own.reading.newest) == ("pin", State.NOT_FIXED, "28.4.0")
    assert own.name.endswith(rev[:12])
    assert len(forge.asked(f"/raw/NixOS/nixpkgs/{rev}/")) == 1


def test_pin_is_looked_up_in_the_clone_and_judged(nixpkgs: Nixpkgs, ask: Ask, tmp_path: Path) -> None:
    fix = nixpkgs.commit("docker: fix", layout("states/fixed"))
    nixpkgs.git("branch", "--force", "nixos-unstable", "master")
    old = ask(nixpkgs, own=flake_lock(tmp_path / "flake.lock", nixpkgs.commits["docker: 28.4"]))
    assert (old.verdict.judgement, old.exit_code) == (Judgement.UPDATE, 10)
    assert old.verdict.text.startswith("fixed in nixos-unstable since 20")
    assert old.verdict.text.endswith("does not have it yet")
    new = ask(nixpkgs, own=flake_lock(tmp_path / "flake.lock", fix))
    assert (new.verdict.judgement, new.exit_code) == (Judgement.REMOVE, 10)
    assert new.verdict.text.startswith("fixed in your nixpkgs (")


def test_pin_that_cannot_be_had_now_keeps_no_ref_from_its_answer(
    nixpkgs: Nixpkgs, forge: Forge, ask: Ask, tmp_path: Path
) -> None:
    own = flake_lock(tmp_path / "flake.lock", "f" * 40)
    for where, reason in ((nixpkgs, "has no commit"), (forge, "there is no branch, tag or commit")):
        answer = ask(where, "nixos-unstable", own=own)
        assert answer.refs[0].state is State.NOT_FIXED
        assert reason in (answer.refs[1].reason or "")
        assert (answer.verdict.judgement, answer.exit_code) == (Judgement.UNKNOWN, 11)
    gone = SourceRequest(nixpkgs="http://127.0.0.1:9/nixpkgs.git")
    answer = ask(nixpkgs, "nixos-unstable", own=gone)
    assert "cannot be reached" in (answer.refs[1].reason or "")


def test_pin_on_this_machine_is_read_there(nixpkgs: Nixpkgs, ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "channel" / TARGET
    file.parent.mkdir(parents=True)
    file.write_text(layout("states/fixed"))
    answer = ask(nixpkgs, own=SourceRequest(nixpkgs=str(tmp_path / "channel")))
    assert answer.verdict.judgement is Judgement.REMOVE
    assert answer.refs[-1].name == str(tmp_path / "channel")


def test_pin_that_cannot_be_resolved_is_an_error(nixpkgs: Nixpkgs, ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="no such file or directory"):
        ask(nixpkgs, own=SourceRequest(nixpkgs=str(tmp_path / "nowhere")))
