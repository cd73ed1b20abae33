"""The tree around one file is a nixpkgs like any other."""

import json
import subprocess
from pathlib import Path, PurePosixPath

from msgspec.structs import replace

from tests import specimens
from toolkit import specimen
from toolkit.docker.case import names
from toolkit.docker.rewrite.layout import docker_file
from toolkit.git.reading import TreeFile
from toolkit.sources import stand_in
from toolkit.sources.stand_in import Surroundings

TARGET = PurePosixPath("pkgs/applications/virtualization/docker/default.nix")
CONTENT = (specimens.path("24.0") / TARGET).read_bytes()
AROUND = Surroundings(
    target=TARGET,
    content=CONTENT,
    beside={"x.patch": TreeFile(content=b"x")},
    exported=("docker_20_10", "docker_24"),
    names=names([docker_file(CONTENT, name="default.nix")]),
)


def evaluated(tree: Path, expression: str) -> object:
    command = ["nix-instantiate", "--eval", "--strict", "--json", "--expr"]
    given = f'with import {tree} {{ system = "x86_64-linux"; }}; {expression}'
    return json.loads(
        subprocess.run([*command, given], check=True, capture_output=True).stdout
    )


def test_stand_in_tree_has_the_files_releases_and_a_stub_for_each_name_it_takes() -> (
    None
):
    tree = stand_in.tree(AROUND).root
    assert (tree / TARGET).read_bytes() == AROUND.content
    assert (tree / TARGET.parent / "x.patch").read_bytes() == b"x"
    # The specimen has an alias that throws for each of them.
    assert (
        evaluated(
            tree, "docker.name == docker_24.name && docker_20_10.name != docker_24.name"
        )
        is True
    )
    assert evaluated(tree, "pkgs ? legacy-runner") is False
    tree = stand_in.tree(AROUND).root
    assert evaluated(tree, "[ procps.pname (procps { }).name ]") == ["procps", "procps"]
    assert evaluated(tree, "lib ? optionals") is True


def test_builder_takes_a_function_only_in_a_nixpkgs_that_is_new_enough() -> None:
    call = '(builtins.tryEval (buildGoModule (_: { name = "x"; })).drvPath).success'
    for takes in (True, False):
        tree = stand_in.tree(replace(AROUND, takes_function=takes)).root
        assert evaluated(tree, call) is takes


def test_library_is_that_of_the_source(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/default.nix").write_text(
        f"import {specimen.path()}/lib // {{ ours = 1; }}"
    )
    tree = stand_in.tree(replace(AROUND, root=tmp_path)).root
    assert evaluated(tree, "lib.ours") == 1
    assert not (tree / "lib/values.nix").exists()


def test_it_is_laid_down_once_and_again_if_it_is_damaged() -> None:
    tree = stand_in.tree(AROUND)
    assert stand_in.tree(AROUND) == tree
    (tree.root / TARGET).write_text("{ }")
    assert (stand_in.tree(AROUND).root / TARGET).read_bytes() == AROUND.content
    assert stand_in.tree(replace(AROUND, content=b"{ }")).root != tree.root
