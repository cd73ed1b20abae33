from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolkit.docker.plan import Strategy
from toolkit.model import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.docker.deep.conftest import Deepened

ALIASES = "pkgs/top-level/aliases.nix"
NO_ALIAS = {ALIASES: ("  moby = throw \"'moby' was removed, it is 'docker.moby'\";\n", "")}
BY_NAME = {
    "pkgs/by-name/mo/moby/package.nix": '{ stdenv }:\nstdenv.mkDerivation { pname = "moby"; version = "0"; }\n',
}


def test_alias_that_throws_is_found_and_harms_nothing(deepened: Callable[..., Deepened]) -> None:
    proof = deepened().passes("tree-names")
    assert proof.covers == "4 names, 1 in the package set, aliases and by-name included; x86_64-linux"
    assert "moby: an alias that throws (pkgs/top-level/aliases.nix)" in proof.evidence
    assert "docker-runc: absent" in proof.evidence


def test_package_of_by_name_is_found_and_harms_nothing(deepened: Callable[..., Deepened]) -> None:
    proof = deepened({**NO_ALIAS, **BY_NAME}).passes("tree-names")
    assert "moby: a package" in "\n".join(proof.evidence)


def test_alias_of_a_package_is_called_so(deepened: Callable[..., Deepened]) -> None:
    proof = deepened({ALIASES: ("  moby = throw", "  docker-tini = final.tini;\n  moby = throw")}).passes("tree-names")
    assert "docker-tini: an alias of a package (pkgs/top-level/aliases.nix)" in proof.evidence


@pytest.mark.parametrize("changes", [None, {**NO_ALIAS, **BY_NAME}])
def test_default_that_the_set_fills_is_captured(
    deepened: Callable[..., Deepened], changes: dict[str, str | tuple[str, str]] | None
) -> None:
    failure = deepened(changes, strategy=Strategy.PARAMETER).failure("tree-names")
    for name in ("docker-containerd", "docker-runc", "docker-tini", "moby"):
        assert f"docker takes {name} from the package set (" in failure


def test_set_in_which_docker_never_evaluates_is_not_green(deepened: Callable[..., Deepened]) -> None:
    changes = {"pkgs/top-level/all-packages.nix": ("  docker = final.docker_29;", '  docker = throw "gone";')}
    proof = deepened(changes).prove("tree-names")
    assert (proof.status, proof.reason) == (
        Status.FAILED,
        "the package set's docker does not evaluate, so nothing is known about it",
    )
