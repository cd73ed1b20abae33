from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests import specimens
from toolkit.docker import case as cases
from toolkit.docker.case import DockerCase
from toolkit.docker.rewrite.layout import file_of
from toolkit.errors import RefusalError
from toolkit.git.reading import TreeFile
from toolkit.model import Source
from toolkit.proposal import registry

TARGET = "pkgs/applications/virtualization/docker/default.nix"
COMPONENTS = ("docker-runc", "docker-containerd", "docker-tini", "moby")


def source_of(name: str) -> Source:
    root = specimens.path(name)
    return Source(origin=name, content=(root / TARGET).read_bytes(), directory=(root / TARGET).parent, root=root)


def beside(source: Source) -> tuple[dict[str, TreeFile], tuple[str, ...]]:
    return cases.siblings(source, file_of(source.content.decode(), name="default.nix"))


def lay_out(source: Source, contents: Mapping[str, bytes] | None = None) -> DockerCase:
    return cases.case(
        contents or {"before": source.content, "after": source.content + b"# x\n"},
        name="default.nix",
        source=source,
    )


def test_stages_lie_in_the_cache(cache: Path) -> None:
    laid_out = lay_out(source_of("29.6"))
    assert [stage.name for stage in laid_out.stages] == ["before", "after"]
    for stage in laid_out.stages:
        assert stage.path.is_relative_to(cache / "files")
        assert stage.path.read_bytes() == stage.content == stage.file.text.encode()


def test_stand_in_tree_has_what_is_required_and_nothing_that_would_be_captured() -> None:
    source = source_of("states/fixed")
    file = file_of(source.content.decode(), name="default.nix")
    around = lay_out(source).around
    assert {"rootlesskit", "stdenv", "runc"} <= {*around.names}
    assert "moby" in file.formals
    assert registry.named()["docker"].parts == COMPONENTS
    assert not {*around.names} & {*COMPONENTS}
    assert not {*around.names} & {"buildxSupport", "knownVulnerabilities"}


def test_package_of_any_stage_is_in_the_stand_in_tree() -> None:
    source = source_of("29.6")
    after = source.content.replace(b"      rootlesskit,\n", b"      rootlesskit,\n      more,\n", 1)
    laid_out = lay_out(source, {"before": source.content, "after": after})
    assert "more" in laid_out.around.names


def test_whole_nixpkgs_is_asked_and_around_a_part_the_stand_in_tree() -> None:
    whole, part = lay_out(source_of("29.6")), lay_out(source_of("24.0"))
    assert (whole.place, part.place) == ("the specimen's package set", "the stand-in tree")
    assert whole.tree == whole.whole
    assert part.tree == part.stand_in


def test_names_and_contents_cannot_be_confused_in_the_key() -> None:
    source = source_of("29.6")
    more = source.content + b"#\n"
    laid_out = [
        lay_out(source, contents).before.path
        for contents in (
            {"before": source.content, "lifted": more},
            {"before": source.content, "demoted": more},
            {"before": more, "lifted": source.content},
        )
    ]
    assert len(set(laid_out)) == 3


def test_damaged_stage_is_laid_out_anew() -> None:
    source = source_of("29.6")
    path = lay_out(source).after.path
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    lay_out(source)
    assert path.read_bytes() == whole
    path.unlink()
    lay_out(source)
    assert path.read_bytes() == whole


def test_missing_file_is_named_and_stood_in_for_by_an_empty_one(tmp_path: Path) -> None:
    source = replace(source_of("29.6"), directory=tmp_path)
    (tmp_path / "update.sh").write_text("x")
    present, missing = beside(source)
    assert present == {"update.sh": TreeFile(content=b"x")}
    assert missing == ("cli-plugin-dirs-from-environment-25.patch", "cli-plugin-dirs-from-environment.patch")
    beside_it = lay_out(source).around.beside
    assert (beside_it["update.sh"].content, beside_it[missing[0]].content) == (b"x", b"")


def test_modes_and_directories_are_those_of_the_source_and_links_are_followed(tmp_path: Path) -> None:
    docker = tmp_path / "tree" / "docker"
    for name, mode in {"docker/update.sh": 0o644, "docker/hook": 0o755, "docker/d/e/tool": 0o744, "out": 0o755}.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(mode)
    for name, led in {"link": "hook", "outward": "../out", "d/inward": "../update.sh", "nowhere": "gone"}.items():
        (docker / name).symlink_to(led)
    text = source_of("29.6").content.decode()
    for name in ("hook", "link", "outward", "nowhere", "d"):
        text = text.replace("./update.sh", f"[ ./update.sh ./{name} ]", 1)
    source = replace(source_of("29.6"), content=text.encode(), directory=docker, root=docker.parent)
    present, missing = beside(source)
    assert {name: (file.mode, file.content) for name, file in present.items()} == {
        "update.sh": ("100644", b"docker/update.sh"),
        "hook": ("100755", b"docker/hook"),
        "link": ("100755", b"docker/hook"),
        "outward": ("100755", b"out"),
        "d/e/tool": ("100755", b"docker/d/e/tool"),
        "d/inward": ("100644", b"docker/update.sh"),
    }
    assert "nowhere" in missing


def test_file_of_any_stage_is_looked_for() -> None:
    source = source_of("29.6")
    text = source.content.decode()
    other = file_of(text.replace("./update.sh", "./other.sh"), name="default.nix")
    present, missing = cases.siblings(source, file_of(text, name="default.nix"), other)
    assert "update.sh" in present
    assert missing == ("other.sh",)


def test_file_above_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    source = source_of("29.6")
    text = source.content.decode().replace("./update.sh", "./a/../../secret")
    with pytest.raises(RefusalError, match=r"^default\.nix: refers to '\./a/\.\./\.\./secret', which is not below"):
        cases.siblings(replace(source, directory=tmp_path / "x"), file_of(text, name="default.nix"))
