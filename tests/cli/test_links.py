"""No link in a stranger's patch, tree, commit or proposal leads to the user's files."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Unlet
from tests.cli.conftest import own_cache as cache_place
from tests.clones import TARGET, edit, git, patched
from toolkit import landlock
from toolkit.cache import VARIABLE
from toolkit.errors import ToolkitError
from toolkit.judge import JudgeRequest
from toolkit.model import Silence, SourceRequest
from toolkit.nix import limits
from toolkit.proposal.checking import Review, review
from toolkit.proposal.requests import CheckRequest
from toolkit.sources.changes import ChangeRequest

__all__ = ["cache_place"]

FILE = TARGET
DOCKER = Path(FILE).parent
MARK = "a-line-that-nobody-may-see"
PACKAGE = "pkgs/by-name/no/notes-server"


def _never(*_: object) -> bool:
    return False


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "private/secret"
    path.parent.mkdir()
    path.write_text(f"{MARK}\n")
    return path


def replaced(path: Path, target: Path | str) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def nothing_of_it(place: Path, *texts: str) -> None:
    """Look for the secret in the output, and in the files below a directory."""
    assert [text for text in texts if MARK in text] == []
    found = [
        path
        for path in place.rglob("*")
        if path.is_file() and not path.is_symlink() and path.name != "secret"
    ]
    assert [path for path in found if MARK.encode() in path.read_bytes()] == []


@pytest.mark.parametrize("options", [(), ("--comment",)])
def test_patch_that_makes_the_file_a_link_is_one_line(
    unlet: Unlet, clone: Path, secret: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    replaced(clone / FILE, secret)
    done = unlet("check", "--patch", patched(clone), "--nixpkgs", str(clone), *options)
    assert done.returncode in {1, 3}
    if not options:
        assert (
            f"{FILE}: is a link that points outside the tree"
            in done.stdout + done.stderr
        )
    nothing_of_it(tmp_path, done.stdout, done.stderr)


def reading_a_link(clone: Path, target: Path) -> None:
    """Let a package's version be what a link has that stands beside it."""
    replaced(clone / PACKAGE / "x", target)
    edit(clone, 'version = "', 'version = builtins.readFile ./x + "')


@pytest.mark.parametrize("walls", ["reader", "both"])
def test_change_with_a_link_is_not_laid_out(
    clone: Path,
    secret: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    walls: str,
) -> None:
    if walls == "reader":
        monkeypatch.setattr(landlock, "abi", lambda: 0)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    message = f"^{PACKAGE}/x: is a link that points outside the tree$"
    reading_a_link(clone, secret)
    asked = ChangeRequest(
        patch=patched(clone), source=SourceRequest(nixpkgs=str(clone))
    )
    with pytest.raises(ToolkitError, match=message):
        review(CheckRequest(change=asked), progress=Silence())
    asked = committed(clone, secret)
    with pytest.raises(ToolkitError, match=message):
        review(CheckRequest(change=asked), progress=Silence())
    nothing_of_it(tmp_path)


@pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
def test_second_wall_holds_for_a_change_with_a_link(
    clone: Path, secret: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the reader's refusal and Nix's restricted mode, the kernel refuses.

    Without that too, it is told.
    """
    settings = tmp_path / "settings"
    settings.mkdir()
    (settings / "nix.conf").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setitem(vars(limits)["CONFIGURATION"], "NIX_CONF_DIR", str(settings))
    monkeypatch.setattr(limits, "SETTINGS", settings)
    monkeypatch.setattr("toolkit.judge.ground.inside.leads_out", _never)
    asked = CheckRequest(
        change=committed(clone, secret), judging=JudgeRequest(systems=("x86_64-linux",))
    )
    found = review(asked, progress=Silence())
    assert isinstance(found, Review)
    assert "Permission denied" in str(found.judgement.differences)
    assert MARK not in str(found.judgement)
    nothing_of_it(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "another"))
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    told = review(asked, progress=Silence())
    assert isinstance(told, Review)
    assert "Permission denied" not in str(told.judgement.differences)


def committed(clone: Path, secret: Path) -> ChangeRequest:
    reading_a_link(clone, secret)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message=link")
    return ChangeRequest(rev="HEAD~1..HEAD", clone=clone)


def test_link_beside_the_file_is_one_line(
    unlet: Unlet, tree: Path, secret: Path, tmp_path: Path
) -> None:
    replaced(tree / DOCKER / "update.sh", secret)
    done = unlet(
        "propose", "--sealed", "--nixpkgs", str(tree), "--out", str(tmp_path / "out")
    )
    assert done.returncode == 3
    assert (
        done.stderr
        == f"{tree / DOCKER}/update.sh: is a link that points outside the tree\n"
    )
    nothing_of_it(tmp_path, done.stdout, done.stderr)


@pytest.mark.parametrize("link", [".version {secret}", "lib /"])
def test_link_of_a_tree_gives_nix_no_root(
    unlet: Unlet, tree: Path, secret: Path, tmp_path: Path, link: str
) -> None:
    name, target = link.split()
    replaced(tree / name, target.format(secret=secret))
    edit(tree, 'version = "', f'version = builtins.readFile {secret} + "', FILE)
    done = unlet(
        "propose",
        "--sealed",
        "--only",
        "demote",
        "--nixpkgs",
        tree,
        "--out",
        tmp_path / "out",
        "--json",
    )
    assert done.returncode in {0, 1, 3}
    (tree / FILE).write_text("")
    nothing_of_it(tmp_path, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "arguments",
    [("propose", "notes-server"), ("propose", "--tier", "tree", "--only", "demote")],
)
def test_links_that_are_left_out_are_in_the_report(
    unlet: Unlet, tree: Path, secret: Path, arguments: tuple[str, ...]
) -> None:
    replaced(tree / "doc/notes", secret)
    said = "left out 1 links point outside the tree: doc/notes"
    # The second time the tree is in the cache.
    for out in ("one", "two"):
        done = unlet(
            *arguments, "--nixpkgs", tree, "--out", out, "--system", "x86_64-linux"
        )
        assert f"warning: {said}" in done.stdout, done.stderr
        assert (
            said
            in json.loads((unlet.cwd / out / "report.json").read_text())["warnings"]
        )
    kept = [
        path
        for path in Path(unlet.env["XDG_CACHE_HOME"]).rglob("doc/notes")
        if path.is_symlink()
    ]
    assert kept == []


def test_links_that_are_left_out_are_in_the_judgement(
    unlet: Unlet, tree: Path, secret: Path, tmp_path: Path
) -> None:
    replaced(tree / "doc/notes", secret)
    said = "left out 1 links point outside the tree: doc/notes"
    patch = tmp_path / "p.diff"
    patch.write_text("--- /dev/null\n+++ b/README.md\n@@ -0,0 +1 @@\n+x\n")
    asked = ("check", "--patch", patch, "--nixpkgs", tree, "--system", "x86_64-linux")
    done = unlet(*asked)
    assert f"warning: {said}" in done.stdout.splitlines(), done.stderr
    assert said in json.loads(unlet(*asked, "--json").stdout)["notes"]


def test_commit_whose_file_is_a_link_is_one_line(
    unlet: Unlet, clone: Path, secret: Path, tmp_path: Path
) -> None:
    replaced(clone / FILE, secret)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message=link")
    done = unlet(
        "propose", "--sealed", "--nixpkgs", str(clone), "--out", str(tmp_path / "out")
    )
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) <= 2
    nothing_of_it(tmp_path, done.stdout, done.stderr)


@pytest.mark.parametrize("target", ["{secret}", "/dev/stdin", "gone"])
def test_package_whose_file_is_a_link_is_one_line(
    unlet: Unlet, tree: Path, secret: Path, tmp_path: Path, target: str
) -> None:
    file = tree / PACKAGE / "package.nix"
    file.unlink()
    file.symlink_to(target.format(secret=secret))
    done = unlet(
        "propose", "notes-server", "--nixpkgs", tree, "--out", tmp_path / "out"
    )
    assert (done.returncode, done.stderr) == (
        3,
        "notes-server: unlet can read no file for it\n",
    )


def test_find_does_not_leave_the_tree(
    unlet: Unlet, tree: Path, secret: Path, tmp_path: Path
) -> None:
    before = unlet("find", "--nixpkgs", str(tree), "--json")
    replaced(tree / "pkgs/by-name/zz/all", "/")
    replaced(tree / "pkgs/zz", tmp_path)
    (secret.parent / "package.nix").write_text(
        f"{{ x }}: let {MARK} = x {{ }}; in x {{ }}"
    )
    done = unlet("find", "--nixpkgs", str(tree), "--json")
    assert done.returncode == 0
    assert done.stdout == before.stdout
    (secret.parent / "package.nix").unlink()
    nothing_of_it(tmp_path, done.stdout, done.stderr)


def test_proposal_with_a_link_is_one_line(
    unlet: Unlet, secret: Path, tmp_path: Path
) -> None:
    unlet("propose", "--nixpkgs", "specimen", "--only", "demote")
    for name in ("report.json", "upstream.diff", "overlay"):
        out = shutil.copytree(unlet.cwd / "proposal", tmp_path / f"with-{name}")
        replaced(out / name, secret.parent if name == "overlay" else secret)
        done = unlet("check", str(out))
        assert done.returncode == 3
        assert "is a link that points outside the tree" in done.stderr
        nothing_of_it(tmp_path, done.stdout, done.stderr)


def test_attribute_that_is_called_after_a_file_shows_nothing_of_it(
    unlet: Unlet, secret: Path, tmp_path: Path
) -> None:
    file = tmp_path / "default.nix"
    file.write_text(f'{{ "at {secret}:1:1" = 1; "at {secret}:1:1" = 2; }}')
    done = unlet("propose", "--file", str(file))
    assert done.returncode != 0
    nothing_of_it(tmp_path, done.stdout, done.stderr)
