"""The command itself; what it finds on hosts is tested where they are made, in tests/workflows/doctoring."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Unlet

REFUSED = (
    "Error response from daemon: driver failed programming external connectivity on endpoint web: error while calling "
    "PortManager.AddPort(): cannot expose privileged port 80, you can add 'net.ipv4.ip_unprivileged_port_start=80' to "
    "/etc/sysctl.conf (currently 1024), or set CAP_NET_BIND_SERVICE on rootlesskit binary, or choose a larger port "
    "number (>= 1024): listen tcp4 0.0.0.0:80: bind: permission denied"
)
LINES = {
    "rootlesskit-missing": "dockerd-rootless[7]: rootlesskit needs to be installed",
    "proxy-missing": "failed to start daemon: running with RootlessKit, but rootlesskit-docker-proxy not installed",
    "privileged-port": REFUSED,
    "newuidmap-missing": 'newuidmap 7 [0 1000 1] failed: : exec: "newuidmap": executable file not found in $PATH',
    "newuidmap-refused": "newuidmap: write to uid_map failed: Operation not permitted",
    "subordinate-ids-missing": "failed to setup UID/GID map: No subuid ranges found for user",
    "attributes-unsupported": "Failed to set capabilities on file '/run/x': Operation not supported",
    "capability-not-inherited": "failed to inherit capabilities: Operation not permitted",
    "source-gone": "docker-rootlesskit: cannot run `/nix/store/x/bin/rootlesskit': No such file or directory",
    "tun-unusable": "open: No such file or directory\nfailed to setup network: setting up tap tap0",
    "user-namespace-refused": "failed to start the child: fork/exec /proc/self/exe: permission denied",
    "user-namespace-unavailable": "failed to start the child: fork/exec /proc/self/exe: no space left on device",
}


@pytest.mark.parametrize("symptom", LINES)
def test_each_symptom_is_recognised_in_a_log_of_elsewhere(unlet: Unlet, symptom: str) -> None:
    (unlet.cwd / "log").write_text(f"Nov 24 12:00:00 host systemd[1]: Starting docker.service\n{LINES[symptom]}\n")
    done = unlet("doctor", "--elsewhere", "--log", "log", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr, document["schema"]) == (1, "", 1)
    (found,) = document["log"]["symptoms"]
    assert (found["name"], found["line"]) == (symptom, 2)
    assert all(suspect["here"] is None and suspect["check"] for suspect in found["suspects"])
    assert document["findings"] == []


def test_text_with_several_causes_lists_each_with_its_check(unlet: Unlet) -> None:
    (unlet.cwd / "log").write_text(f"{REFUSED}\n" * 3)
    done = unlet("doctor", "--elsewhere", "--log", "log")
    assert done.returncode == 1
    assert done.stdout.startswith("privileged-port: one of shadowed, capability, nosuid, ")
    assert "line 1 (and 2 more): Error response" in done.stdout
    assert (
        "nosuid: the program with the capability lies on a mount with the option nosuid — check: findmnt "
        in done.stdout
    )


def test_command_that_is_echoed_is_no_symptom(unlet: Unlet) -> None:
    (unlet.cwd / "log").write_text("+ echo 'rootlesskit needs to be installed'\n+ command -v rootlesskit\n")
    done = unlet("doctor", "--elsewhere", "--log", "log")
    assert (done.returncode, done.stdout) == (3, "log: none of 2 lines is a known symptom\n")


def test_tap_without_its_cause_is_no_symptom(unlet: Unlet) -> None:
    (unlet.cwd / "log").write_text("open: Permission denied\n")
    assert unlet("doctor", "--elsewhere", "--log", "log").returncode == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--elsewhere",), 2, "--elsewhere goes with --log only"),
        (("--elsewhere", "--log", "log", "--docker", "x"), 2, "--elsewhere and --docker exclude each other"),
        (("--port", "0"), 2, "0 is not in the range"),
        (("--elsewhere", "--log", "-"), 3, "standard input: is empty"),
        (("--log", "gone"), 3, "gone: no such file or directory"),
    ],
)
def test_bad_call_is_named(unlet: Unlet, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = unlet("doctor", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is sent away")
def test_root_is_sent_away(unlet: Unlet) -> None:
    done = unlet("doctor")
    assert done.returncode == 3
    assert done.stderr == (
        "doctor: root has no rootless docker\nhint: run it as the user whose daemon it is, without sudo\n"
    )
