import os
import shutil
import subprocess
import time
from pathlib import Path, PurePosixPath

import pytest

from tests.clones import commit_all, git
from toolkit import sources, specimen
from toolkit.cache import LIMIT_VARIABLE, VARIABLE
from toolkit.errors import ToolkitError, UsageError
from toolkit.git.reading import TreeFile
from toolkit.judge import ground
from toolkit.model import Silence, Source, SourceRequest
from toolkit.sources import trees

TARGET = PurePosixPath("pkgs/applications/virtualization/docker/default.nix")
EMPTY = TreeFile(content=b"{ }\n")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return shutil.copytree(specimen.path(), tmp_path / "nixpkgs")


@pytest.fixture
def clone(plain: Path) -> Path:
    commit_all(plain)
    for name in ("allowAnySHA1InWant", "allowFilter"):
        git(plain, "config", f"uploadpack.{name}", "true")
    return plain


def source_at(nixpkgs: str, *, offline: bool = False) -> Source:
    request = SourceRequest(nixpkgs=nixpkgs, offline=offline)
    return sources.resolve(request, target=TARGET, sparse=("lib",), progress=Silence())


def whole(source: Source, *, offline: bool = False) -> trees.NixpkgsTree:
    return trees.whole(source, offline=offline, progress=Silence())


def contents(root: Path) -> dict[str, bytes]:
    found = [
        path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts
    ]
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_directory_is_copied_and_an_edit_of_it_gives_another_tree(plain: Path) -> None:
    tree = whole(source_at(str(plain)))
    assert contents(tree.root) == contents(plain)
    assert (plain / TARGET).stat().st_nlink == 1
    assert tree.is_specimen
    assert whole(source_at(str(plain))) == tree
    with (plain / "pkgs" / "top-level" / "aliases.nix").open("a") as file:
        file.write("# more\n")
    second = whole(source_at(str(plain)))
    assert second.key != tree.key
    assert contents(second.root) == contents(plain)


def test_a_new_tree_takes_the_room_of_old_ones(
    plain: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "1")
    old = cache / "whole-trees/old"
    old.mkdir(parents=True)
    (old / "file").write_bytes(b"x" * 2_000_000)
    os.utime(old, (1, 1))
    tree = whole(source_at(str(plain)))
    for _ in range(100):
        if (cache / "locks/sizes").exists():
            break
        time.sleep(0.05)
    # Nobody waits until that is measured: the next new tree takes the room.
    (plain / "new.nix").write_text("{ }\n")
    another = whole(source_at(str(plain)))
    assert not old.exists()
    assert contents(another.root) == contents(plain)
    assert tree.root.is_dir()


def test_changed_tree_differs_in_the_file_alone_and_shares_the_others(
    plain: Path,
) -> None:
    tree = whole(source_at(str(plain)))
    other = ground.changed(
        tree,
        {
            TARGET: EMPTY,
            PurePosixPath("nixos/tests/new.nix"): TreeFile(content=b"new\n"),
        },
    )
    expected = {
        **contents(plain),
        str(TARGET): b"{ }\n",
        "nixos/tests/new.nix": b"new\n",
    }
    assert contents(other.root) == expected
    assert contents(tree.root) == contents(plain)
    assert (tree.root / "default.nix").samefile(other.root / "default.nix")
    assert other.key != tree.key
    assert all(not path.is_symlink() for path in other.root.rglob("*"))


def test_changed_script_stays_executable(plain: Path) -> None:
    script = TARGET.with_name("update.sh")
    (plain / script).chmod(0o755)
    tree = whole(source_at(str(plain)))
    changed = ground.edited(tree, script, b"#!/bin/sh\n")
    assert os.access(changed.root / script, os.X_OK)


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_fingerprint_stands_for_names_modes_times_and_links(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_kept: bool
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(trees, "_SETTLED_SECONDS", -3600.0 if is_kept else 3600.0)
    seen: list[str] = []
    for edit in (
        "ln -s lib link",
        "touch lib/new.nix",
        "rm lib/new.nix; mkdir lib/new; touch lib/new/new.nix",
        "echo > pkgs/by-name/no/notes-server/package.nix",
        "touch -d @1.000000001 pkgs/by-name/no/notes-server/package.nix",
        "touch -d @1.000000002 pkgs/by-name/no/notes-server/package.nix",
        "chmod +x pkgs/by-name/no/notes-server/package.nix",
        "echo > lib/values.nix",
        "ln -sfn pkgs link",
        "mv default.nix 'new\nname.nix'",
        "mv pkgs/by-name elsewhere; ln -s ../elsewhere pkgs/by-name",
        "ln -sfn gone pkgs/by-name",
        "rm pkgs/by-name",
    ):
        subprocess.run(["sh", "-c", edit], cwd=plain, check=True)
        seen.append(trees.fingerprint(plain))
        assert seen[-1] == trees.fingerprint(plain)
        assert (tmp_path / "cache" / "listings").exists() == is_kept
    assert len({*seen}) == len(seen)
    (plain / ".git").mkdir()
    (plain / ".git" / "config").write_text("")
    (plain / "empty").mkdir()
    assert trees.fingerprint(plain) == seen[-1]
    assert (
        trees.fingerprint(
            shutil.copytree(plain, plain.with_name("copy"), symlinks=True)
        )
        == seen[-1]
    )


def test_times_in_whole_seconds_are_settled_later(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    time.sleep(0.2)
    monkeypatch.setattr(
        trees,
        "_LISTED",
        [word.replace("%C@", "%Cs") for word in vars(trees)["_LISTED"]],
    )
    found = trees.fingerprint(plain)
    assert not (tmp_path / "cache" / "listings").exists()
    monkeypatch.undo()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    assert trees.fingerprint(plain) == found
    assert (tmp_path / "cache" / "listings").exists()


def test_a_tree_is_listed_when_it_is_made_and_not_again(
    clone: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = whole(source_at(str(clone)))
    (kept,) = (cache / "listings").iterdir()
    monkeypatch.setattr(trees, "_LISTED", ("-false",))
    assert whole(source_at(str(clone))).root == made.root
    assert [*(cache / "listings").iterdir()] == [kept]


def test_a_fingerprint_needs_no_cache(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "_SETTLED_SECONDS", -3600.0)
    found = trees.fingerprint(plain)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    assert trees.fingerprint(plain) == found


def test_tree_that_somebody_changed_in_the_cache_is_made_again(plain: Path) -> None:
    tree = whole(source_at(str(plain)))
    changed = ground.changed(tree, {TARGET: EMPTY})
    (changed.root / TARGET).write_bytes(b"{ spoilt = true; }\n")
    assert (
        ground.changed(tree, {TARGET: EMPTY}).root / TARGET
    ).read_bytes() == b"{ }\n"
    (tree.root / "default.nix").unlink()
    assert contents(whole(source_at(str(plain))).root) == contents(plain)
    shutil.rmtree(tree.root)
    assert contents(whole(source_at(str(plain))).root) == contents(plain)


def test_commit_of_a_clone_is_checked_out_without_the_worktrees_edits(
    clone: Path, cache: Path
) -> None:
    before = contents(clone)
    source = source_at(str(clone))
    (clone / "default.nix").write_text("edited\n")
    tree = whole(source)
    assert contents(tree.root) == before
    assert tree.key == str(source.commit)
    source = source_at(str(clone))
    git(clone, "commit", "--quiet", "--allow-empty", "--message=newer")
    elsewhere = trees.at_hand(source, progress=Silence())
    assert elsewhere is not None
    assert elsewhere.root.is_relative_to(cache)


def test_remote_is_fetched_whole_where_only_a_part_is_known(clone: Path) -> None:
    source = source_at(clone.as_uri())
    assert source.root is not None
    assert not (source.root / "default.nix").exists()
    with pytest.raises(ToolkitError, match=r"the cache has only a part of its files$"):
        whole(source, offline=True)
    tree = whole(source)
    assert contents(tree.root) == contents(clone)
    assert whole(source, offline=True) == tree


def test_commit_without_a_package_set_is_a_usage_error(clone: Path) -> None:
    git(clone, "rm", "--quiet", "default.nix")
    git(clone, "commit", "--quiet", "--message=less")
    with pytest.raises(
        UsageError, match=r"is not a whole nixpkgs: it lacks 'default\.nix'$"
    ):
        whole(source_at(str(clone)))


def test_links_of_the_tree_stay_links_below_which_nothing_is_changed(
    plain: Path,
) -> None:
    (plain / "link").symlink_to("pkgs/top-level")
    (plain / "nowhere").symlink_to("gone")
    tree = whole(source_at(str(plain)))
    other = ground.changed(tree, {TARGET: EMPTY})
    for root in (tree.root, other.root):
        assert (root / "link").readlink() == Path("pkgs/top-level")
        assert (root / "nowhere").is_symlink()
    (plain / "pkgs/linked").symlink_to("by-name")
    tree = whole(source_at(str(plain)), offline=True)
    with pytest.raises(
        ToolkitError, match=r"^pkgs/linked/no/new\.nix: cannot exist below a link$"
    ):
        ground.changed(tree, {PurePosixPath("pkgs/linked/no/new.nix"): EMPTY})
    assert not (plain / "pkgs/by-name/no/new.nix").exists()
    assert not (tree.root / "pkgs/by-name/no/new.nix").exists()
