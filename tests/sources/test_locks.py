import json
from pathlib import Path

import pytest

from toolkit.errors import ToolkitError
from toolkit.sources import locks
from toolkit.sources.locks import AtCommit, AtPath, AtRelease

REV = "1" * 40


def flake(inputs: object, **nodes: object) -> dict[str, object]:
    return {"nodes": {"root": {"inputs": inputs}, **nodes}, "root": "root", "version": 7}


def locked(**fields: object) -> dict[str, object]:
    return {"locked": fields, "original": {"type": "indirect", "id": "nixpkgs"}}


def read(tmp_path: Path, document: object, name: str = "nixpkgs") -> locks.Locked:
    path = tmp_path / "lock"
    path.write_text(json.dumps(document))
    return locks.read(path, name)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"type": "github", "owner": "NixOS", "repo": "nixpkgs", "rev": REV},
            AtCommit(url="https://github.com/NixOS/nixpkgs", rev=REV),
        ),
        (
            {"type": "github", "host": "forge.invalid", "owner": "a", "repo": "b", "rev": REV},
            AtCommit(url="https://forge.invalid/a/b", rev=REV),
        ),
        ({"type": "git", "url": "git+ssh://git@a/b", "rev": REV}, AtCommit(url="ssh://git@a/b", rev=REV)),
        ({"type": "tarball", "url": "https://a/b.tar.gz", "rev": REV}, AtCommit(url=None, rev=REV)),
        (
            {"type": "tarball", "url": f"https://github.com/NixOS/nixpkgs/archive/{REV}.tar.gz"},
            AtCommit(url="https://github.com/NixOS/nixpkgs", rev=REV),
        ),
        (
            {"type": "tarball", "url": "https://a/nixos-25.11.1234567/nixexprs.tar.xz"},
            AtRelease(url="https://a/nixos-25.11.1234567/nixexprs.tar.xz"),
        ),
        ({"type": "indirect", "id": "nixpkgs", "rev": REV}, AtCommit(url=None, rev=REV)),
    ],
)
def test_each_type_of_input(tmp_path: Path, fields: dict[str, object], expected: locks.Locked) -> None:
    assert read(tmp_path, flake({"nixpkgs": "n"}, n=locked(**fields))) == expected


def test_a_path_is_relative_to_the_lock_file(tmp_path: Path) -> None:
    document = flake({"nixpkgs": "n"}, n=locked(type="path", path="./here"))
    assert read(tmp_path, document) == AtPath(path=tmp_path / "here")


def test_follows_is_resolved_from_the_root_which_an_empty_path_is_and_may_not_go_round(tmp_path: Path) -> None:
    document = flake(
        {"nixpkgs": ["other", "nixpkgs"], "other": "o"},
        o={"inputs": {"nixpkgs": ["deep", "pkgs"], "deep": "unrelated"}},
        d={"inputs": {"pkgs": "p"}},
        unrelated={"inputs": {}},
        p=locked(type="indirect", id="nixpkgs", rev=REV),
    )
    document["nodes"]["root"]["inputs"]["deep"] = "d"  # type: ignore[index] # made above
    assert read(tmp_path, document) == AtCommit(url=None, rev=REV)
    with pytest.raises(ToolkitError, match=r"input 'nixpkgs' is not locked"):
        read(tmp_path, flake({"nixpkgs": []}))
    with pytest.raises(ToolkitError, match=r"input '[ab]' follows itself"):
        read(tmp_path, flake({"nixpkgs": ["a"], "a": ["b"], "b": ["a"]}))


def test_another_input_can_be_named(tmp_path: Path) -> None:
    document = flake({"nixpkgs-stable": "n"}, n=locked(type="indirect", id="nixpkgs", rev=REV))
    assert read(tmp_path, document, "nixpkgs-stable") == AtCommit(url=None, rev=REV)
    with pytest.raises(ToolkitError, match=r"has no input 'nixpkgs'; inputs are nixpkgs-stable") as raised:
        read(tmp_path, document)
    assert raised.value.hint == f"name a different input with {tmp_path}/lock#NAME"


@pytest.mark.parametrize(
    ("repository", "url"),
    [
        ({"type": "GitHub", "owner": "NixOS", "repo": "nixpkgs"}, "https://github.com/NixOS/nixpkgs"),
        ({"type": "Git", "url": "https://a/b.git"}, "https://a/b.git"),
    ],
)
@pytest.mark.parametrize("kind", ["Git", "GitRelease"])
def test_each_repository_of_npins(tmp_path: Path, repository: dict[str, object], url: str, kind: str) -> None:
    pin = {"type": kind, "repository": repository, "revision": REV, "url": None, "hash": "x"}
    assert read(tmp_path, {"pins": {"nixpkgs": pin}, "version": 5}) == AtCommit(url=url, rev=REV)


def test_tarballs_of_npins(tmp_path: Path) -> None:
    channel = {"type": "Channel", "name": "nixos-unstable", "url": "https://a/b.1234567/nixexprs.tar.xz", "hash": "x"}
    assert read(tmp_path, {"pins": {"nixpkgs": channel}, "version": 3}) == AtRelease(url=str(channel["url"]))
    tarball = {"type": "Tarball", "url": "https://a/b", "locked_url": f"https://a/c/d/archive/{REV}.tar.gz"}
    assert read(tmp_path, {"pins": {"nixpkgs": tarball}, "version": 7}) == AtCommit(url="https://a/c/d", rev=REV)


@pytest.mark.parametrize(
    ("document", "fact"),
    [
        ([], "expected `object`, got `array`"),
        ({}, "is neither a flake.lock nor npins' sources.json"),
        ({"nodes": {}, "root": "root", "version": 7}, "has no node 'root'"),
        (flake({"nixpkgs": "gone"}), "has no node 'gone'"),
        (flake({"nixpkgs": 7}), "expected `str \\| array`, got `int` - at `\\$.nodes\\[...\\].inputs\\[...\\]`"),
        (flake(None), "has no input 'nixpkgs'; inputs are none"),
        (flake({"nixpkgs": "n"}, n={}), "input 'nixpkgs' is not locked"),
        (flake({"nixpkgs": "n"}, n=locked(type="hg")), "input 'nixpkgs': is of no known type, or lacks a field: 'hg'"),
        (
            flake({"nixpkgs": "n"}, n=locked(type="git", url="x")),
            "input 'nixpkgs': is of no known type, or lacks",
        ),
        (
            flake({"nixpkgs": "n"}, n=locked(type="tarball", url="https://a/b")),
            "input 'nixpkgs': 'https://a/b' contains no commit",
        ),
        (
            flake({"nixpkgs": "n"}, n=locked(type="indirect", id="other", rev=REV)),
            "input 'nixpkgs': is of no known type, or lacks a field: 'indirect'",
        ),
        ({"pins": {}, "version": 5}, "has no pin 'nixpkgs'; pins are none"),
        (
            {"pins": {"nixpkgs": {"type": "PyPi"}}, "version": 5},
            "pin 'nixpkgs': is of no known type",
        ),
        (
            {"pins": {"nixpkgs": {"type": "Git", "repository": {"type": "Hg"}, "revision": REV}}, "version": 5},
            "pin 'nixpkgs': is of no known type, or lacks a field: 'Git'",
        ),
    ],
)
def test_a_lock_file_that_does_not_do_is_named_with_the_field(tmp_path: Path, document: object, fact: str) -> None:
    with pytest.raises(ToolkitError, match=rf"^{tmp_path}/lock: {fact}"):
        read(tmp_path, document)


def test_what_is_no_json_is_no_lock_file(tmp_path: Path) -> None:
    (tmp_path / "default.nix").write_text("{ lib }: lib\n")
    with pytest.raises(ToolkitError, match=r"default\.nix: is not a lock file: not JSON") as raised:
        locks.read(tmp_path / "default.nix")
    assert raised.value.hint is not None
    assert "--file" in raised.value.hint
    with pytest.raises(ToolkitError, match=r"gone: no such file"):
        locks.read(tmp_path / "gone")
