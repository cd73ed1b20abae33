from __future__ import annotations

import os
import re
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace
from packaging.version import Version

from toolkit import rootless
from toolkit.errors import ToolkitError
from toolkit.rootless import Account, Host, requirements, sites

TOOLS = ("sh", "test", "true")


@pytest.fixture
def only(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is all of PATH, with the programs that a host must have."""
    directory = tmp_path / "programs"
    directory.mkdir()
    for name, path in host.programs.items():
        (directory / name).symlink_to(path)
    for name in TOOLS:
        (directory / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setattr(requirements, "_PLACES", ())
    monkeypatch.setenv("PATH", str(directory))
    return directory


def test_programs_are_those_on_path(only: Path) -> None:
    assert rootless.host().programs["slirp4netns"] == only / "slirp4netns"


@pytest.mark.parametrize("name", [*sorted(requirements.DEBIAN), requirements.PROXY])
def test_missing_program_is_one_line_with_its_package(only: Path, name: str) -> None:
    # dockerd is a link: its target has programs beside it.
    dockerd = only / "dockerd"
    dockerd.unlink()
    dockerd.write_text("#!/bin/sh\necho Docker version 26.1.5+dfsg1, build 411e817\n")
    dockerd.chmod(0o755)
    (only / name).unlink()
    with pytest.raises(ToolkitError) as caught:
        rootless.host()
    assert str(caught.value) == f"{name}: is not installed"
    assert re.fullmatch(r"Debian, Ubuntu: apt install [a-z0-9. -]+", caught.value.hint or "")


def test_dockerd_from_28_on_needs_no_proxy(only: Path) -> None:
    (only / "dockerd").unlink()
    (only / "dockerd").write_text("#!/bin/sh\necho Docker version 28.0.0, build 0\n")
    (only / "dockerd").chmod(0o755)
    (only / requirements.PROXY).unlink(missing_ok=True)
    found = rootless.host()
    assert (found.version, found.needs_proxy) == (Version("28.0.0"), False)
    assert found.packages()["rootlesskit"] == {"rootlesskit": str(only / "rootlesskit")}


def test_security_wrapper_is_not_taken_for_the_program(
    only: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrappers = tmp_path / "wrappers"
    shutil.copytree(only, wrappers, symlinks=True)
    monkeypatch.setattr(requirements, "_SECURITY_WRAPPERS", str(wrappers))
    monkeypatch.setenv("PATH", f"{wrappers}:{only}")
    found = rootless.host().programs
    assert found["rootlesskit"] == only / "rootlesskit"
    assert found["newuidmap"] == wrappers / "newuidmap"


def test_tun_device_that_is_missing_or_closed_is_told(host: Host, account: Account, place: Path) -> None:
    tun = place / "net" / "tun"
    with pytest.raises(ToolkitError, match="tun: no such file or directory") as caught:
        requirements.require_tun(host, account, tun)
    assert f"mknod -m 666 {tun} c 10 200" in (caught.value.hint or "")
    tun.parent.mkdir()
    tun.write_text("")
    with pytest.raises(ToolkitError, match="tun: is not a device"):
        requirements.require_tun(host, account, tun)
    tun.unlink()
    os.mknod(tun, stat.S_IFCHR | 0o600, os.makedev(10, 200))
    with pytest.raises(ToolkitError, match=f"tun: permission denied for {account.name}") as caught:
        requirements.require_tun(host, account, tun)
    assert caught.value.hint == f"as root: chmod 666 {tun}"
    tun.chmod(0o666)
    requirements.require_tun(host, account, tun)
    shutil.rmtree(tun.parent)


def test_user_without_subordinate_ids_is_told(tmp_path: Path) -> None:
    user = Account(name="user", uid=1234, gid=1234)
    cases = {
        "": "user has no subordinate ids",
        "other:100000:65536\nnonsense\nuser:x\n": "user has no subordinate ids",
        "user:100000:1000\n": "user has only 1000 subordinate ids",
    }
    for content, fact in cases.items():
        (tmp_path / "subuid").write_text(content)
        with pytest.raises(ToolkitError, match=f"subuid: {fact}") as caught:
            requirements.require_subordinate_ids(user, tmp_path)
        assert f"usermod --add-subuids {requirements.free_range(tmp_path)} " in (caught.value.hint or "")
    (tmp_path / "subuid").write_text("user:100000:65536\n")
    with pytest.raises(ToolkitError, match="subgid: user has no"):
        requirements.require_subordinate_ids(user, tmp_path)
    (tmp_path / "subgid").write_text("1234:100000:32768\nuser:200000:32768\n")
    requirements.require_subordinate_ids(user, tmp_path)


def test_ids_to_add_are_nobody_elses(tmp_path: Path) -> None:
    assert requirements.free_range(tmp_path) == "100000-165535"
    (tmp_path / "subuid").write_text("one:100000:65536\nnonsense\ntwo:300000:65536\n")
    assert requirements.free_range(tmp_path) == "365536-431071"
    (tmp_path / "subgid").write_text("# a comment\nthree:600000:10\n")
    assert requirements.free_range(tmp_path) == "600010-665545"


def test_kernel_without_user_namespaces_is_told(host: Host, account: Account, place: Path) -> None:
    unshare = place / "unshare"
    unshare.symlink_to("/usr/bin/false")
    changed = replace(host, programs={**host.programs, "unshare": unshare})
    with pytest.raises(ToolkitError, match=f"user namespaces: the kernel gives {account.name} none") as caught:
        requirements.require_namespaces(changed, account)
    assert "sysctl user.max_user_namespaces" in (caught.value.hint or "")
    requirements.require_namespaces(host, account)
    unshare.unlink()


def test_newuidmap_that_lost_its_bit_is_told(host: Host, tmp_path: Path) -> None:
    copy = shutil.copyfile(host.programs["newuidmap"], tmp_path / "newuidmap")
    with pytest.raises(ToolkitError, match="newuidmap: is neither setuid nor has capabilities"):
        requirements.require_setuid(replace(host, programs={**host.programs, "newuidmap": copy}))


def test_rootlesskit_with_capabilities_is_told(account: Account, host: Host, place: Path) -> None:
    made = place / "rootlesskit"
    sites.security_wrapper(host, Path("/usr/bin/true"), made, gid=account.gid)
    with pytest.raises(ToolkitError, match="rootlesskit: has capabilities of its own"):
        requirements.require_bare(made)
    made.unlink()


def test_unprivileged_port_80_is_told(tmp_path: Path) -> None:
    setting = tmp_path / "setting"
    setting.write_text("80\n")
    with pytest.raises(ToolkitError, match="ip_unprivileged_port_start: is 80, so every program may bind port 80"):
        requirements.require_privileged(80, setting)
    setting.write_text("1024\n")
    requirements.require_privileged(80, setting)


def test_port_that_is_taken_on_every_address_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104 - every address is the point
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ToolkitError, match=f"port {port}: is in use") as caught:
            requirements.require_free(port)
        assert f":{port} names it" in (caught.value.hint or "")
    requirements.require_free(port)


def test_root_has_no_daemon(monkeypatch: pytest.MonkeyPatch, account: Account) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    with pytest.raises(ToolkitError, match="root cannot have one") as caught:
        rootless.account()
    assert "sudo" in (caught.value.hint or "")
    monkeypatch.setenv("SUDO_USER", "no such user")
    with pytest.raises(ToolkitError, match="there is no user 'no such user'"):
        rootless.account()
    monkeypatch.setenv("SUDO_USER", account.name)
    assert rootless.account() == account


def test_gcc_without_a_static_libc_is_told(host: Host, tmp_path: Path) -> None:
    gcc = tmp_path / "gcc"
    gcc.write_text("#!/bin/sh\necho '/usr/bin/ld: cannot find -lc: No such file or directory' >&2\nexit 1\n")
    gcc.chmod(0o755)
    with pytest.raises(
        ToolkitError, match=r"gcc: cannot make a static program of launcher.c: .*cannot find -lc"
    ) as caught:
        rootless.launcher(replace(host, programs={**host.programs, "gcc": gcc}))
    assert "libc6-dev" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        ("Failed to set capabilities on file 'x': Operation not supported", "has no extended attributes"),
        ("unable to set CAP_SETFCAP effective capability: Operation not permitted", "only root may give"),
    ],
)
def test_refused_capability_is_told(host: Host, tmp_path: Path, said: str, fact: str) -> None:
    setcap = tmp_path / "setcap"
    setcap.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 1\n')
    setcap.chmod(0o755)
    changed = replace(host, programs={**host.programs, "setcap": setcap})
    with pytest.raises(ToolkitError, match=fact) as caught:
        sites.security_wrapper(changed, Path("/usr/bin/true"), tmp_path / "wrapper", gid=os.getgid())
    assert caught.value.hint


def test_place_that_is_mounted_nosuid_is_not_used(host: Host, account: Account, place: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nosuid", "unlet-test", place], check=True)
    try:
        assert sites.temporary(host, account) != place
    finally:
        subprocess.run(["umount", place], check=True)
    assert sites.temporary(host, account) == place


def test_place_that_the_user_cannot_enter_is_not_used(host: Host, account: Account, place: Path) -> None:
    place.chmod(0o700)
    assert sites.temporary(host, account) != place
    place.chmod(0o711)


def test_busybox_that_is_not_static_is_told(host: Host, account: Account, place: Path) -> None:
    assert place.is_dir()
    with (
        pytest.raises(ToolkitError, match="is not statically linked"),
        rootless.site(host, account, busybox=Path("/usr/bin/env")),
    ):
        pass


def test_source_of_a_security_wrapper_that_is_gone_is_named(host: Host, account: Account, place: Path) -> None:
    made = place / "wrapper"
    sites.security_wrapper(host, Path("/nix/store/gone/bin/rootlesskit"), made, gid=account.gid)
    done = subprocess.run([made], capture_output=True, text=True, check=False)
    assert done.stderr == "cannot run '/nix/store/gone/bin/rootlesskit': No such file or directory\n"
    made.unlink()
