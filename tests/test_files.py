import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit import files
from toolkit.errors import ToolkitError
from toolkit.files import check_content, ensure_free, whole_directory

OURS = '{"unlet": "0.1.0"}'


def proposal(path: Path, **more: str) -> Path:
    """Make a directory as an earlier run has left it."""
    path.mkdir()
    for name, content in {"report.json": OURS, "old": "old", **more}.items():
        (path / name).write_text(content)
    return path


def content_of(path: Path) -> dict[str, str]:
    return {
        str(each.relative_to(path)): each.read_text()
        for each in path.rglob("*")
        if each.is_file()
    }


def write_half(place: Path, failure: BaseException) -> None:
    with whole_directory(place, force=True) as building:
        (building / "half").write_text("half")
        raise failure


def write_large(place: Path) -> None:
    with whole_directory(place, force=True) as building:
        (building / "small").write_text("small")
        (building / "large").write_bytes(b"x" * 600_000)


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("gone.nix", r"^/.*/gone\.nix: no such file or directory$"),
        ("dangling", "dangling: no such file or directory"),
        ("circle", "circle: too many levels of symbolic links"),
        ("a\0b", "embedded null"),
        ("directory", "is a directory$"),
        ("device", "is a device$"),
        ("/dev/zero", "is a device$"),
    ],
)
def test_what_is_no_file_is_named(tmp_path: Path, name: str, fact: str) -> None:
    (tmp_path / "directory").mkdir()
    for link, target in (
        ("dangling", "gone"),
        ("circle", "circle"),
        ("device", "/dev/zero"),
    ):
        (tmp_path / link).symlink_to(target)
    with pytest.raises(ToolkitError, match=fact):
        files.read(tmp_path / name)


def test_an_unreadable_file(ordinary_user: Path) -> None:
    file = ordinary_user / "default.nix"
    file.write_text("{ }")
    file.chmod(0)
    with pytest.raises(ToolkitError, match=r"default\.nix: permission denied$"):
        files.read(file)


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"", "x: is empty"),
        (b"{ }\n\0", "x: is a binary file: NUL byte at offset 4"),
        (b"{ }\n# \xc3\xbc \xff", "x:2:5: is not UTF-8: byte 0xff at offset 9"),
        (b"{ }\n\xc3", "x:2:1: is not UTF-8: byte 0xc3 at offset 4"),
        (b"{\n  a = 1;\r\n}\r\n", "x:2:9: the line ends with CRLF"),
        (b"#" * 10_000_000, "x: is too large: 10.0 MB, more than the limit of 1 MiB"),
    ],
)
def test_content_that_cannot_be_the_target(content: bytes, fact: str) -> None:
    with pytest.raises(ToolkitError) as raised:
        check_content("x", content)
    assert raised.value.message == fact


def test_content_of_the_largest_size_is_taken_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "default.nix"
    file.write_bytes(
        content := '{ a = "ü";\r }'.encode() + b"#" * (files.MAXIMUM_BYTES - 14)
    )
    assert len(content) == files.MAXIMUM_BYTES
    assert files.read(file) == content
    check_content("x", content)
    file.write_bytes(content + b"#")
    with pytest.raises(ToolkitError, match=r"too large"):
        files.read(file)


def test_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(
        ["sh", "-c", f"sleep 0.2; exec >'{pipe}'; printf 'a '; sleep 0.2; printf b"]
    ):
        assert files.read(pipe) == b"a b"


def test_pipe_that_nobody_closes_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIPE_SECONDS", 0.2)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    began = time.monotonic()
    with pytest.raises(
        ToolkitError,
        match=r"/pipe: is a pipe, and its writer did not close it within 0\.2 s$",
    ):
        files.read(pipe)
    assert time.monotonic() - began < 5


def test_pipe_without_end_is_not_read_to_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with (
        subprocess.Popen(["sh", "-c", f"yes >'{pipe}' 2>/dev/null"]),
        pytest.raises(ToolkitError, match=r"/pipe: is too large"),
    ):
        files.read(pipe)


@pytest.mark.parametrize("empty", [True, False])
def test_a_directory_appears_when_it_is_whole_and_has_the_usual_mode(
    tmp_path: Path, *, empty: bool
) -> None:
    (tmp_path / "usual").mkdir()
    place = tmp_path / "proposal"
    if empty:
        place.mkdir()
    with whole_directory(place) as building:
        (building / "series").mkdir()
        (building / "series" / "a").write_text("a")
        assert content_of(tmp_path / "proposal") == {} if empty else not place.exists()
        assert building.parent == place.parent
    assert content_of(place) == {"series/a": "a"}
    assert sorted(tmp_path.iterdir()) == [place, tmp_path / "usual"]
    assert place.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_directory_that_is_not_empty_needs_force(tmp_path: Path) -> None:
    place = proposal(tmp_path / "proposal")
    with (
        pytest.raises(ToolkitError, match=r"proposal: is not empty$") as raised,
        whole_directory(place),
    ):
        pytest.fail("the block must not run")
    assert raised.value.hint is not None
    assert "--force" in raised.value.hint
    assert content_of(place)["old"] == "old"


@pytest.mark.parametrize("name", ["proposal", "link"])
def test_force_replaces_an_earlier_proposal_as_a_whole_also_behind_a_link(
    tmp_path: Path, name: str
) -> None:
    place = proposal(tmp_path / "proposal")
    (tmp_path / "link").symlink_to(place)
    with whole_directory(tmp_path / name, force=True) as building:
        (building / "report.json").write_text(OURS)
        assert content_of(place)["old"] == "old"
    assert content_of(place) == {"report.json": OURS}
    assert (tmp_path / "link").is_symlink()
    assert sorted(tmp_path.iterdir()) == [tmp_path / "link", place]


@pytest.mark.parametrize(
    "report", [None, "", "[]", "{}", '{"unlet": 1}', "\0", "[" * 100_000]
)
def test_force_does_not_replace_what_no_run_has_written(
    tmp_path: Path, report: str | None
) -> None:
    place = proposal(tmp_path / "proposal")
    if report is None:
        (place / "report.json").unlink()
    else:
        (place / "report.json").write_text(report)
    with pytest.raises(
        ToolkitError, match=r"contains files that are not part of a proposal"
    ):
        ensure_free(place, force=True)


def test_force_never_replaces_what_is_more_than_a_proposal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(place: Path, fact: str) -> None:
        with pytest.raises(ToolkitError, match=fact):
            ensure_free(place, force=True)

    checkout = proposal(tmp_path / "checkout", **{".git": "gitdir: elsewhere"})
    refused(checkout, "is a git checkout, which unlet never replaces")
    place = proposal(tmp_path / "proposal")
    (place / "below").mkdir()
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file", "exists and is not a directory")
    monkeypatch.setenv("HOME", str(place))
    refused(place, "is or contains the home directory")
    refused(Path("/"), "/: .*never replaces")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for directory in (place, place / "below"):
        monkeypatch.chdir(directory)
        refused(place, "is or contains the current directory")


@pytest.mark.parametrize(
    "place", [".git/x", ".git/refs/heads/x", "bare.git/x", "link/x"]
)
def test_nothing_is_written_into_a_git_directory(tmp_path: Path, place: str) -> None:
    for directory in (".git/refs/heads", "bare.git/refs", "bare.git/objects"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "bare.git/HEAD").touch()
    (tmp_path / "link").symlink_to(".git")
    with pytest.raises(ToolkitError, match="is inside the git directory"):
        files.replace(tmp_path / place, b"")
    files.replace(tmp_path / "x", b"")


def test_the_directory_above_is_missing_or_cannot_be_written(
    ordinary_user: Path,
) -> None:
    with pytest.raises(ToolkitError, match=r"'.*/gone' is not a directory") as raised:
        ensure_free(ordinary_user / "gone" / "proposal")
    assert raised.value.hint == f"mkdir -p {ordinary_user}/gone"
    (ordinary_user / "closed").mkdir(mode=0o555)
    with pytest.raises(
        ToolkitError, match=r"you may not write to the directory '.*closed'"
    ):
        ensure_free(ordinary_user / "closed" / "proposal")


@pytest.mark.parametrize(
    "failure", [KeyboardInterrupt(), RuntimeError(), ToolkitError("x: y")]
)
def test_a_failure_leaves_what_was_there_and_no_litter(
    tmp_path: Path, failure: BaseException
) -> None:
    place = proposal(tmp_path / "proposal")
    with pytest.raises(type(failure)):
        write_half(place, failure)
    assert list(tmp_path.iterdir()) == [place]
    assert content_of(place) == {"report.json": OURS, "old": "old"}


def test_a_full_disk_leaves_what_was_there_and_no_litter(small_disk: Path) -> None:
    place = proposal(small_disk / "proposal")
    with pytest.raises(
        ToolkitError,
        match=r"proposal: cannot be written: (no space left|file too large)",
    ) as raised:
        write_large(place)
    assert (
        raised.value.hint == "free some space, or choose a different place to write to"
    )
    assert list(small_disk.iterdir()) == [place]
    assert content_of(place) == {"report.json": OURS, "old": "old"}


def test_what_was_there_comes_back_when_the_last_step_fails(tmp_path: Path) -> None:
    place = proposal(tmp_path / "proposal")
    with (
        pytest.raises(ToolkitError, match=r"cannot be written: no such file"),
        whole_directory(place, force=True) as building,
    ):
        building.rmdir()
    assert list(tmp_path.iterdir()) == [place]
    assert content_of(place)["old"] == "old"


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets two names change places at once"
)
def test_directory_that_is_replaced_is_there_at_any_moment(tmp_path: Path) -> None:
    place = proposal(tmp_path / "proposal")
    missed: list[bool] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            missed.append(not (place / "report.json").exists())

    watching = threading.Thread(target=watch)
    watching.start()
    for _ in range(100):
        with whole_directory(place, force=True) as building:
            (building / "report.json").write_text(OURS)
    ended.set()
    watching.join()
    assert len(missed) > 100
    assert not any(missed)


def test_what_appears_at_the_place_meanwhile_stays(tmp_path: Path) -> None:
    place = tmp_path / "proposal"
    with pytest.raises(ToolkitError, match=r"is not empty"), whole_directory(place):
        proposal(place)
    assert list(tmp_path.iterdir()) == [place]
    assert content_of(place)["old"] == "old"


def test_temporary_directory_has_a_name_that_nobody_knows_and_is_the_users_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    names: set[str] = set()
    for _ in range(4):
        with files.temporary() as path:
            names.add(path.name)
            assert path.stat().st_mode & 0o777 == 0o700
    assert len(names) == 4


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return what leaves an old directory in TMPDIR, as a killed run does."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def leave(name: str) -> Path:
        path = tmp_path / name
        path.mkdir()
        (path / "file").touch()
        os.utime(path, (0, 0))
        return path

    return leave


def test_next_run_deletes_what_a_killed_one_has_left(
    tmp_path: Path, left: Callable[[str], Path]
) -> None:
    ours, building = left("unlet-work-abcdefgh"), left(".out.unlet-01234567")
    others = [
        left("unlet-abcdefgh"),
        left("unlet-work-young123"),
        left(".other.unlet-01234567"),
        left(".out.original"),
    ]
    os.utime(others[1])
    with files.temporary() as used:
        os.utime(used, (0, 0))
        with files.temporary() as second, whole_directory(tmp_path / "out"):
            assert used.is_dir()
            assert second != used
    assert [path for path in (ours, building, used, second) if path.exists()] == []
    assert all(other.exists() for other in others)


def test_temporary_directory_goes_with_an_exception(
    tmp_path: Path, left: Callable[[str], Path]
) -> None:
    assert callable(left)

    def fail() -> None:
        with files.temporary() as path:
            (path / "file").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_is_deleted_later_is_no_child_of_the_process(tmp_path: Path) -> None:
    (tmp_path / "- a name/inner").mkdir(parents=True)
    script = (
        "import os, sys; from toolkit import files\n"
        "files.run_later('rm -rf -- \"$@\"', sys.argv[1])\n"
        "try: os.waitpid(-1, os.WNOHANG)\n"
        "except ChildProcessError: print('none')"
    )
    argv = [sys.executable, "-c", script, str(tmp_path / "- a name")]
    assert (
        subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        == "none\n"
    )
    until = time.monotonic() + 30
    while (tmp_path / "- a name").exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert list(tmp_path.iterdir()) == []


def write(place: Path, *, force: bool = False, unfinished: bool = False) -> None:
    with whole_directory(place, force=force, unfinished=unfinished) as building:
        (building / "report.json").write_text(OURS)
        (building / "deep").mkdir()
        (building / "deep" / "file").write_text("text")


def test_what_was_killed_before_the_exchange_is_deleted_at_once(
    tmp_path: Path,
) -> None:
    dead, alive, young = (tmp_path / f".out.unlet-0123456{n}" for n in range(3))
    for path in (dead, alive, young):
        path.mkdir()
    for path in (dead, alive):
        (path / ".unlet-unfinished").touch()
    with files.locked(alive):
        write(tmp_path / "out")
    assert [path.exists() for path in (dead, alive, young)] == [False, True, True]


def test_directory_that_a_run_left_unfinished_is_replaced(tmp_path: Path) -> None:
    place = tmp_path / "out"
    write(place, unfinished=True)
    write(place)
    assert sorted(path.name for path in place.iterdir()) == ["deep", "report.json"]
    with pytest.raises(ToolkitError, match="is not empty"):
        write(place)


def test_unfinished_directory_that_somebody_has_changed_stays(tmp_path: Path) -> None:
    changes: tuple[Callable[[Path], object], ...] = (
        lambda place: (place / "deep" / "file").write_text("mine"),
        lambda place: (place / "mine").symlink_to("deep"),
        lambda place: (place / "deep" / "file").unlink(),
        files.finish,
    )
    for number, change in enumerate(changes):
        place = tmp_path / str(number)
        write(place, unfinished=True)
        change(place)
        before = content_of(place)
        with pytest.raises(ToolkitError, match="is not empty"):
            write(place)
        assert content_of(place) == before
