from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from toolkit import specimen
from toolkit.cache import VARIABLE
from toolkit.errors import ToolkitError
from toolkit.git.reading import LINK, TreeFile
from toolkit.judge import ground
from toolkit.sources.trees import NixpkgsTree

NOTES = PurePosixPath("pkgs/by-name/no/notes-server/package.nix")
NEW = PurePosixPath("pkgs/by-name/ne/new/package.nix")


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NixpkgsTree:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return NixpkgsTree(root=specimen.path(), key="specimen")


def text(root: Path) -> str:
    return (root / NOTES).read_text()


def test_files_are_replaced_for_a_while_and_the_base_never(base: NixpkgsTree) -> None:
    original = text(base.root)
    contents = {NOTES: TreeFile(content=b"{ }\n"), NEW: TreeFile(content=b"../x", mode=LINK)}
    with ground.opened(base) as place:
        with place.holding(contents) as root:
            assert text(root) == "{ }\n"
            assert (root / NEW).is_symlink()
            assert text(base.root) == original
        assert text(place.root) == original
        assert not (place.root / NEW.parent).exists()


def test_a_file_that_goes_is_back_afterwards(base: NixpkgsTree) -> None:
    with ground.opened(base) as place:
        with place.holding({NOTES: None}) as root:
            assert not (root / NOTES.parent).exists()
        assert text(place.root) == text(base.root)


def test_what_an_ended_process_has_left_is_put_back(base: NixpkgsTree) -> None:
    with ground.opened(base) as place:
        holding = place.holding({NOTES: TreeFile(content=b"{ }\n")})
        root = holding.__enter__()
        assert text(root) == "{ }\n"
    with ground.opened(base) as again:
        assert text(again.root) == text(base.root)


def test_both_sides_stand_at_one_path(base: NixpkgsTree) -> None:
    with ground.opened(base) as place, place.holding({NOTES: None}) as root:
        assert root == place.root


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../etc/passwd", "second"])
def test_link_that_leads_out_is_not_laid_out(base: NixpkgsTree, tmp_path: Path, target: str) -> None:
    link = TreeFile(content=target.encode(), mode=LINK)
    second = TreeFile(content=str(tmp_path).encode(), mode=LINK)
    contents = {NEW: link, NEW.with_name("second"): second}
    with ground.opened(base) as place:
        with pytest.raises(ToolkitError, match=r"package\.nix: is a link that leads out of the tree$"):
            place.holding(contents).__enter__()
        assert not (place.root / NEW.parent).exists()


def test_nothing_is_written_below_a_link(base: NixpkgsTree, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = TreeFile(content=str(tmp_path / "elsewhere").encode(), mode=LINK)
    with ground.opened(base) as place:
        holding = place.holding({NEW.parent: link, NEW: TreeFile(content=b"{ }\n")})
        with pytest.raises(ToolkitError, match="stands below a link"):
            holding.__enter__()
        assert not (place.root / NEW.parent).is_symlink()
    assert not any((tmp_path / "elsewhere").iterdir())
