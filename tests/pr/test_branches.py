"""What a branch is called by default."""

import pytest

from toolkit.pr.branches import branch_name


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("forgejo", "forgejo-overridable-parts"),
        ("python3Packages.furo", "python3Packages-furo-overridable-parts"),
        ("pkgs/by-name/fo/forgejo/package.nix", "forgejo-overridable-parts"),
        ("pkgs/data/fonts/dejavu-fonts/default.nix", "dejavu-fonts-overridable-parts"),
        ("pkgs/by-name/on/onlyoffice/x2t.nix", "x2t-overridable-parts"),
        ("docker", "docker-overridable-components"),
    ],
)
def test_a_branch_is_called_after_its_package(target: str, name: str) -> None:
    assert branch_name(target) == name


def test_a_recipe_and_a_step_on_request_have_branches_of_their_own() -> None:
    assert branch_name("jq", "final-attrs") == "jq-final-attrs"
    assert branch_name("jq", "recipes/own.toml") == "jq-own"
    assert branch_name("docker", only=("demote",)) == "docker-rootlesskit-path"
    assert (
        branch_name("docker", only=("nixos-module",))
        == "docker-rootless-privileged-ports"
    )
