"""The claims about rewrap.nix pass for every layout, and fail for overlays that do something else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import specimens
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

    def make(layout: str = "29.6", *, replaced: tuple[tuple[str, str], ...] = (), text: str = TEXT) -> DockerCase:
        for old, new in replaced:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (tmp_path / rewrapping.OVERLAY).write_text(text)
        source = source_of(layout)
        return rewrap_case(docker_file(source.content, name=TARGET), source, tmp_path)

    return make


@pytest.mark.parametrize("layout", [name for name in specimens.LAYOUTS if name != "19.03"])
def test_claims_hold_for_every_layout(case: Callable[..., DockerCase], layout: str) -> None:
    for claim in (rewrapping.keeps, rewrapping.builds):
        found = claim(case(layout))
        assert (found.failures, found.not_run) == ((), None)
        assert found.commands
        assert found.evidence


def test_each_docker_is_told_of(case: Callable[..., DockerCase]) -> None:
    found = rewrapping.keeps(case())
    assert found.covers == "3 dockers, x86_64-linux, in the specimen's package set"
    assert [line.partition(":")[0] for line in found.evidence] == ["docker", "docker_25", "docker_29"]


def test_path_is_read_back_before_and_after(case: Callable[..., DockerCase]) -> None:
    before, after = rewrapping.builds(case()).evidence
    assert before.endswith(":rootlesskit/bin:slirp4netns/bin:fuse-overlayfs/bin:<PATH>")
    assert after.endswith(":slirp4netns/bin:fuse-overlayfs/bin:<PATH>:rootlesskit/bin")


def test_layouts_without_a_wrapper_to_change_are_refused(case: Callable[..., DockerCase]) -> None:
    for layout, place in (("19.03", "no wrapper"), ("states/fixed", "suffix")):
        with pytest.raises(RefusalError, match=rf"rootlesskit is not in the PATH prefix of .* \({place}\)"):
            case(layout)


def test_overlay_that_changes_docker_compiles_it(case: Callable[..., DockerCase]) -> None:
    change = ("    replace name docker", '    replace name (docker.overrideAttrs (_: { pname = "mine"; }))')
    found = rewrapping.keeps(case(replaced=(change,)))
    assert any("-docker-29.6.1.drv" in fact and "is not built from" in fact for fact in found.failures)


def test_overlay_that_changes_moby_compiles_it(case: Callable[..., DockerCase]) -> None:
    change = ("inherit (docker) moby;", 'moby = docker.moby.overrideAttrs (_: { pname = "moby"; more = "1"; });')
    found = rewrapping.keeps(case(replaced=(change,)))
    assert any("-moby-29.6.1.drv is built as well" in fact for fact in found.failures)


def test_overlay_that_forgets_how_to_override_is_found(case: Callable[..., DockerCase]) -> None:
    change = ("// builtins.mapAttrs (_: again) (builtins.intersectAttrs changing docker)", "")
    found = rewrapping.keeps(case(replaced=(change,)))
    assert any("differs in override, overrideAttrs" in fact.replace("overridden, ", "") for fact in found.failures)


def test_overlay_that_forgets_attributes_is_found(case: Callable[..., DockerCase]) -> None:
    found = rewrapping.keeps(
        case(replaced=(("    docker\n    // builtins.intersectAttrs", "    builtins.intersectAttrs"),))
    )
    assert found.failures


def test_overlay_that_does_nothing_is_found(case: Callable[..., DockerCase]) -> None:
    assert rewrapping.keeps(case(text="final: prev: { }\n")).failures == ("no docker is rewrapped",)


def test_overlay_that_loses_rootlesskit_is_found(case: Callable[..., DockerCase]) -> None:
    change = ("            --suffix PATH : ${path user.right}\n", "            --suffix PATH : /somewhere\n")
    (fact,) = rewrapping.builds(case(replaced=(change,))).failures
    assert fact == "the suffix is '/somewhere' instead of 'rootlesskit/bin'"


def test_overlay_that_copies_files_is_found(case: Callable[..., DockerCase]) -> None:
    change = ("          rm $out/bin/dockerd-rootless\n", "          rm $out/bin/dockerd-rootless; echo >$out/new\n")
    assert rewrapping.builds(case(replaced=(change,))).failures == ("new is in one of them only",)
