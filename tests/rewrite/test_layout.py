from __future__ import annotations

import pytest

from toolkit import specimen
from toolkit.rewrite.layout import DockerFile, component, inspect, newest
from toolkit.rewrite.style import Style

TARGET = "pkgs/applications/virtualization/docker/default.nix"
COMPONENTS = ("docker-runc", "docker-containerd", "docker-tini", "moby")


def file(name: str) -> DockerFile:
    return DockerFile((specimen.path(name) / TARGET).read_text(), name="default.nix")


@pytest.mark.parametrize(
    ("layout", "style"),
    [
        ("20.10.14", Style.OLD),
        ("24.0", Style.OLD),
        ("26.0", Style.NIXFMT),
        ("27.0", Style.OLD),
        ("27.5", Style.NIXFMT),
        ("27.5-alejandra", Style.ALEJANDRA),
        ("28.4", Style.NIXFMT),
        ("29.6", Style.NIXFMT),
    ],
)
def test_style_is_recognised(layout: str, style: Style) -> None:
    assert file(layout).style is style


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("29.6", "prefix"),
        ("20.10.14", "prefix"),
        ("states/fixed", "suffix"),
        ("states/half-demoted", "suffix"),
        ("states/half-lifted", "prefix"),
        ("states/no-wrapper", "no wrapper"),
    ],
)
def test_place_of_rootlesskit_is_found(name: str, where: str) -> None:
    assert inspect(file(name), COMPONENTS, "rootlesskit").rootlesskit == where


def test_references_of_moby_are_the_siblings_that_it_needs() -> None:
    assert set(component(file("29.6"), "moby").references) == {
        "docker-meta",
        "docker-runc",
        "docker-containerd",
        "docker-tini",
        "moby-src",
    }
    assert "docker-proxy" in component(file("24.0"), "moby").parameters


def test_todo_is_found_by_its_text_and_not_guessed() -> None:
    assert file("29.6").todo() is not None
    assert file("20.10.14").todo() is None


def test_releases_and_versions_are_read() -> None:
    releases = file("29.6").releases()
    assert [release.attr for release in releases] == ["docker_25", "docker_29"]
    assert newest(releases) is not None
    assert newest(releases) == releases[-1].version
