import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.cache import Cache, CacheEntry, Cleaning, default_cache
from toolkit.errors import ToolkitError


def is_good(directory: Path) -> bool:
    return (directory / "value").exists() and (directory / "value").read_text() != "bad"


def making(value: str, made: list[str]) -> Callable[[Path], None]:
    def make(directory: Path) -> None:
        made.append(value)
        (directory / "value").write_text(value)

    return make


def put(cache: Cache, kind: str, key: str, value: str = "a") -> Path:
    return cache.obtain(kind, key, make=making(value, []), check=is_good)


def all_files(root: Path) -> set[str]:
    return {
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and "locks" not in path.parts
    }


def test_an_entry_is_made_once(cache: Cache) -> None:
    made: list[str] = []

    def make(directory: Path) -> None:
        making("a", made)(directory)
        assert not (cache.root / "kind" / "key").exists()

    first = cache.obtain("kind", "key", make=make, check=is_good)
    second = cache.obtain("kind", "key", make=making("b", made), check=is_good)
    assert first == second == cache.root / "kind" / "key"
    assert (first / "value").read_text() == "a"
    assert made == ["a"]
    assert [(entry.kind, entry.key) for entry in cache.clean().deleted] == [
        ("kind", "key")
    ]
    assert cache.entries() == ()
    assert all_files(cache.root) == set()
    assert cache.clean() == Cleaning(deleted=(), in_use=())


def taken(*paths: Path) -> int:
    """Return the bytes that directories take of the disk."""
    status = {
        each.lstat().st_ino: each.lstat()
        for path in paths
        for each in (path, *path.rglob("*"))
    }
    return sum(each.st_blocks * 512 for each in status.values())


def test_a_broken_entry_is_made_again_and_deleted_by_clean(cache: Cache) -> None:
    made: list[str] = []
    path = cache.obtain("kind", "key", make=making("a", made), check=is_good)
    (path / "value").write_text("bad")
    cache.obtain("kind", "key", make=making("b", made), check=is_good)
    assert (path / "value").read_text() == "b"
    assert [entry.kind for entry in cache.clean().deleted] == ["kind", "doomed"]
    assert cache.entries() == ()


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
def test_a_failure_leaves_nothing(cache: Cache, failure: type[BaseException]) -> None:
    def make(directory: Path) -> None:
        (directory / "value").write_text("half")
        raise failure

    with pytest.raises(failure):
        cache.obtain("kind", "key", make=make, check=is_good)
    assert all_files(cache.root) == set()
    assert (
        cache.obtain("kind", "key", make=making("a", []), check=is_good) / "value"
    ).read_text() == "a"


def test_of_several_that_want_an_entry_one_makes_it(cache: Cache) -> None:
    made: list[str] = []

    def make(directory: Path) -> None:
        made.append("a")
        time.sleep(0.2)
        (directory / "value").write_text("a")

    threads = [
        threading.Thread(
            target=cache.obtain,
            args=("kind", "key"),
            kwargs={"make": make, "check": is_good},
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["a"]


def test_a_damaged_file_is_not_read(cache: Cache) -> None:
    assert cache.read("kind", "key", "name") is None
    for content in (b"old", b"new"):
        cache.keep("kind", "key", "name", content)
    assert cache.read("kind", "key", "name") == b"new"
    assert all_files(cache.root) == {"kind/key/name"}
    path = cache.root / "kind" / "key" / "name"
    path.write_bytes(path.read_bytes()[:-1])
    assert cache.read("kind", "key", "name") is None


def test_entries_have_kind_size_and_age(cache: Cache) -> None:
    assert cache.entries() == ()
    put(cache, "kind", "older", "12345")
    put(cache, "other", "newer", "1")
    os.utime(cache.root / "kind" / "older", (1000, 1000))
    newer, older = cache.entries()
    assert (newer.kind, newer.key) == ("other", "newer")
    assert (older.kind, older.key, older.size, older.used.timestamp()) == (
        "kind",
        "older",
        taken(older.path),
        1000,
    )
    put(cache, "kind", "older")
    assert time.time() - cache.entries()[0].used.timestamp() < 60


def test_what_another_process_deletes_meanwhile_is_no_failure(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("one", "other"):
        put(cache, "kind", key)
    listed = cache.entries()
    shutil.rmtree(listed[0].path)

    def entries(_: Cache) -> tuple[CacheEntry, ...]:
        return listed

    monkeypatch.setattr(Cache, "entries", entries)
    cache.clean()
    assert all_files(cache.root) == set()
    # What cannot be deleted although it is there is one.
    put(cache, "kind", "other")
    (cache.root / "doomed").rmdir()
    (cache.root / "doomed").write_text("")
    with pytest.raises(ToolkitError, match="other: cannot be deleted: "):
        cache.clean()


def test_clean_leaves_what_is_being_made_and_deletes_what_was_left(
    cache: Cache,
) -> None:
    for name, used in (("making-now", time.time()), ("left", 1000.0)):
        path = cache.root / "making" / name
        path.mkdir(parents=True)
        os.utime(path, (used, used))
    assert [entry.key for entry in cache.clean().deleted] == ["left"]


def test_clean_leaves_what_another_process_uses(cache: Cache) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom toolkit.cache import Cache\n"
        "cache = Cache(Path(sys.argv[1]))\n"
        "cache.obtain('found', 'key', make=Path.touch, check=Path.exists)\n"
        "cache.obtain('made', 'key', make=lambda path: None, check=Path.exists)\n"
        "cache.keep('kept', 'key', 'name', b'')\n"
        "cache.use('store')\n"
        "print(flush=True)\ninput()\n"
    )
    for kind in ("found", "store", "other"):
        put(cache, kind, "key")
    command = [sys.executable, "-c", script, str(cache.root)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        cleaning = cache.clean()
        assert [entry.kind for entry in cleaning.deleted] == ["other"]
        assert {entry.kind for entry in cleaning.in_use} == {
            "found",
            "kept",
            "made",
            "store",
        }
        other.communicate("\n")
    assert {entry.kind for entry in cache.clean().deleted} == {
        "found",
        "kept",
        "made",
        "store",
    }


def test_clean_deletes_what_nobody_may_write_to(ordinary_user: Path) -> None:
    cache = Cache(ordinary_user / "cache")
    put(cache, "nix", "nix")
    outside = ordinary_user / "outside"
    outside.mkdir(mode=0o555)
    store = cache.root / "nix/nix/store"
    (store / "path/bin").mkdir(parents=True)
    (store / "path/bin/link").symlink_to(outside)
    for path in (store / "path/bin", store / "path", store):
        path.chmod(0o555)
    cache.clean()
    assert cache.entries() == ()
    assert outside.stat().st_mode & 0o777 == 0o555


def test_a_cache_that_cannot_be_written_can_be_read_else_it_is_one_line(
    ordinary_user: Path,
) -> None:
    cache = Cache(ordinary_user / "cache")
    path = put(cache, "kind", "key")
    for directory in (path, path.parent, cache.root):
        directory.chmod(0o555)
    assert put(cache, "kind", "key", "b") == path
    for directory in (cache.root, path.parent, path):
        directory.chmod(0o755)
    (ordinary_user / "closed").mkdir(mode=0o555)
    with pytest.raises(
        ToolkitError,
        match=r"closed/cache: the cache cannot be written: permission denied",
    ) as raised:
        put(Cache(ordinary_user / "closed" / "cache"), "kind", "key")
    assert raised.value.hint is not None
    assert "UNLET_CACHE_DIR" in raised.value.hint


def test_a_full_disk_leaves_the_cache_good(small_disk: Path) -> None:
    cache = Cache(small_disk / "cache")
    cache.obtain("kind", "good", make=making("a", []), check=is_good)
    with pytest.raises(
        ToolkitError, match=r"cannot be written: (no space left|file too large)"
    ):
        cache.obtain("kind", "large", make=making("x" * 600_000, []), check=is_good)
    assert all_files(cache.root) == {"kind/good/value"}


@pytest.mark.parametrize("key", ["", ".", "..", "a/b", "../x", "-x"])
def test_a_key_is_a_name(cache: Cache, key: str) -> None:
    with pytest.raises(ToolkitError, match=r"is not a valid name of a cache entry"):
        cache.obtain("kind", key, make=making("a", []), check=is_good)


def test_the_place_follows_the_variable_and_xdg(
    sealed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert default_cache().root == sealed / ".cache" / "unlet"
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert default_cache().root == Path("/xdg/unlet")
    monkeypatch.setenv("UNLET_CACHE_DIR", str(tmp_path / "elsewhere"))
    assert default_cache().root == tmp_path / "elsewhere"
    monkeypatch.setenv("UNLET_CACHE_DIR", "elsewhere")
    with pytest.raises(
        ToolkitError, match=r"UNLET_CACHE_DIR: 'elsewhere' is not an absolute path"
    ):
        default_cache()


def touch(path: Path, when: float) -> None:
    os.utime(path, (when, when))


class TestShrink:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("UNLET_CACHE_MB", "1")

    @staticmethod
    def fill(cache: Cache, *keys: str, kind: str = "trees") -> None:
        """Put entries of 400 kB there, as others have used them, the first one the longest ago."""
        for age, key in enumerate(reversed(keys), 1):
            place = cache.root / kind / key
            place.mkdir(parents=True)
            (place / "file").write_bytes(b"x" * 400_000)
            touch(place, time.time() - age * 1000)

    @staticmethod
    def shrunk(cache: Cache) -> None:
        """Shrink, and wait until nothing is left that has to go."""
        cache.shrink()
        doomed = cache.root / "doomed"
        for _ in range(200):
            if not doomed.exists() or not [*doomed.iterdir()]:
                return
            time.sleep(0.05)
        pytest.fail("the entries are not deleted")

    @staticmethod
    def left(cache: Cache) -> list[str]:
        return sorted(entry.key for entry in cache.entries())

    def test_oldest_go_first_until_the_rest_is_within_the_limit_if_there_is_one(
        self, cache: Cache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.fill(cache, "a", "b", "c", "d")
        monkeypatch.setenv("UNLET_CACHE_MB", "0")
        self.shrunk(cache)
        assert self.left(cache) == ["a", "b", "c", "d"]
        (cache.root / "doomed/left").mkdir(parents=True)
        monkeypatch.setenv("UNLET_CACHE_MB", "1")
        for _ in range(2):
            self.shrunk(cache)
            assert self.left(cache) == ["c", "d"]

    def test_directories_count(self, cache: Cache) -> None:
        self.fill(cache, "a", "b")
        for number in range(100):
            (cache.root / f"trees/a/{number}").mkdir()
        places = {key: cache.root / "trees" / key for key in "ab"}
        assert {entry.key: entry.size for entry in cache.entries()} == {
            key: taken(path) for key, path in places.items()
        }

    def test_what_was_shared_with_one_that_is_gone_counts_for_the_others(
        self, cache: Cache
    ) -> None:
        self.fill(cache, "a", "b")
        self.shrunk(cache)
        for name in ("c", "d"):
            (cache.root / "trees" / name).mkdir()
            os.link(
                cache.root / f"trees/{'ab'['cd'.index(name)]}/file",
                cache.root / f"trees/{name}/file",
            )
        self.shrunk(cache)
        assert self.left(cache) == ["a", "b", "c", "d"]
        self.fill(cache, "e")
        self.shrunk(cache)
        assert len(self.left(cache)) < 5
        assert sum(entry.size for entry in cache.entries()) <= 1_000_000

    def test_what_this_process_has_used_stays(self, cache: Cache) -> None:
        self.fill(cache, "a", "b", "c", "d")
        cache.obtain("trees", "a", make=lambda _: None, check=lambda _: True)
        os.utime(cache.root / "trees/a", (1, 1))
        self.shrunk(cache)
        assert self.left(cache) == ["a", "d"]
        # The kind is still in use.
        assert _clean_elsewhere(cache.root) == ["a", "d"]

    def test_what_another_process_uses_stays(self, cache: Cache) -> None:
        self.fill(cache, "a", "b")
        self.fill(cache, "c", "d", kind="others")
        code = (
            "import sys; from pathlib import Path; from toolkit.cache import Cache; "
            "Cache(Path(sys.argv[1])).use('trees'); print(flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code, cache.root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            self.shrunk(cache)
            assert self.left(cache) == ["a", "b"]
            other.communicate()

    def test_store_of_nix_is_left_alone_and_does_not_count(self, cache: Cache) -> None:
        self.fill(cache, "a", "b", "c", kind="nix")
        self.fill(cache, "d", "e")
        self.shrunk(cache)
        assert self.left(cache) == ["a", "b", "c", "d", "e"]

    def test_what_is_shared_counts_once_for_the_last_that_was_used(
        self, cache: Cache
    ) -> None:
        self.fill(cache, "a", "b")
        trees = cache.root / "trees"
        for key in "cdef":
            (trees / key).mkdir()
            os.link(trees / "a/file", trees / key / "file")
        touch(trees / "f", time.time() + 60)
        sizes = {entry.key: entry.size for entry in cache.entries()}
        assert {key for key, size in sizes.items() if size >= 400_000} == {"f", "b"}
        assert sum(sizes.values()) == taken(*(trees / key for key in sizes))
        self.shrunk(cache)
        assert self.left(cache) == ["a", "b", "c", "d", "e", "f"]


def _clean_elsewhere(root: Path) -> list[str]:
    """Let another process delete all that it may; return what is left."""
    code = (
        "import sys; from pathlib import Path; from toolkit.cache import Cache; "
        "cache = Cache(Path(sys.argv[1])); cache.clean(); print(*(entry.key for entry "
        "in cache.entries()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, root], check=True, capture_output=True, text=True
    )
    return sorted(done.stdout.split())
