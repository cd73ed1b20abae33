"""Why rootless docker does not start: each cause is made on a host, and the log that the daemon leaves is explained."""

import time
from typing import Any

import pytest

from tests.doctor.test_ports import condition
from tests.rootless.nixos import (
    DOCKER,
    KIT,
    MOBY,
    SECONDS,
    SLIRP,
    WRAPPER_FILES,
    WRAPPERS,
    Host,
)

pytestmark = pytest.mark.clock

SETUP = ("--docker", DOCKER)


def explained(host: Host, symptom: str, cause: str, **env: str) -> dict[str, Any]:
    """Let the daemon fail.

    See that its log shows the symptom, and that the host has the cause.
    """
    log = host.fails(**env)
    document = host.doctor(*SETUP, "--log", "/run/log", **env)
    assert [each["name"] for each in document["log"]["entries"]] == [symptom], log
    assert document["exit"] == 1
    assert document["causes"][0] == cause, document["conditions"]
    assert document["verdict"] == f"{symptom}: {condition(document, cause)['fact']}"
    elsewhere = host.doctor("--elsewhere", "--log", "/run/log", **env)
    assert (elsewhere["exit"], elsewhere["conditions"]) == (1, [])
    assert cause in [
        suspect["name"] for suspect in elsewhere["log"]["entries"][0]["suspects"]
    ]
    return document


def test_program_is_missing(host: Host) -> None:
    host.docker([MOBY, f"{KIT}/bin"], [])
    explained(host, "network-program-missing", "network-program")
    host.docker([MOBY, f"{SLIRP}/bin"], [])
    document = explained(host, "rootlesskit-missing", "rootlesskit")
    assert (
        "if an override removed it" in condition(document, "rootlesskit")["remedies"][0]
    )
    host.security_wrapper("docker-rootlesskit")
    document = explained(host, "proxy-missing", "docker-proxy")
    assert "dockerd 26.1.5 needs rootlesskit-docker-proxy" in document["verdict"]


def test_runtime_directory_cannot_be_used(host: Host) -> None:
    for directory, fact in (
        ("/run/user/gone", "no such directory"),
        ("/run", "not writable"),
    ):
        document = explained(
            host, "runtime-directory-missing", "session", XDG_RUNTIME_DIR=directory
        )
        assert document["verdict"] == f"runtime-directory-missing: {directory}: {fact}"


def test_newuidmap_cannot_be_used(host: Host) -> None:
    newuidmap = host / WRAPPER_FILES / "newuidmap"
    newuidmap.chmod(0o755)
    document = explained(host, "newuidmap-refused", "newuidmap")
    assert "neither the setuid bit" in document["verdict"]
    aside = newuidmap.rename(newuidmap.with_name("aside"))
    explained(host, "newuidmap-missing", "newuidmap")
    aside.rename(newuidmap).chmod(0o4511)
    host.root_runs("mount", "--bind", WRAPPER_FILES, WRAPPER_FILES)
    host.root_runs("mount", "-o", "remount,bind,nosuid", WRAPPER_FILES)
    document = explained(host, "newuidmap-refused", "newuidmap")
    assert condition(document, "newuidmap")["evidence"] == [
        f"mounted nosuid: {WRAPPER_FILES}"
    ]


def test_user_has_no_subordinate_ids(host: Host) -> None:
    for name in ("subuid", "subgid"):
        file = host / "/etc" / name
        file.write_text(
            "".join(
                line
                for line in file.read_text().splitlines(keepends=True)
                if "ordinary:" not in line
            )
        )
    document = explained(host, "subordinate-ids-missing", "subordinate-ids")
    assert condition(document, "subordinate-ids")["remedies"][0].startswith(
        "users.users.ordinary.autoSubUidGidRange = true; then sudo nixos-rebuild switch"
    )


def test_security_wrapper_is_on_a_nosuid_mount(host: Host) -> None:
    host.security_wrapper("docker-rootlesskit")
    host.root_runs("mount", "--bind", WRAPPER_FILES, WRAPPER_FILES)
    host.root_runs("mount", "-o", "remount,bind,nosuid", WRAPPER_FILES)
    log = host.fails()
    document = host.doctor(*SETUP, "--log", "/run/log")
    assert [each["name"] for each in document["log"]["entries"]] == [
        "capability-not-inherited"
    ], log
    assert document["verdict"].startswith(
        f"capability-not-inherited: {WRAPPERS}/docker-rootlesskit is on a mount"
    )
    assert {"nosuid", "newuidmap"} == set(document["causes"])
    assert condition(document, "security-wrapper")["role"] == "effect"
    # A log of the past is not blamed on a host that was mended.
    host.root_runs("mount", "-o", "remount,bind,suid", WRAPPER_FILES)
    done = host.unlet("doctor", *SETUP, "--log", "-", stdin=log)
    assert done.returncode == 1
    verdict = "capability-not-inherited: this host no longer has that problem"
    assert done.stdout.startswith(f"{verdict}\nlog      capability-not-inherited\n")
    assert "where capabilities do not count — not on this host\n" in done.stdout
    assert "\ncause " not in done.stdout


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
    assert document["verdict"].startswith(
        "capability-not-inherited: the service has NoNewPrivileges=yes"
    )
    (symptom,) = document["log"]["entries"]
    assert {suspect["name"]: suspect["here"] for suspect in symptom["suspects"]} == {
        "nosuid": False,
        "no-new-privileges": True,
        "bounding-set": False,
    }


def test_source_of_the_security_wrapper_is_gone(host: Host) -> None:
    gone = "/run/store/gone-rootlesskit/bin/rootlesskit"
    host.security_wrapper("docker-rootlesskit", gone)
    document = explained(host, "source-gone", "security-wrapper")
    assert gone in condition(document, "security-wrapper")["evidence"][0]


@pytest.mark.parametrize(
    ("device", "fact"),
    [
        ("true", "no such file or directory"),
        ("mknod -m 600 /dev/net/tun c 10 200", "permission denied"),
    ],
)
def test_tun_device_cannot_be_used(host: Host, device: str, fact: str) -> None:
    host.root_runs("sh", "-c", f"mount -t tmpfs none /dev/net && {device}")
    document = explained(host, "tun-unusable", "tun")
    assert document["verdict"] == f"tun-unusable: /dev/net/tun: {fact}"


def test_shell_without_new_privileges_cannot_tell(host: Host) -> None:
    host.security_wrapper("docker-rootlesskit")
    done = host.unlet("doctor", *SETUP, prefix=("/usr/bin/setpriv", "--no-new-privs"))
    assert done.returncode == 3
    assert done.stdout.startswith(
        "no cause was found, but unlet could not check everything: "
    )
    assert "this shell has NoNewPrivs set" in done.stdout


def test_host_without_rootless_docker_is_named(host: Host) -> None:
    (host / "/run/docker/bin").mkdir(parents=True)
    for name in ("docker", "docker/bin/dockerd-rootless", "absent"):
        done = host.unlet("doctor", "--docker", f"/run/{name}")
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith(f"/run/{name}: ")
    host.root_runs("mount", "-t", "tmpfs", "none", "/usr/share/docker.io/contrib")
    done = host.unlet("doctor")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("doctor: no rootless docker found: ")
    for way in (
        "NixOS: virtualisation.docker.rootless.enable = true;",
        "Debian: apt install docker.io ",
    ):
        assert way in done.stderr
