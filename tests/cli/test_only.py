"""`--only nixos-module` and what `check` makes of it, as whole processes."""

import json
import re
from pathlib import Path

from tests.cli.conftest import Unlet

MODULE = "nixos-module"
SPECIMEN = ("propose", "--nixpkgs", "specimen", "--system", "x86_64-linux")


def series(directory: Path) -> dict[str, bytes]:
    """Return the mails by their names, without their dates: the specimen's is now."""
    paths = sorted((directory / "series").iterdir())
    return {
        path.name: re.sub(rb"^Date: .*\n", b"", path.read_bytes(), flags=re.MULTILINE)
        for path in paths
    }


def statuses(unlet: Unlet, *arguments: str) -> tuple[int, dict[str, str]]:
    done = unlet("check", *arguments, "--json")
    document = json.loads(done.stdout)
    return done.returncode, {
        proof["name"]: proof["status"] for proof in document["proofs"]
    }


def test_the_modules_commit_follows_the_series_which_stays_as_it_is(
    unlet: Unlet,
) -> None:
    assert unlet(*SPECIMEN, "--out", "two").returncode == 0
    done = unlet(
        *SPECIMEN,
        "--out",
        "three",
        "--only",
        MODULE,
        "--only",
        "lift",
        "--only",
        "demote",
    )
    assert done.returncode == 0
    assert re.search(rf"^passed +{MODULE} ", done.stdout, re.MULTILINE)
    two, three = series(unlet.cwd / "two"), series(unlet.cwd / "three")
    assert dict(list(three.items())[:2]) == two
    assert [name[:4] for name in three] == ["0001", "0002", "0003"]
    for name in ("upstream.diff", "overlay/docker/default.nix"):
        assert (unlet.cwd / "three" / name).read_bytes() == (
            unlet.cwd / "two" / name
        ).read_bytes()
    assert statuses(unlet, "three", "--proof", MODULE) == (0, {MODULE: "passed"})


def test_the_modules_commit_alone_is_proven_as_it_is_now(unlet: Unlet) -> None:
    assert unlet(*SPECIMEN, "--only", MODULE).returncode == 0
    directory = unlet.cwd / "proposal" / "series"
    (mail,) = directory.iterdir()
    assert statuses(unlet, "proposal") == (
        0,
        {MODULE: "passed", f"{MODULE}-test": "passed"},
    )
    written = mail.read_bytes()
    mail.write_bytes(
        written.replace(b"+      default = false;", b"+      default = true;")
    )
    contents = {
        path: path.read_bytes() for path in unlet.cwd.rglob("*") if path.is_file()
    }
    assert statuses(unlet, "proposal", "--proof", MODULE) == (1, {MODULE: "failed"})
    # A proposal that fails stays as it was, and nothing is written beside it.
    assert {
        path: path.read_bytes() for path in unlet.cwd.rglob("*") if path.is_file()
    } == contents
    mail.write_bytes(
        written.replace(b"\n     daemon.settings = ", b"\n     daemon.setting = ")
    )
    done = unlet("check", "proposal", "--proof", MODULE)
    assert (done.returncode, done.stderr) == (1, "")
    (directory / "0002-again.patch").write_bytes(written)
    done = unlet("check", "proposal")
    assert done.returncode == 3
    assert done.stderr.startswith(
        f"0002-again.patch: is a second commit of --only {MODULE}: it changes nixos/"
    )
    mail.unlink()
    (directory / "0002-again.patch").write_bytes(
        written.replace(b"docker-rootless.nix", b"docker.nix")
    )
    done = unlet("check", "proposal")
    assert done.returncode == 3
    assert done.stderr.startswith(
        f"0002-again.patch: is not the commit of --only {MODULE}: it changes nixos/"
    )
    (directory / "0002-again.patch").unlink()
    done = unlet("check", "proposal", "--proof", MODULE)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].endswith(f"proof: there is no proof '{MODULE}'")


def test_lone_file_is_one_line_and_nothing_is_written(
    unlet: Unlet, docker_nix: Path
) -> None:
    done = unlet("propose", "--file", docker_nix, "--only", MODULE)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.endswith(
        f"--only {MODULE}: {docker_nix} is one file, without the nixpkgs around it"
    )
    assert second.startswith("hint: name that nixpkgs with --nixpkgs")
    assert not (unlet.cwd / "proposal").exists()
