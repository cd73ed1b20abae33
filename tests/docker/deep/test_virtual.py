from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.docker.deep.conftest import TREE
from toolkit.docker.claims import realising, virtual
from toolkit.errors import NotRunError
from toolkit.model import Status, Tier

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.docker.deep.conftest import Deepened

VM = replace(TREE, tier=Tier.VM)


def test_nixos_test_evaluates(deepened: Callable[..., Deepened]) -> None:
    proof = deepened().passes("vm-evaluates", VM)
    assert proof.evidence[0].endswith("-vm-test-run-docker-rootless-ports.drv")


def test_test_of_an_option_that_nixos_lacks_is_caught(deepened: Callable[..., Deepened]) -> None:
    changes = {"nixos/lib/testing.nix": ("    security.wrappers = true;\n", "")}
    assert "The option 'security.wrappers' does not exist" in deepened(changes).failure("vm-evaluates", VM)


def test_machines_of_the_specimen_are_not_run(deepened: Callable[..., Deepened]) -> None:
    proof = deepened().prove("vm", VM)
    assert (proof.status, proof.reason) == (Status.NOT_RUN, "because the specimen's machines are stand-ins")


@pytest.mark.parametrize("name", ["vm-evaluates", "vm"])
def test_other_systems_are_no_nixos(deepened: Callable[..., Deepened], name: str) -> None:
    proof = deepened().prove(name, replace(VM, systems=("aarch64-darwin",)))
    assert (proof.status, proof.reason) == (
        Status.NOT_RUN,
        "because NixOS runs on Linux, and this is aarch64-darwin; --system x86_64-linux evaluates it",
    )


def test_machine_without_kvm_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = realising.here()
    monkeypatch.setattr(virtual, "KVM", tmp_path / "kvm")
    with pytest.raises(NotRunError) as absent:
        virtual.require_kvm(here)
    assert absent.value.message == f"there is no {tmp_path}/kvm; name a machine that has it with --builders"
    with pytest.raises(NotRunError) as other:
        virtual.require_kvm("riscv64-linux")
    assert other.value.message == "this machine is not riscv64-linux; name one that is with --builders"
    (tmp_path / "kvm").touch()
    virtual.require_kvm(here)


def test_nixpkgs_without_nixos_is_not_run(deepened: Callable[..., Deepened], tmp_path: Path) -> None:
    series = deepened({".version": "26.11\n"})
    (tmp_path / "tree" / "nixos").rename(tmp_path / "nixos")
    proof = series.prove("vm-evaluates", VM)
    assert (proof.status, proof.reason) == (Status.NOT_RUN, "because this nixpkgs has no nixos/")
