"""The claims about rewrap.nix pass for every layout, and fail for overlays that do something else."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docker.conftest import source_of
from toolkit.docker.case import DockerCase
from toolkit.docker.claims import rewrapping
from toolkit.docker.overlay_kinds import rewrap_case
from toolkit.docker.rewrite.layout import docker_file
from toolkit.errors import RefusalError
from toolkit.shipped import shipped_path

TARGET = "pkgs/applications/virtualization/docker/default.nix"
TEXT = shipped_path(f"overlays/{rewrapping.OVERLAY}").read_text()


@pytest.fixture
def case(tmp_path: Path) -> Callable[..., DockerCase]:
    """Return what makes a case of a layout, with rewrap.nix after replacements in its text."""

    def make(
        layout: str = "29.6",
        *,
        replaced: tuple[tuple[str, str], ...] = (),
        text: str = TEXT,
    ) -> DockerCase:
        for old, new in replaced:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (tmp_path / rewrapping.OVERLAY).write_text(text)
        source = source_of(layout)
        return rewrap_case(docker_file(source.content, name=TARGET), source, tmp_path)

    return make


@pytest.mark.parametrize("layout", ["20.10.14", "24.0", "27.5-alejandra", "29.6"])
def test_claims_hold_for_layouts_and_path_is_read_back(
    case: Callable[..., DockerCase], layout: str
) -> None:
    kept, built = rewrapping.keeps(case(layout)), rewrapping.builds(case(layout))
    for found in (kept, built):
        assert (found.failures, found.not_run) == ((), None)
        assert found.commands
        assert found.evidence
    if layout == "29.6":
        assert (
            kept.covers
            == "3 docker packages, x86_64-linux, in the specimen's package set"
        )
        assert [line.partition(":")[0] for line in kept.evidence] == [
            "docker",
            "docker_25",
            "docker_29",
        ]
        before, after = built.evidence
        assert before.endswith(
            ":rootlesskit/bin:slirp4netns/bin:fuse-overlayfs/bin:<PATH>"
        )
        assert after.endswith(
            ":slirp4netns/bin:fuse-overlayfs/bin:<PATH>:rootlesskit/bin"
        )


def test_layouts_without_a_wrapper_to_change_are_refused(
    case: Callable[..., DockerCase],
) -> None:
    for layout, place in (("19.03", "no wrapper"), ("states/fixed", "suffix")):
        with pytest.raises(
            RefusalError,
            match=rf"no dockerd-rootless wrapper has rootlesskit in its .* \({place}\)",
        ):
            case(layout)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            (
                "    replace name docker",
                '    replace name (docker.overrideAttrs (_: { pname = "mine"; }))',
            ),
            r"is not built from .*-docker-29\.6\.1\.drv",
        ),
        (
            (
                "inherit (docker) moby;",
                'moby = docker.moby.overrideAttrs (_: { pname = "moby"; more = "1"; });',
            ),
            r"-moby-29\.6\.1\.drv would also be built",
        ),
        (
            (
                (
                    "// builtins.mapAttrs (_: again) (builtins.intersectAttrs changing "
                    "docker)"
                ),
                "",
            ),
            r"differs in (overridden, )?override, (overridden, )?overrideAttrs",
        ),
        (
            (
                "    docker\n    // builtins.intersectAttrs",
                "    builtins.intersectAttrs",
            ),
            "",
        ),
    ],
)
def test_overlay_that_compiles_or_forgets_something_is_found(
    case: Callable[..., DockerCase], change: tuple[str, str], said: str
) -> None:
    found = rewrapping.keeps(case(replaced=(change,)))
    assert any(re.search(said, fact) for fact in found.failures)


def test_overlay_that_does_nothing_is_found(case: Callable[..., DockerCase]) -> None:
    assert rewrapping.keeps(case(text="final: prev: { }\n")).failures == (
        "the overlay rewraps no docker",
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            (
                "            --suffix PATH : ${path user.right}\n",
                "            --suffix PATH : /somewhere\n",
            ),
            "the suffix is '/somewhere', but should be 'rootlesskit/bin'",
        ),
        (
            (
                "          rm $out/bin/dockerd-rootless\n",
                "          rm $out/bin/dockerd-rootless; echo >$out/new\n",
            ),
            "new does not belong to docker",
        ),
    ],
)
def test_overlay_that_builds_something_else_is_found(
    case: Callable[..., DockerCase], change: tuple[str, str], said: str
) -> None:
    assert rewrapping.builds(case(replaced=(change,))).failures == (said,)
