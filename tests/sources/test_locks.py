import json
import re
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from tests import cases
from toolkit.errors import ToolkitError
from toolkit.sources import locks
from toolkit.sources.locks import AtCommit, AtPath

REV = "1" * 40


def flake(inputs: object, **nodes: object) -> dict[str, object]:
    return {
        "nodes": {"root": {"inputs": inputs}, **nodes},
        "root": "root",
        "version": 7,
    }


def locked(**fields: object) -> dict[str, object]:
    return {"locked": fields, "original": {"type": "indirect", "id": "nixpkgs"}}


def read(tmp_path: Path, document: object, name: str = "nixpkgs") -> locks.Locked:
    path = tmp_path / "lock"
    path.write_text(json.dumps(document))
    return locks.read(path, name)


class Case(Struct, frozen=True, kw_only=True):
    locked: dict[str, str] | None = None
    pin: dict[str, object] | None = None
    version: int = 5
    document: str | None = None
    found: dict[str, str] | None = None
    fact: str | None = None

    @property
    def content(self) -> str:
        document: object = {"pins": {"nixpkgs": self.pin}, "version": self.version}
        if self.locked is not None:
            document = flake({"nixpkgs": "n"}, n=locked(**self.locked))
        return (self.document or json.dumps(document)).replace("REV", REV)


@pytest.mark.parametrize("case", cases.read(__file__, dict[str, list[Case]])["cases"])
def test_lock_file_gives_the_pin_or_the_error_names_the_field(
    tmp_path: Path, case: Case
) -> None:
    path = tmp_path / "lock"
    path.write_text(case.content)
    if case.fact is not None:
        with pytest.raises(ToolkitError, match=f"^{path}: {re.escape(case.fact)}"):
            locks.read(path)
        return
    found = {
        name: value
        for name, value in msgspec.to_builtins(locks.read(path), enc_hook=str).items()
        if value is not None
    }
    assert found == {
        name: value.replace("REV", REV) for name, value in (case.found or {}).items()
    }


def test_a_path_is_relative_to_the_lock_file(tmp_path: Path) -> None:
    document = flake({"nixpkgs": "n"}, n=locked(type="path", path="./here"))
    assert read(tmp_path, document) == AtPath(path=tmp_path / "here")


def test_follows_is_resolved_from_the_root_which_an_empty_path_is_and_may_not_go_round(
    tmp_path: Path,
) -> None:
    document = flake(
        {"nixpkgs": ["other", "nixpkgs"], "other": "o"},
        o={"inputs": {"nixpkgs": ["deep", "pkgs"], "deep": "unrelated"}},
        d={"inputs": {"pkgs": "p"}},
        unrelated={"inputs": {}},
        p=locked(type="indirect", id="nixpkgs", rev=REV),
    )
    document["nodes"]["root"]["inputs"]["deep"] = "d"  # type: ignore[index] # made above
    assert read(tmp_path, document) == AtCommit(url=None, rev=REV)
    with pytest.raises(
        ToolkitError, match=r"the lock file has no entry for input 'nixpkgs'"
    ):
        read(tmp_path, flake({"nixpkgs": []}))
    with pytest.raises(ToolkitError, match=r"input '[ab]' follows itself"):
        read(tmp_path, flake({"nixpkgs": ["a"], "a": ["b"], "b": ["a"]}))


def test_another_input_can_be_named(tmp_path: Path) -> None:
    document = flake(
        {"nixpkgs-stable": "n"}, n=locked(type="indirect", id="nixpkgs", rev=REV)
    )
    assert read(tmp_path, document, "nixpkgs-stable") == AtCommit(url=None, rev=REV)
    with pytest.raises(
        ToolkitError, match=r"has no input 'nixpkgs'; inputs are nixpkgs-stable"
    ) as raised:
        read(tmp_path, document)
    assert raised.value.hint == f"name a different input with {tmp_path}/lock#NAME"


def test_text_that_is_no_json_is_no_lock_file(tmp_path: Path) -> None:
    (tmp_path / "default.nix").write_text("{ lib }: lib\n")
    with pytest.raises(
        ToolkitError, match=r"default\.nix: is not a lock file: it is not JSON"
    ) as raised:
        locks.read(tmp_path / "default.nix")
    assert raised.value.hint is not None
    assert "--file" in raised.value.hint
    with pytest.raises(ToolkitError, match=r"gone: no such file"):
        locks.read(tmp_path / "gone")
