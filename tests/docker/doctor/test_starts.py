"""Why rootless docker does not start: each cause is made on a host, and the log that the daemon leaves is explained."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.docker.doctor.nixos import DOCKER, SECONDS, SLIRP, WRAPPERS
from tests.docker.doctor.test_ports import finding

if TYPE_CHECKING:
    from tests.docker.doctor.nixos import Host

SETUP = ("--docker", DOCKER)
WRAPPER_FILES = WRAPPERS.replace("bin", "wrappers.test")


def explained(host: Host, symptom: str, cause: str, **env: str) -> dict[str, Any]:
    """Let the daemon fail; see that its log shows the symptom, and that the host has the cause."""
    log = host.fails(**env)
    document = host.doctor(*SETUP, "--log", "/run/log", **env)
    assert [each["name"] for each in document["log"]["symptoms"]] == [symptom], log
    assert document["exit"] == 1
    assert document["causes"][0] == cause, document["findings"]
    assert document["verdict"] == f"{symptom}: {finding(document, cause)['fact']}"
    elsewhere = host.doctor("--elsewhere", "--log", "/run/log", **env)
    assert (elsewhere["exit"], elsewhere["findings"]) == (1, [])
    assert cause in [suspect["name"] for suspect in elsewhere["log"]["symptoms"][0]["suspects"]]
    return document


def test_no_rootlesskit_at_all(host: Host) -> None:
    host.docker(["/run/store/moby/bin", f"{SLIRP}/bin"], [])
    document = explained(host, "rootlesskit-missing", "rootlesskit")
    assert "an override took it out" in finding(document, "rootlesskit")["remedy"]


def test_no_rootlesskit_docker_proxy(host: Host) -> None:
    host.docker(["/run/store/moby/bin", f"{SLIRP}/bin"], [])
    host.security_wrapper("docker-rootlesskit")
    document = explained(host, "proxy-missing", "docker-proxy")
    assert "dockerd 26.1.5 needs rootlesskit-docker-proxy" in document["verdict"]


def test_newuidmap_is_missing(host: Host) -> None:
    (host / WRAPPER_FILES / "newuidmap").unlink()
    explained(host, "newuidmap-missing", "newuidmap")


def test_newuidmap_is_not_setuid(host: Host) -> None:
    (host / WRAPPER_FILES / "newuidmap").chmod(0o755)
    document = explained(host, "newuidmap-refused", "newuidmap")
    assert "neither setuid root" in document["verdict"]


def test_newuidmap_is_on_a_nosuid_mount(host: Host) -> None:
    host.root_runs("mount", "--bind", WRAPPER_FILES, WRAPPER_FILES)
    host.root_runs("mount", "-o", "remount,bind,nosuid", WRAPPER_FILES)
    document = explained(host, "newuidmap-refused", "newuidmap")
    assert finding(document, "newuidmap")["evidence"] == [f"mounted nosuid: {WRAPPER_FILES}"]


def test_user_has_no_subordinate_ids(host: Host) -> None:
    for name in ("subuid", "subgid"):
        file = host / "/etc" / name
        file.write_text("".join(line for line in file.read_text().splitlines(keepends=True) if "ordinary:" not in line))
    document = explained(host, "subordinate-ids-missing", "subordinate-ids")
    assert finding(document, "subordinate-ids")["remedy"] == "users.users.ordinary.autoSubUidGidRange = true;"


def test_security_wrapper_is_on_a_nosuid_mount(host: Host) -> None:
    host.security_wrapper("docker-rootlesskit")
    host.root_runs("mount", "--bind", WRAPPER_FILES, WRAPPER_FILES)
    host.root_runs("mount", "-o", "remount,bind,nosuid", WRAPPER_FILES)
    log = host.fails()
    document = host.doctor(*SETUP, "--log", "/run/log")
    assert [each["name"] for each in document["log"]["symptoms"]] == ["capability-not-inherited"], log
    assert document["verdict"].startswith(f"capability-not-inherited: {WRAPPERS}/docker-rootlesskit lies on a mount")
    assert {"nosuid", "newuidmap"} == set(document["causes"])
    assert finding(document, "security-wrapper")["state"] == "effect"


def test_service_has_no_new_privileges(host: Host) -> None:
    host.security_wrapper("docker-rootlesskit")
    log = host / "/run/home/log"
    with host.manager("NoNewPrivileges=yes\nStandardError=file:/run/home/log"):
        host.systemctl("start", "--no-block", "docker")
        end = time.monotonic() + SECONDS
        while "failed" not in host.systemctl("show", "docker", "-p", "ActiveState"):
            assert time.monotonic() < end
        document = host.doctor("--log", "/run/home/log")
    assert "failed to inherit capabilities: Operation not permitted" in log.read_text()
    assert (document["exit"], document["causes"]) == (1, ["no-new-privileges"])
    assert document["verdict"].startswith("capability-not-inherited: the service has NoNewPrivileges=yes")
    (symptom,) = document["log"]["symptoms"]
    assert {suspect["name"]: suspect["here"] for suspect in symptom["suspects"]} == {
        "nosuid": False,
        "no-new-privileges": True,
        "bounding-set": False,
    }


def test_source_of_the_security_wrapper_is_gone(host: Host) -> None:
    gone = "/run/store/gone-rootlesskit/bin/rootlesskit"
    host.security_wrapper("docker-rootlesskit", gone)
    document = explained(host, "source-gone", "security-wrapper")
    assert gone in finding(document, "security-wrapper")["evidence"][0]


@pytest.mark.parametrize(
    ("device", "fact"),
    [("true", "no such file or directory"), ("mknod -m 600 /dev/net/tun c 10 200", "permission denied")],
)
def test_tun_device_cannot_be_used(host: Host, device: str, fact: str) -> None:
    host.root_runs("sh", "-c", f"mount -t tmpfs none /dev/net && {device}")
    document = explained(host, "tun-unusable", "tun")
    assert document["verdict"] == f"tun-unusable: /dev/net/tun: {fact}"


def test_log_of_the_past_is_not_blamed_on_a_host_that_was_mended(host: Host) -> None:
    device = host / WRAPPER_FILES / "newuidmap"
    device.chmod(0o755)
    log = host.fails()
    device.chmod(0o4511)
    host.security_wrapper("docker-rootlesskit")
    done = host.unlet("doctor", *SETUP, "--log", "-", stdin=log)
    assert done.returncode == 1
    assert done.stdout.startswith("newuidmap-refused: this host does not have its cause any more\nlog      newuidmap-")
    assert "nosuid mount — not on this host\n" in done.stdout
    assert "\ncause " not in done.stdout


def test_shell_without_new_privileges_cannot_tell(host: Host) -> None:
    host.security_wrapper("docker-rootlesskit")
    done = host.unlet("doctor", *SETUP, prefix=("/usr/bin/setpriv", "--no-new-privs"))
    assert done.returncode == 3
    assert done.stdout.startswith("nothing wrong is seen, but ")
    assert "this shell has NoNewPrivs set" in done.stdout


@pytest.mark.parametrize("name", ["docker", "docker/bin/dockerd-rootless", "absent"])
def test_docker_without_rootless_is_named(host: Host, name: str) -> None:
    (host / "/run/docker/bin").mkdir(parents=True)
    done = host.unlet("doctor", "--docker", f"/run/{name}")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"/run/{name}: ")


def test_host_without_docker_is_named(host: Host) -> None:
    host.root_runs("mount", "-t", "tmpfs", "none", "/usr/share/docker.io/contrib")
    done = host.unlet("doctor")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("doctor: there is no rootless docker here: ")
