"""A small package set, and what `reach` says of overlays on it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.model import Silence, SourceRequest
from toolkit.reach.effects import Override, Reach
from toolkit.reach.reaching import ReachRequest, reach

NIXPKGS = Path(__file__).parent / "nixpkgs"
SYSTEM = "x86_64-linux"


@pytest.fixture
def reached(tmp_path: Path) -> Callable[..., Reach]:
    """Return what writes files into one directory and says what their overrides reach; of the user's own for ""."""

    def run(files: dict[str, str] | str, *paths: str, **fields: object) -> Reach:
        texts = {"overlay.nix": f"final: prev: {{ {files} }}"} if isinstance(files, str) else files
        for name, text in texts.items():
            place = tmp_path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        request = ReachRequest(
            paths=() if paths == ("",) else tuple(tmp_path / path for path in paths or texts),
            **{"source": SourceRequest(nixpkgs=str(NIXPKGS)), "systems": (SYSTEM,), **fields},  # type: ignore[arg-type] # as the test names them
        )
        return reach(request, progress=Silence())

    return run


def statuses(found: Reach) -> dict[str, str]:
    return {each.attribute: each.status.value for each in found.overrides}


def left(override: Override) -> list[str]:
    return [each.name for each in override.left]
