"""What stands below a root is read there and nowhere else."""

import os
import socket
from pathlib import Path

import pytest

from toolkit import inside
from toolkit.errors import ToolkitError
from toolkit.inside import AbsentError, Entry, EntryKind

SECRET = b"a line that nobody may see"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a tree with a file, beside which there is a secret."""
    root = tmp_path / "tree"
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/file").write_bytes(b"content")
    (root / "a/other").write_bytes(b"other")
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "place").mkdir()
    (tmp_path / "place/secret").write_bytes(SECRET)
    return root


def linked(root: Path, target: str, name: str = "a/link") -> str:
    (root / name).symlink_to(target)
    return name


@pytest.mark.parametrize(
    "target",
    [
        "b/file",
        "./b/../b/file",
        "../a/b/file",
        "{root}/a/b/file",
        "{root}/./a/b/../b/file",
    ],
)
def test_link_to_a_file_of_the_same_tree_is_followed(root: Path, target: str) -> None:
    name = linked(root, target.format(root=root))
    assert inside.read(root, name) == b"content"
    assert inside.is_file(root, name)
    assert str(inside.within(root, name)) == "a/b/file"
    assert not inside.leads_out(root, name)


def test_chains_and_directories_are_followed_too(root: Path) -> None:
    linked(root, "a/b", "short")
    linked(root, "short/../other", "a-other")
    linked(root, "a-other", "chain")
    assert inside.read(root, "short/file") == b"content"
    # `..` is that of the directory behind the link.
    assert inside.read(root, "chain") == b"other"
    assert inside.is_directory(root, "short")
    assert str(inside.within(root, "short/file")) == "a/b/file"


@pytest.mark.parametrize(
    "target",
    [
        "../../secret",
        "{root}/../secret",
        "{outside}/secret",
        "b/../../../secret",
        "../../place/secret",
        "/etc/passwd",
        "/proc/self/environ",
        "/proc/kmsg",
        "/dev/zero",
        "{root}-not/file",
        "../../tree/a/b/file",
        "../../nothing",
    ],
)
def test_link_that_leads_out_is_refused(root: Path, target: str) -> None:
    name = linked(root, target.format(root=root, outside=root.parent))
    with pytest.raises(
        ToolkitError, match=r"/tree/a/link: is a link that points outside the tree$"
    ):
        inside.read(root, name)
    assert not inside.exists(root, name)
    assert inside.within(root, name) is None
    assert inside.leads_out(root, name)


@pytest.mark.parametrize("target", ["/", "..", "../..", "{outside}/place"])
def test_directory_that_leads_out_has_nothing_in_it(root: Path, target: str) -> None:
    (root / "d").symlink_to(target.format(outside=root.parent))
    for name in ("d/secret", "d/etc/passwd", "d/place/secret"):
        with pytest.raises(ToolkitError, match=r"points outside the tree$"):
            inside.read(root, name)
    assert inside.listed(root, "d") == []
    assert [
        entry for entry in inside.entries(root) if entry.path.startswith("d/")
    ] == []
    assert not inside.is_directory(root, "d")


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/passwd", "a/../../secret", "a/b/../../../secret", ""]
)
def test_path_that_leads_out_by_itself_is_refused(root: Path, path: str) -> None:
    with pytest.raises(ToolkitError, match=r"points outside the tree$"):
        inside.read(root, path)


def test_circle_ends(root: Path) -> None:
    linked(root, "two", "one")
    linked(root, "one", "two")
    with pytest.raises(
        ToolkitError, match=r"/one: is a link that points back to itself$"
    ):
        inside.read(root, "one")


def test_nothing_is_absent(root: Path) -> None:
    name = linked(root, "b/gone")
    for path in (name, "x", "a/other/x"):
        with pytest.raises(AbsentError, match=r"no such file or directory$"):
            inside.read(root, path)
        assert inside.find(root, path) is None
    assert not inside.leads_out(root, name)
    with pytest.raises(ToolkitError, match="nul byte"):
        inside.read(root, "a\0b")


def test_what_is_no_regular_file_is_refused_at_once(root: Path) -> None:
    os.mkfifo(root / "fifo")
    linked(root, "../fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()  # noqa: PTH109 - the name of a socket is short
        os.chdir(root)
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
        for path, fact in (
            ("fifo", "is a pipe"),
            ("a/link", "is a pipe"),
            ("socket", "is (a socket|not a regular file)"),
            ("a", "is a directory"),
            (".", "is a directory"),
        ):
            with pytest.raises(ToolkitError, match=rf": {fact}$"):
                inside.read(root, path)
            assert not inside.is_file(root, path)


def test_length_is_bounded_before_anything_is_read(root: Path) -> None:
    with (root / "long").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(
        ToolkitError,
        match=r"/long: is too large: 1099511\.6 MB, more than the limit of 1 MiB$",
    ):
        inside.read(root, "long")
    assert len(inside.read(root, "a/b/file", most=7)) == 7
    with pytest.raises(ToolkitError, match="is too large"):
        inside.read(root, "a/b/file", most=6)


def test_entries_follow_no_link(root: Path) -> None:
    linked(root, "/", "away")
    linked(root, "a", "again")
    os.mkfifo(root / "fifo")
    assert list(inside.entries(root)) == [
        Entry("a", EntryKind.DIRECTORY),
        Entry("again", EntryKind.LINK),
        Entry("away", EntryKind.LINK),
        Entry("fifo", EntryKind.OTHER),
        Entry("a/b", EntryKind.DIRECTORY),
        Entry("a/other", EntryKind.FILE),
        Entry("a/b/file", EntryKind.FILE),
    ]


def test_root_itself_may_be_a_link(root: Path) -> None:
    (root.parent / "named").symlink_to(root)
    assert inside.read(root.parent / "named", "a/b/file") == b"content"


def test_nothing_stays_open(root: Path) -> None:
    linked(root, "/etc/passwd")
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208 - a directory of numbers
    for _ in range(10):
        for path in ("a/link", "a/b/file", "gone", "a/b/../other"):
            inside.exists(root, path)
            inside.within(root, path)
            inside.link(root, path)
        list(inside.entries(root))
    assert len(os.listdir("/dev/fd")) == before  # noqa: PTH208 - as above


@pytest.mark.skipif(
    not os.path.exists("/proc/self/maps"),  # noqa: PTH110 - as above
    reason="needs a file of the kernel's that shows no length",
)
def test_length_of_a_file_that_shows_none_is_bounded() -> None:
    assert Path("/proc/self/maps").stat().st_size == 0
    with pytest.raises(ToolkitError, match=r"/maps: is too large"):
        inside.read(Path("/proc/self"), "maps", most=100)
