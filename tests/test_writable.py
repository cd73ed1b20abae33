"""Nothing outside of a root changes, whatever links stand below it."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit import kernel
from toolkit.writable import WritableRoot

LINKS = ("elsewhere/file", "elsewhere", "elsewhere/directory")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a directory outside of the root that its `elsewhere` leads to."""
    directory = tmp_path / "outside"
    (directory / "directory").mkdir(parents=True)
    (directory / "file").write_text("theirs")
    (directory / "directory").chmod(0o555)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "elsewhere").symlink_to(directory)
    (tmp_path / "root" / "own").mkdir()
    return directory


def state(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Return the mode and the content of everything in a directory."""
    return {
        str(path.relative_to(directory)): (
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted([directory, *directory.rglob("*")])
    }


CHANGES: dict[str, Callable[[WritableRoot, str], object]] = {
    "delete": lambda root, path: root.delete(path),
    "prune": lambda root, path: root.prune(path),
    "move": lambda root, path: root.move("own", path),
    "move from": lambda root, path: root.move(path, "own/new"),
    "exchange": lambda root, path: root.exchange("own", path),
    "write": lambda root, path: root.write(f"{path}/new", b"ours"),
    "link": lambda root, path: root.link(f"{path}/new", "ours"),
    "adopt": lambda root, path: root.adopt(f"{path}/new", Path(__file__)),
    "make_directory": lambda root, path: root.make_directory(f"{path}/new"),
    "names": lambda root, path: root.names(path),
}


@pytest.mark.parametrize("path", LINKS)
@pytest.mark.parametrize("change", CHANGES)
def test_nothing_behind_a_link_changes(
    tmp_path: Path, elsewhere: Path, change: str, path: str
) -> None:
    before = state(elsewhere)
    try:
        result = CHANGES[change](WritableRoot(tmp_path / "root"), path)
    except OSError:
        result = None
    assert state(elsewhere) == before
    assert result in (None, [])


@pytest.mark.parametrize("path", ["../outside", "own/../../outside", "/", "", "."])
def test_path_that_is_not_below_the_root_is_refused(
    tmp_path: Path, elsewhere: Path, path: str
) -> None:
    before = state(elsewhere)
    root = WritableRoot(tmp_path / "root")
    root.delete(path)
    with pytest.raises(OSError, match="Invalid cross-device link"):
        root.move(path, "own/new")
    assert state(elsewhere) == before
    assert (tmp_path / "root" / "own").is_dir()


def test_directory_with_a_link_is_deleted_without_what_it_leads_to(
    tmp_path: Path, elsewhere: Path
) -> None:
    before = state(elsewhere)
    WritableRoot(tmp_path).delete("root")
    assert not (tmp_path / "root").exists()
    assert state(elsewhere) == before


@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_read_only_directories_are_deleted(ordinary_user: Path, mode: int) -> None:
    below = ordinary_user / "store" / "package" / "bin"
    below.mkdir(parents=True)
    (below / "program").touch(mode=0o444)
    for directory in (below, below.parent):
        directory.chmod(mode)
    WritableRoot(ordinary_user).delete("store")
    assert list(ordinary_user.iterdir()) == []


def test_missing_path_is_deleted_already(tmp_path: Path) -> None:
    WritableRoot(tmp_path).delete("gone/deeper")
    WritableRoot(tmp_path / "gone").delete("deeper")


def test_file_replaces_an_older_one_and_not_what_a_link_leads_to(
    tmp_path: Path, elsewhere: Path
) -> None:
    root = WritableRoot(tmp_path / "root")
    root.link("link", str(elsewhere / "file"))
    root.write("link", b"ours", mode=0o755)
    assert (elsewhere / "file").read_text() == "theirs"
    written = tmp_path / "root" / "link"
    assert (written.read_text(), written.is_symlink()) == ("ours", False)
    assert stat.S_IMODE(written.stat().st_mode) == 0o755


def test_deleting_a_file_deletes_the_directories_that_are_empty_then(
    tmp_path: Path,
) -> None:
    root = WritableRoot(tmp_path)
    for path in ("a/b/c/file", "a/other"):
        root.write(path, b"")
    root.prune("a/b/c/file")
    assert sorted(os.listdir(tmp_path / "a")) == ["other"]  # noqa: PTH208
    root.prune("a/other")
    assert list(tmp_path.iterdir()) == []


def test_hard_link_is_made_of_a_file_and_of_a_link_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    root = WritableRoot(tmp_path)
    for name in ("file", "link"):
        root.adopt(f"copies/{name}", tmp_path / name)
        made, original = (tmp_path / "copies" / name).lstat(), (tmp_path / name).lstat()
        assert made.st_ino == original.st_ino


@pytest.mark.parametrize("at_once", [True, False])
def test_directories_change_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, at_once: bool
) -> None:
    if not at_once:
        monkeypatch.setattr(kernel, "function", dict[str, object]().get)
    root = WritableRoot(tmp_path)
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    root.exchange("a", "b")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "a",
        "a/b",
        "b",
        "b/a",
    ]
    root.exchange("a", "c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c"]
    with pytest.raises(FileNotFoundError):
        root.exchange("gone", "c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c"]
