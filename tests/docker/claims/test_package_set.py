import shutil
from pathlib import Path

from msgspec.structs import replace

from tests.docker.conftest import Draft, drafted, source_at
from toolkit import specimen
from toolkit.model import Depth, Status

ALL = "pkgs/top-level/all-packages.nix"


def needing(value: str, directory: Path) -> Draft:
    """Return a series for a tree in which docker needs this."""
    root = shutil.copytree(specimen.path(), directory / "tree")
    text = (root / ALL).read_text()
    (root / ALL).write_text(
        text.replace(
            "  containerd = stub", f"  iptables = {value};\n  containerd = stub"
        )
    )
    return replace(drafted(), source=source_at(str(root)))


def test_tree_that_does_not_evaluate_has_not_failed(tmp_path: Path) -> None:
    proof = needing('abort "nothing works"', tmp_path).prove(
        "overridable", Depth(whole=True)
    )
    assert proof.status is Status.NOT_RUN
    assert proof.reason is not None
    assert proof.reason.startswith(
        "because Nix cannot evaluate the file in the specimen's package set: "
    )
    assert "nothing works" in proof.reason
    assert proof.reason.endswith("; name another nixpkgs")


def test_one_system_on_which_it_does_not_is_named_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    value = 'if final.stdenv.hostPlatform.isAarch64 then abort "not here" else stub "iptables"'
    proof = needing(value, tmp_path).prove("exact-change", Depth(whole=True))
    assert (proof.status, proof.reason) == (Status.PASSED, None)
    assert [line.split(": ")[1] for line in proof.gaps] == [
        f"{system} {release}"
        for system in ("aarch64-linux", "x86_64-linux → aarch64-linux")
        for release in ("docker_25", "docker_29")
    ]
