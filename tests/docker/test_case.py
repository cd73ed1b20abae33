"""The files of a case: those of its stages, and those that stand beside the source."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.docker.conftest import source_of
from toolkit.docker import COMPONENTS
from toolkit.docker import case as cases
from toolkit.docker.case import DockerCase
from toolkit.docker.rewrite.layout import file_of
from toolkit.errors import RefusalError
from toolkit.git.reading import TreeFile
from toolkit.model import Source


def beside(source: Source, *texts: str) -> tuple[dict[str, TreeFile], tuple[str, ...]]:
    stages = texts or (source.content.decode(),)
    return cases.siblings(
        source, *(file_of(text, name="default.nix") for text in stages)
    )


def lay_out(source: Source, contents: Mapping[str, bytes] | None = None) -> DockerCase:
    return cases.case(
        contents or {"before": source.content, "after": source.content + b"# x\n"},
        name="default.nix",
        source=source,
    )


def test_stages_lie_in_the_cache_by_name_and_content_and_are_laid_out_anew_if_damaged(
    cache: Path,
) -> None:
    source = source_of("29.6")
    more = source.content + b"#\n"
    laid_out = [
        lay_out(source, contents)
        for contents in (
            {"before": source.content, "lifted": more},
            {"before": source.content, "demoted": more},
            {"before": more, "lifted": source.content},
        )
    ]
    assert len({case.before.path for case in laid_out}) == 3
    for case in laid_out:
        for stage in case.stages:
            assert stage.path.is_relative_to(cache / "files")
            assert stage.path.read_bytes() == stage.content == stage.file.text.encode()
    path = laid_out[0].after.path
    path.write_bytes(more[:-1])
    assert (
        lay_out(
            source, {"before": source.content, "lifted": more}
        ).after.path.read_bytes()
        == more
    )


def test_stand_in_tree_has_what_any_stage_requires_and_nothing_that_would_be_captured() -> (
    None
):
    source = source_of("states/fixed")
    after = source.content.replace(
        b"      rootlesskit,\n", b"      rootlesskit,\n      more,\n", 1
    )
    names = {*lay_out(source, {"before": source.content, "after": after}).around.names}
    assert {"rootlesskit", "stdenv", "runc", "more"} <= names
    assert not names & {*COMPONENTS, "buildxSupport", "knownVulnerabilities"}


def test_modes_and_directories_are_those_of_the_source_and_links_are_followed(
    tmp_path: Path,
) -> None:
    docker = tmp_path / "tree" / "docker"
    for name, mode in {
        "docker/update.sh": 0o644,
        "docker/hook": 0o755,
        "docker/d/e/tool": 0o744,
        "out": 0o755,
    }.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(mode)
    for name, led in {
        "link": "hook",
        "outward": "../out",
        "d/inward": "../update.sh",
        "nowhere": "gone",
    }.items():
        (docker / name).symlink_to(led)
    text = source_of("29.6").content.decode()
    for name in ("hook", "link", "outward", "nowhere", "d"):
        text = text.replace("./update.sh", f"[ ./update.sh ./{name} ]", 1)
    source = replace(
        source_of("29.6"), content=text.encode(), directory=docker, root=docker.parent
    )
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


def test_file_of_any_stage_is_looked_for_and_none_above_the_directory(
    tmp_path: Path,
) -> None:
    source = source_of("29.6")
    text = source.content.decode()
    present, missing = beside(source, text, text.replace("./update.sh", "./other.sh"))
    assert "update.sh" in present
    assert missing == ("other.sh",)
    (tmp_path / "secret").write_text("x")
    with pytest.raises(
        RefusalError,
        match=r"^default\.nix: uses '\./a/\.\./\.\./secret', which is not below",
    ):
        beside(
            replace(source, directory=tmp_path / "x"),
            text.replace("./update.sh", "./a/../../secret"),
        )
