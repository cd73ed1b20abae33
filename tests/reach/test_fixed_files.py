"""`reach --fix` on disk: all files or none, and unlet's overlay beside the user's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reach.conftest import NIXPKGS, SYSTEM
from toolkit.errors import ToolkitError
from toolkit.git import calls
from toolkit.model import Silence, SourceRequest
from toolkit.nix.edit import apply
from toolkit.nix.tree import parsed
from toolkit.reach import fixing, spans
from toolkit.reach.effects import Outcome
from toolkit.reach.fixing import Fixes
from toolkit.reach.reaching import ReachRequest
from toolkit.report import mending

PLAIN = "final: prev: { plain = prev.plain.overrideAttrs { withColour = true; }; }"
LIFTED = (
    'final: prev: { notes-server = prev.notes-server.overrideAttrs { version = "4.3.0"; '
    "}; }"
)
"""An override that needs an overlay of unlet's."""

Mend = Callable[..., Fixes]


@pytest.fixture
def mend(tmp_path: Path) -> Mend:
    """Return what finds the changes of files in a directory."""

    def run(files: dict[str, str], *paths: str, nixpkgs: str = str(NIXPKGS)) -> Fixes:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        request = ReachRequest(
            paths=tuple(tmp_path / path for path in paths or files),
            source=SourceRequest(nixpkgs=nixpkgs),
            systems=(SYSTEM,),
        )
        return fixing.fixes(request, progress=Silence())

    return run


def test_if_the_second_of_two_files_cannot_be_written_the_first_is_as_it_was(
    mend: Mend, tmp_path: Path
) -> None:
    # Beside a name of 254 characters there is no room for that of a new file.
    second = f"{'z' * 250}.nix"
    other = PLAIN.replace("plain", "double").replace("withColour = true", "tool = 1")
    found = mend({"a.nix": PLAIN, second: other}, "a.nix")
    changes = [
        *found.mended,
        mending.Mended(
            file=tmp_path / second, before=other, after=PLAIN, attributes=("double",)
        ),
    ]
    broken = fixing.Fixes(
        reach=found.reach, after=found.after, mended=(*changes,), refused=()
    )
    with pytest.raises(ToolkitError, match="ile name too long; nothing was written"):
        fixing.write(broken)
    assert (tmp_path / "a.nix").read_text() == PLAIN
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nix", second]


HOST = (
    "{ outputs = _: { nixosConfigurations.host = { _module.args.modules = [ ]; "
    "extendModules = _: { config.nixpkgs = { config = { }; overlays = OVERLAYS; }; }; }; }; }"
)
"""A flake with a configuration of NixOS, as far as `reach` asks for it."""

FIRST = "(import ./notes-server-overlay)"
LIST = f"[ ({LIFTED}) ]"
LINES = f"[\n    # mine\n    ({LIFTED})\n  ]"


@pytest.mark.parametrize(
    ("name", "around", "texts"),
    [
        (
            "own.nix",
            "{ nixpkgs.overlays = OVERLAYS; }",
            (LINES, f"[\n    {FIRST}\n    # mine\n    ({LIFTED})\n  ]"),
        ),
        ("flake.nix", HOST, (LIST, f"[ {FIRST} ({LIFTED}) ]")),
    ],
    ids=["configuration", "flake"],
)
def test_the_overlay_stands_beside_the_file_and_first_in_its_list(
    mend: Mend, tmp_path: Path, name: str, around: str, texts: tuple[str, str]
) -> None:
    before, after = (around.replace("OVERLAYS", text) for text in texts)
    calls.run_contributing(tmp_path, "init", "--quiet")
    found = mend({name: before}, nixpkgs="specimen")
    fixing.write(found)
    assert (tmp_path / name).read_text() == after
    assert {row.status for row in found.after.overrides} == {Outcome.REACHES}
    again = mend({}, name, nixpkgs="specimen")
    assert {row.status for row in again.reach.overrides} == {Outcome.REACHES}
    beside = tmp_path / "notes-server-overlay"
    assert found.needed == ()
    assert found.untracked == ((beside,) if name == "flake.nix" else ())


def test_a_file_that_is_a_list_gets_the_overlay_first() -> None:
    edits = spans.first_in_list(parsed(LIST, name="own.nix"), FIRST)
    assert apply(LIST, edits) == f"[ {FIRST} ({LIFTED}) ]"


def test_without_a_list_the_one_to_use_is_printed(mend: Mend, tmp_path: Path) -> None:
    found = mend({"own.nix": LIFTED}, nixpkgs="specimen")
    fixing.write(found)
    assert (tmp_path / "own.nix").read_text() == LIFTED
    beside = tmp_path / "notes-server-overlay"
    assert found.needed == (f"[ (import {beside}) (import {tmp_path}/own.nix) ]",)
    again = mend({}, beside.name, "own.nix", nixpkgs="specimen")
    assert {row.status for row in again.reach.overrides} == {Outcome.REACHES}
