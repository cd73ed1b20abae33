"""`propose --with` and what `check` makes of it, as whole processes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests import specimens
from toolkit.docker.steps import Extra

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Unlet

SPECIMEN = ("propose", "--nixpkgs", "specimen")
ALL = [word for extra in reversed(Extra) for word in ("--with", extra.value)]


def series(directory: Path) -> dict[str, bytes]:
    """Return the mails by their names, without their date, which is now for the specimen."""
    paths = sorted((directory / "series").iterdir())
    return {path.name: re.sub(rb"^Date: .*\n", b"", path.read_bytes(), flags=re.MULTILINE) for path in paths}


def statuses(unlet: Unlet, *arguments: str) -> tuple[int, dict[str, str]]:
    done = unlet("check", *arguments, "--json")
    document = json.loads(done.stdout)
    return done.returncode, {proof["name"]: proof["status"] for proof in document["proofs"]}


def test_all_extras_follow_the_series_which_stays_as_it_is(unlet: Unlet) -> None:
    assert unlet(*SPECIMEN, "--out", "two").returncode == 0
    done = unlet(*SPECIMEN, "--out", "five", *ALL)
    assert done.returncode == 0
    for extra in Extra:
        assert re.search(rf"^passed +{extra} ", done.stdout, re.MULTILINE)
    two, five = series(unlet.cwd / "two"), series(unlet.cwd / "five")
    assert dict(list(five.items())[:2]) == two
    assert [name[:4] for name in five] == ["0001", "0002", "0003", "0004", "0005"]
    for name in ("upstream.diff", "overlay/docker/default.nix"):
        assert (unlet.cwd / "five" / name).read_bytes() == (unlet.cwd / "two" / name).read_bytes()
    code, proofs = statuses(unlet, "five")
    assert code == 0
    assert {name: proofs[name] for name in Extra} == dict.fromkeys(Extra, "passed")


def test_changed_extra_is_proven_as_it_is_now(unlet: Unlet) -> None:
    assert unlet(*SPECIMEN, "--out", "three", "--with", "nixos-module").returncode == 0
    (name,) = [name for name in series(unlet.cwd / "three") if name.startswith("0003")]
    mail = unlet.cwd / "three" / "series" / name
    mail.write_bytes(mail.read_bytes().replace(b"+      default = false;", b"+      default = true;"))
    assert statuses(unlet, "three", "--proof", "nixos-module") == (1, {"nixos-module": "failed"})
    mail.write_bytes(mail.read_bytes().replace(b"\n   config = ", b"\n   configuration = "))
    done = unlet("check", "three", "--proof", "nixos-module")
    assert (done.returncode, done.stderr) == (1, "")


def test_extra_that_was_taken_out_is_not_missed(unlet: Unlet) -> None:
    assert unlet(*SPECIMEN, "--out", "three", "--with", "release-note").returncode == 0
    (name,) = [name for name in series(unlet.cwd / "three") if name.startswith("0003")]
    (unlet.cwd / "three" / "series" / name).unlink()
    done = unlet("check", "three", "--proof", "release-note")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].endswith("proof: 'release-note' is unknown")


def test_mail_that_is_no_extra_is_one_line(unlet: Unlet) -> None:
    assert unlet(*SPECIMEN, "--out", "three", "--with", "release-note").returncode == 0
    directory = unlet.cwd / "three" / "series"
    (name,) = [name for name in series(unlet.cwd / "three") if name.startswith("0003")]
    (directory / "0004-again.patch").write_bytes((directory / name).read_bytes())
    done = unlet("check", "three")
    assert (done.returncode, done.stderr) == (3, "0004-again.patch: is a second commit for --with release-note\n")
    text = (directory / name).read_text().replace("nixos/doc/manual/release-notes/", "doc/")
    (directory / "0004-again.patch").write_text(text)
    done = unlet("check", "three")
    assert done.returncode == 3
    assert (
        done.stderr == "0004-again.patch: is not one of the commits that --with adds: touches doc/rl-2611.section.md\n"
    )


@pytest.mark.parametrize("extra", Extra)
def test_lone_file_is_one_line_and_nothing_is_written(unlet: Unlet, docker_nix: Path, extra: Extra) -> None:
    done = unlet("propose", "--file", docker_nix, "--with", extra.value)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.endswith(f"--with {extra}: {docker_nix} is a file without the nixpkgs around it")
    assert second.startswith("hint: name a nixpkgs with --nixpkgs")
    assert not (unlet.cwd / "proposal").exists()


def test_nixpkgs_without_the_file_is_one_line(unlet: Unlet) -> None:
    done = unlet("propose", "--nixpkgs", specimens.nixpkgs("28.4"), "--with", "nixos-test")
    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == "nixos/tests/all-tests.nix: this nixpkgs has no such file"


def test_unknown_extra_is_a_wrong_call(unlet: Unlet) -> None:
    done = unlet(*SPECIMEN, "--with", "tests")
    assert done.returncode == 2
    assert "'tests'" in done.stderr
