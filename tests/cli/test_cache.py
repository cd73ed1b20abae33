import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from tests.cli.conftest import Unlet
from tests.cli.conftest import own_cache as cache_place

__all__ = ["cache_place"]


def _fill(unlet: Unlet) -> Path:
    root = Path(unlet.env["XDG_CACHE_HOME"]) / "unlet"
    for key, used in (("old", 1_000_000_000), ("new", 4_000_000_000)):
        entry = root / "commits" / key
        entry.mkdir(parents=True)
        (entry / "file").write_bytes(b"x" * 150_000)
        os.utime(entry, (used, used))
    return root


def test_entries_are_listed_with_size_last_use_and_the_limit(unlet: Unlet) -> None:
    done = unlet("cache", "list")
    assert done.returncode == 0
    assert done.stdout.endswith("/unlet: 0 entries, 0 bytes of at most 2.0 GB\n")
    root = _fill(unlet)
    lines = unlet("cache", "list").stdout.splitlines()
    document = json.loads(unlet("cache", "--json", "list").stdout)
    assert [entry["key"] for entry in document["entries"]] == ["new", "old"]
    assert document["entries"][1]["used"] == "2001-09-09T01:46:40Z"
    size = document["entries"][0]["size"]
    assert 150_000 < size < 170_000
    assert [line.split()[:4] for line in lines[:2]] == [
        ["commits", "new", f"{size / 1000:.1f}", "kB"],
        ["commits", "old", f"{size / 1000:.1f}", "kB"],
    ]
    assert lines[2] == f"{root}: 2 entries, {size / 500:.1f} kB of at most 2.0 GB"
    assert json.loads(unlet("cache", "--json").stdout)["limit"] == 2_000_000_000
    assert unlet("cache", UNLET_CACHE_MB="300").stdout.endswith(
        " of at most 300.0 MB\n"
    )
    assert unlet("cache", UNLET_CACHE_MB="0").stdout.endswith(" without a limit\n")
    done = unlet("cache", UNLET_CACHE_MB="-1")
    assert (done.returncode, done.stderr) == (
        3,
        "UNLET_CACHE_MB: '-1' is not a number of megabytes\n",
    )


def test_clean_beside_a_running_proposal_leaves_what_it_needs(
    unlet: Unlet, tmp_path: Path
) -> None:
    go, shim = tmp_path / "go", tmp_path / "programs/nix-build"
    shim.parent.mkdir()
    wait = f": > {tmp_path}/came\nwhile ! test -e {go}; do sleep 0.01; done"
    shim.write_text(f'#!/bin/sh\n{wait}\nexec {shutil.which("nix-build")} "$@"\n')
    shim.chmod(0o755)
    env = {**unlet.env, "PATH": f"{shim.parent}:{unlet.env['PATH']}"}
    command = [*unlet.argv, "propose", "--quiet", "--nixpkgs", "specimen"]
    with subprocess.Popen(
        command, cwd=unlet.cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while not (tmp_path / "came").exists() and process.poll() is None:
            time.sleep(0.01)
        done = unlet("cache", "clean")
        go.touch()
        _, stderr = process.communicate(timeout=60)
    assert done.returncode == 0
    assert re.fullmatch(
        r"deleted 0 entries, 0 bytes, kept \d+ entr(y|ies), .* that a running "
        r"unlet uses\n",
        done.stdout,
    )
    assert (process.returncode, stderr) == (0, b"")
    assert unlet("cache", "clean").stdout.startswith("deleted ")
    assert json.loads(unlet("cache", "list", "--json").stdout)["entries"] == []
