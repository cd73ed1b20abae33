from pathlib import Path

import pytest

from tests import recordings


def test_what_differs_between_recordings_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recordings.keep(tmp_path / "old/docker/29.6/default", lambda: {"series/1.patch": b"one\ntwo\n"})
    recordings.keep(tmp_path / "new/docker/29.6/default", lambda: {"series/1.patch": b"one\nthree\n"})
    for side in ("old", "new"):
        recordings.keep(tmp_path / side / "lifts/000", lambda: {"a/upstream.diff": b"same\n"})
    assert recordings.compare(tmp_path / "old", tmp_path / "old") == 0
    capsys.readouterr()
    assert recordings.compare(tmp_path / "old", tmp_path / "new") == 1
    assert capsys.readouterr().out.splitlines() == [
        "docker/29.6/default/series/1.patch: differs",
        "    -two",
        "    +three",
        "2 files, 1 differ",
    ]


def test_docker_is_recorded_without_what_passes(tmp_path: Path) -> None:
    made = {name: make for name, make in recordings.docker(tmp_path) if name.startswith("29.6/")}
    files = made["29.6/only-demote"]()
    assert files["status"] == b"0\n"
    assert {name.partition("/")[0] for name in files} == {"status", "series", "upstream.diff", "overlay"}
    (mail,) = (content for name, content in files.items() if name.startswith("series/"))
    assert mail.startswith(b"From: A Recorder <recorder@example.org>\nSubject: [PATCH] docker: ")
    assert not any(str(recordings.ROOT).encode() in content for content in files.values())
