"""The conversation with Nix ends when it is over."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.reach.conftest import NIXPKGS, SYSTEM
from toolkit import process
from toolkit.model import Silence, SourceRequest
from toolkit.reach.reaching import ReachRequest, reach

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import Popen

    import pytest


def test_between_two_questions_it_ends_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int | None] = []
    end = process.end

    def observed(running: Popen[bytes]) -> None:
        end(running)
        ended.append(running.returncode)

    monkeypatch.setattr(process, "end", observed)
    overlay = tmp_path / "overlay.nix"
    overlay.write_text("final: prev: { tool = prev.tool.overrideAttrs { doCheck = true; }; }")
    request = ReachRequest(paths=(overlay,), source=SourceRequest(nixpkgs=str(NIXPKGS)), systems=(SYSTEM,))
    assert reach(request, progress=Silence()).overrides
    assert ended
    assert -signal.SIGKILL not in ended
