"""A small package set, and what `reach` says of overlays on it."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeAlias

import pytest

from toolkit.model import Silence, SourceRequest
from toolkit.reach.effects import Override, Reach
from toolkit.reach.reaching import ReachRequest, reach

NIXPKGS = Path(__file__).parent / "nixpkgs"
SYSTEM = "x86_64-linux"

Apart: TypeAlias = Callable[[Collection[str]], dict[str, list[Override]]]


@pytest.fixture
def reached(tmp_path: Path) -> Callable[..., Reach]:
    """Return what writes files into one directory and says what their overrides reach.

    Of the user's own for "".
    """

    def run(files: dict[str, str] | str, *paths: str, **fields: object) -> Reach:
        texts = (
            {"overlay.nix": f"final: prev: {{ {files} }}"}
            if isinstance(files, str)
            else files
        )
        for name, text in texts.items():
            place = tmp_path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        request = ReachRequest(
            paths=()
            if paths == ("",)
            else tuple(tmp_path / path for path in paths or texts),
            **{
                "source": SourceRequest(nixpkgs=str(NIXPKGS)),
                "systems": (SYSTEM,),
                **fields,
            },  # type: ignore[arg-type] # as the test names them
        )
        return reach(request, progress=Silence())

    return run


@pytest.fixture
def apart(reached: Callable[..., Reach], tmp_path: Path) -> Apart:
    """Return what says of each override what it reaches alone: a flake for each, in one conversation with Nix."""

    def run(overrides: Collection[str]) -> dict[str, list[Override]]:
        files: dict[str, str] = {}
        for number, override in enumerate(overrides):
            files[f"{number}/flake.nix"] = (
                f"{{ outputs = _: {{ overlays.one = final: prev: {{ {override} }}; "
                f"}}; }}"
            )
            files[f"{number}/a.patch"] = ""
        found = reached(files, *map(str, range(len(overrides)))).overrides
        by_file = {
            f"{tmp_path}/{number}/flake.nix": override
            for number, override in enumerate(overrides)
        }
        return {
            override: [each for each in found if by_file[each.file or ""] == override]
            for override in overrides
        }

    return run


def statuses(found: Reach) -> dict[str, str]:
    return {each.attribute: each.status.value for each in found.overrides}


def left(override: Override) -> list[str]:
    return [each.name for each in override.left]
