import os
import queue
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath

import pytest

from toolkit import cache, specimen
from toolkit.cache import VARIABLE
from toolkit.errors import ToolkitError
from toolkit.git.reading import EXECUTABLE, LINK, TreeFile
from toolkit.judge import ground
from toolkit.model import Silence
from toolkit.sources.trees import NixpkgsTree
from toolkit.writable import WritableRoot

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
    contents = {
        NOTES: TreeFile(content=b"{ }\n"),
        NEW: TreeFile(content=b"../x", mode=LINK),
    }
    with ground.opened(base, progress=Silence()) as place:
        with place.holding(contents) as root:
            assert text(root) == "{ }\n"
            assert (root / NEW).is_symlink()
            assert text(base.root) == original
        assert text(place.root) == original
        assert not (place.root / NEW.parent).exists()


def test_a_file_that_goes_is_back_afterwards(base: NixpkgsTree) -> None:
    with ground.opened(base, progress=Silence()) as place:
        with place.holding({NOTES: None}) as root:
            assert not (root / NOTES.parent).exists()
        assert text(place.root) == text(base.root)


def test_what_an_ended_process_has_left_is_put_back(base: NixpkgsTree) -> None:
    with ground.opened(base, progress=Silence()) as place:
        holding = place.holding({NOTES: TreeFile(content=b"{ }\n")})
        root = holding.__enter__()
        assert text(root) == "{ }\n"
    with ground.opened(base, progress=Silence()) as again:
        assert text(again.root) == text(base.root)


def test_both_sides_stand_at_one_path(base: NixpkgsTree) -> None:
    with (
        ground.opened(base, progress=Silence()) as place,
        place.holding({NOTES: None}) as root,
    ):
        assert root == place.root


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../../../../../etc/passwd", "second"]
)
def test_link_that_leads_out_is_not_laid_out(
    base: NixpkgsTree, tmp_path: Path, target: str
) -> None:
    link = TreeFile(content=target.encode(), mode=LINK)
    second = TreeFile(content=str(tmp_path).encode(), mode=LINK)
    contents = {NEW: link, NEW.with_name("second"): second}
    with ground.opened(base, progress=Silence()) as place:
        with pytest.raises(
            ToolkitError, match=r"package\.nix: is a link that points outside the tree$"
        ):
            place.holding(contents).__enter__()
        assert not (place.root / NEW.parent).exists()


def files_of(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("mode", [LINK, EXECUTABLE])
def test_a_directory_that_becomes_another_thing_is_back_afterwards(
    base: NixpkgsTree, mode: str
) -> None:
    gone: dict[PurePosixPath, TreeFile | None] = {
        NOTES: None,
        NOTES.parent: TreeFile(content=b"../x", mode=mode),
    }
    with ground.opened(base, progress=Silence()) as place:
        with place.holding(gone) as root:
            assert (root / NOTES.parent).is_symlink() is (mode == LINK)
            assert not (root / NOTES.parent).is_dir()
        assert files_of(place.root) == files_of(base.root)


def test_no_file_takes_the_place_of_a_directory_with_others(base: NixpkgsTree) -> None:
    with ground.opened(base, progress=Silence()) as place:
        with pytest.raises(
            ToolkitError,
            match=r"^pkgs/by-name: is a directory that contains other files$",
        ):
            place.holding(
                {PurePosixPath("pkgs/by-name"): TreeFile(content=b"")}
            ).__enter__()
        assert files_of(place.root) == files_of(base.root)
    with ground.opened(base, progress=Silence()) as again, again.holding({NOTES: None}):
        pass


def test_nothing_is_written_below_a_link(base: NixpkgsTree, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = TreeFile(content=str(tmp_path / "elsewhere").encode(), mode=LINK)
    with ground.opened(base, progress=Silence()) as place:
        holding = place.holding({NEW.parent: link, NEW: TreeFile(content=b"{ }\n")})
        with pytest.raises(ToolkitError, match="cannot exist below a link"):
            holding.__enter__()
        assert not (place.root / NEW.parent).is_symlink()
    assert not any((tmp_path / "elsewhere").iterdir())


def test_nothing_is_removed_below_a_link(base: NixpkgsTree, tmp_path: Path) -> None:
    precious = tmp_path / "private/package.nix"
    precious.parent.mkdir()
    precious.write_text("precious")
    # A directory becomes a link, and its file goes, in an order that git would not give
    # them.
    contents = {
        NEW: None,
        NEW.parent: TreeFile(content=bytes(precious.parent), mode=LINK),
    }
    with ground.opened(base, progress=Silence()) as place:
        with (
            pytest.raises(ToolkitError, match="is a link that points outside the tree"),
            place.holding(contents),
        ):
            pass
        assert not (place.root / NEW.parent).is_symlink()
        assert precious.read_text() == "precious"
        assert text(place.root) == text(base.root)


def test_users_files_are_as_before_though_the_cache_has_hard_links_to_them(
    tmp_path: Path,
) -> None:
    root = shutil.copytree(specimen.path(), tmp_path / "tree")
    file = root / NOTES
    file.chmod(0o440)
    os.utime(file, (1, 1))
    before = (file.read_bytes(), file.stat().st_mode, file.stat().st_mtime)
    own = NixpkgsTree(root=root, key="own")
    edit = TreeFile(content=b"{ }\n", mode=EXECUTABLE)
    with ground.opened(own, progress=Silence()) as place:
        assert (place.root / NOTES).stat().st_ino == file.stat().st_ino
        with place.holding({NOTES: edit}):
            assert (place.root / NOTES).read_bytes() == b"{ }\n"
        with place.holding({NOTES: None}):
            pass
    other = ground.edited(own, NOTES, b"{ }\n")
    assert (other.root / NOTES).read_bytes() == b"{ }\n"
    # Cleaning the cache deletes names, and opens directories for that alone.
    WritableRoot(other.root.parent).delete(other.root.name)
    WritableRoot(place.root.parent).delete(place.root.name)
    assert (
        file.read_bytes(),
        file.stat().st_mode,
        file.stat().st_mtime,
        file.stat().st_nlink,
    ) == (*before, 1)


def test_a_use_of_the_base_makes_no_ground_anew(tmp_path: Path) -> None:
    root = shutil.copytree(specimen.path(), tmp_path / "tree")
    own = NixpkgsTree(root=root, key="own")
    with ground.opened(own, progress=Silence()) as place:
        inode = place.root.stat().st_ino
    os.utime(root)
    with ground.opened(own, progress=Silence()) as again:
        assert again.root.stat().st_ino == inode


def test_two_judge_a_base_at_a_time(base: NixpkgsTree) -> None:
    with (
        ground.opened(base, progress=Silence()) as one,
        ground.opened(base, progress=Silence()) as other,
    ):
        with (
            one.holding({NOTES: TreeFile(content=b"1\n")}),
            other.holding({NOTES: TreeFile(content=b"2\n")}),
        ):
            assert (text(one.root), text(other.root)) == ("1\n", "2\n")
        assert text(one.root) == text(other.root) == text(base.root)
        first = one.root
    with ground.opened(base, progress=Silence()) as again:
        assert again.root == first


def test_who_waits_for_another_one_says_so(
    base: NixpkgsTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ground, "_MOST", 1)
    said: queue.Queue[str] = queue.Queue()

    class Told(Silence):
        def step(self, what: str) -> None:
            said.put(what)

    def wait() -> None:
        with ground.opened(base, progress=Told()):
            said.put("in")

    with ground.opened(base, progress=Told()):
        thread = threading.Thread(target=wait)
        thread.start()
        assert (
            said.get(timeout=30) == "waiting until another check of this nixpkgs ends"
        )
        assert said.empty()
    assert said.get(timeout=30) == "in"
    thread.join()


def test_the_oldest_changed_tree_becomes_the_next_unless_a_process_has_it(
    base: NixpkgsTree,
) -> None:
    texts = [f"{{ n = {number}; }}\n" for number in range(6)]

    def made(number: int, file: PurePosixPath = NOTES) -> str:
        code = (
            "import sys; from pathlib import Path, PurePosixPath; from toolkit.judge "
            "import ground;"
            "from toolkit.sources.trees import NixpkgsTree;"
            "base = NixpkgsTree(root=Path(sys.argv[1]), key='specimen');"
            "print(ground.edited(base, PurePosixPath(sys.argv[2]), "
            "sys.argv[3].encode()).root)"
        )
        argv = [sys.executable, "-c", code, str(base.root), str(file), texts[number]]
        return subprocess.run(
            argv, check=True, capture_output=True, text=True
        ).stdout.strip()

    board = PurePosixPath("pkgs/by-name/st/status-board/package.nix")
    first, *more = [made(0, board), *(made(number) for number in range(1, 4))]
    assert made(0, board) == first
    os.utime(Path(first).parent, (1, 1))
    inode = Path(first).stat().st_ino
    second = made(4)
    # The same directory has another name, and the file that it had is back.
    assert not Path(first).exists()
    assert Path(second).stat().st_ino == inode
    assert text(Path(second)) == texts[4]
    assert Path(second, board).read_bytes() == (base.root / board).read_bytes()
    assert [text(Path(each)) for each in more] == texts[1:4]
    one = ground.edited(base, NOTES, texts[5].encode())
    os.utime(one.root.parent, (1, 1))
    assert text(Path(made(0))) == texts[0]
    assert text(one.root) == texts[5]
    ours = [ground.edited(base, NOTES, each.encode()) for each in texts]
    assert [text(each.root) for each in ours] == texts
    assert text(base.root) == (specimen.path() / NOTES).read_text()


def test_threads_take_no_changed_tree_from_one_another(
    base: NixpkgsTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    for attempt in range(8):
        # As if other processes had made them.
        monkeypatch.setattr(cache, "_held", set[Path]())
        texts = [f"{{ n = {attempt}{number}; }}\n" for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            made = [
                *pool.map(partial(ground.edited, base, NOTES), map(str.encode, texts))
            ]
        assert [text(each.root) for each in made] == texts


def test_a_changed_tree_that_somebody_has_written_to_is_put_right(
    base: NixpkgsTree,
) -> None:
    changed = ground.changed(base, {NOTES: None, NEW: TreeFile(content=b"{ }\n")})
    (changed.root / NEW).write_text("{ spoilt = true; }\n")
    assert (
        ground.changed(base, {NOTES: None, NEW: TreeFile(content=b"{ }\n")}) == changed
    )
    assert (changed.root / NEW).read_text() == "{ }\n"
    assert not (changed.root / NOTES).exists()


def test_a_changed_tree_never_has_a_link_that_leads_out(base: NixpkgsTree) -> None:
    for _ in range(2):
        with pytest.raises(
            ToolkitError, match="is a link that points outside the tree"
        ):
            ground.changed(base, {NEW: TreeFile(content=b"/etc/passwd", mode=LINK)})
