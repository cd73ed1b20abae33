"""The command itself.

What it finds on hosts is tested where they are made, in tests/doctor.
"""

import json
import os
import re
from collections.abc import Iterable

import pytest

from tests.cli.conftest import Unlet
from tests.doctor.test_symptoms import TABLE
from toolkit.doctor.symptoms import symptoms

REFUSED = (
    "Error response from daemon: error while calling PortManager.AddPort(): cannot "
    "expose privileged port 80, you can "
    "add 'net.ipv4.ip_unprivileged_port_start=80' to /etc/sysctl.conf (currently 1024)"
)


def test_log_from_elsewhere_is_explained_with_checks_and_remedies(unlet: Unlet) -> None:
    (unlet.cwd / "log").write_text(f"{REFUSED}\n" * 3)
    done = unlet("doctor", "--elsewhere", "--log", "log", "--verbose")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "privileged-port: probably no rootlesskit on PATH has CAP_NET_BIND_SERVICE (5 "
        "other causes possible)"
    )
    assert lines[1] == "log      privileged-port"
    assert lines[2].startswith(
        "         line 3 (and 2 more): Error response from daemon: "
    )
    assert (
        "         nosuid: the program with the capability is on a mount with the "
        "option nosuid" in done.stdout
    )
    assert "\n           check: findmnt " in done.stdout
    assert (
        "\n           do: sudo setcap cap_net_bind_service=ep $(command -v "
        "rootlesskit); systemctl --user restart docker # " in done.stdout
    )
    assert (
        "\n           NixOS, by hand: security.wrappers.docker-rootlesskit = "
        in done.stdout
    )
    assert "@" not in done.stdout


def shown(unlet: Unlet, names: Iterable[str]) -> dict[str, str]:
    """Return what is said of a log with a line of each symptom, by symptom."""
    (unlet.cwd / "log").write_text(
        "".join(f"{TABLE.lines[name][0]}\n" for name in names)
    )
    said = unlet("doctor", "--elsewhere", "--log", "log").stdout
    return {part.partition("\n")[0].strip(): part for part in said.split("\nlog ")[1:]}


def test_three_causes_come_with_all_their_remedies(unlet: Unlet) -> None:
    explained = shown(unlet, TABLE.lines)
    # Beside others, those that only say that something failed are left out.
    explained |= shown(unlet, [each.name for each in symptoms().values() if each.vague])
    assert set(explained) == set(symptoms())
    for name, text in explained.items():
        first, others = symptoms()[name].causes[:3], symptoms()[name].causes[3:]
        assert all(f"\n         {cause.name}: {cause.fact}" in text for cause in first)
        remedies = sum(len(cause.do) + len(cause.nixos) for cause in first)
        assert len(re.findall(r"\n +[\w, ]*(?:do|by hand): ", text)) == remedies
        assert all(f"\n         {cause.name}: " not in text for cause in others)
        assert ("--verbose shows their checks and remedies" in text) == bool(others)


def test_log_is_explained_where_this_machine_cannot_be_examined(unlet: Unlet) -> None:
    """By root, or by a user who has no rootless docker."""
    (unlet.cwd / "log").write_text("No subuid ranges found for user 1000\n")
    done = unlet("doctor", "--log", "log")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("subordinate-ids-missing: ")
    assert "\nnote     unlet did not examine this machine: " in done.stdout
    assert (
        "\n           NixOS, by hand: users.users.USER.autoSubUidGidRange = true; then sudo "
        "nixos-rebuild switch" in done.stdout
    )
    document = json.loads(unlet("doctor", "--log", "log", "--json").stdout)
    assert document["not_examined"]
    done = unlet("doctor", "--log", "log", "--docker", "gone")
    assert (done.returncode, done.stdout) == (3, "")


def test_remedies_are_for_the_port_that_the_log_names(unlet: Unlet) -> None:
    (unlet.cwd / "log").write_text(
        f"{REFUSED.replace('port 80', 'port 443').replace('start=80', 'start=443')}\n"
    )
    done = unlet("doctor", "--elsewhere", "--log", "log", "--verbose")
    assert "ip_unprivileged_port_start=443" in done.stdout
    assert "start=80" not in done.stdout
    (unlet.cwd / "log").write_text(
        "failed to start userland proxy: listen tcp4 0.0.0.0:25: bind: permission "
        "denied\n"
    )
    assert (
        "ip_unprivileged_port_start=25"
        in unlet("doctor", "--elsewhere", "--log", "log", "--verbose").stdout
    )


def test_several_logs_are_explained_together(unlet: Unlet) -> None:
    (unlet.cwd / "one").write_text(
        f"host systemd[1]: Starting docker.service\n{REFUSED}\n"
    )
    (unlet.cwd / "two").write_text("No subuid ranges found for user 1000\n")
    done = unlet("doctor", "--elsewhere", "--log", "one", "--log", "two")
    places = [
        line for line in done.stdout.splitlines() if line.startswith("         line ")
    ]
    assert places == [
        "         line 1 of two: No subuid ranges found for user 1000",
        f"         line 2 of one: {REFUSED}",
    ]
    document = json.loads(
        unlet("doctor", "--elsewhere", "--log", "one", "--log", "two", "--json").stdout
    )
    assert document["log"]["name"] == "one, two"
    assert [entry["log"] for entry in document["log"]["entries"]] == ["two", "one"]


def test_document_of_a_log(unlet: Unlet) -> None:
    (unlet.cwd / "log").write_text(
        f"host systemd[1]: Starting docker.service\n{REFUSED}\n"
    )
    done = unlet("doctor", "--elsewhere", "--log", "log", "--json", "--port", "443")
    document = json.loads(done.stdout)
    assert (
        done.returncode,
        done.stderr,
        document["schema"],
        document["conditions"],
    ) == (1, "", 2, [])
    (entry,) = document["log"]["entries"]
    assert (entry["name"], entry["line"], entry["count"], entry["text"]) == (
        "privileged-port",
        2,
        1,
        REFUSED,
    )
    suspect = entry["suspects"][0]
    assert set(suspect) == {"name", "fact", "check", "here", "remedies", "on_nixos"}
    assert suspect["here"] is None
    assert any(
        "ip_unprivileged_port_start=443" in remedy for remedy in suspect["remedies"]
    )


def test_last_line_of_a_log_leads_and_a_mere_failure_is_left_out(
    unlet: Unlet,
) -> None:
    (unlet.cwd / "log").write_text(
        "No subuid ranges found for user 1000\n"
        "timeout waiting for containerd to start\n"
        "[ERROR] Failed to start docker.service. Run `journalctl`\n"
    )
    document = json.loads(
        unlet("doctor", "--elsewhere", "--log", "log", "--json").stdout
    )
    names = [entry["name"] for entry in document["log"]["entries"]]
    assert names == ["containerd-timeout", "subordinate-ids-missing"]
    (unlet.cwd / "log").write_text(
        "+ echo 'rootlesskit needs to be installed'\n+ command -v rootlesskit\n"
    )
    done = unlet("doctor", "--elsewhere", "--log", "log")
    assert (done.returncode, done.stdout) == (
        3,
        "log: shows no known symptom in 2 lines\n",
    )


def test_long_line_is_cut_around_what_was_recognised(unlet: Unlet) -> None:
    (unlet.cwd / "log").write_text(
        f"error: failed to setup network &{{{'x' * 900}}}: setting up tap tap0: exit "
        "status 1\n"
    )
    done = unlet("doctor", "--elsewhere", "--log", "log")
    (line,) = (line for line in done.stdout.splitlines() if " line 1: " in line)
    assert line.endswith("x}: setting up tap tap0: exit status 1")
    assert " line 1: …x" in line
    assert len(line) < 300


def test_only_what_is_asked_for_is_coloured(unlet: Unlet) -> None:
    (unlet.cwd / "log").write_text("No subuid ranges found\n")
    asked = ("doctor", "--elsewhere", "--log", "log")
    assert (
        "\n\x1b[1;31mlog      subordinate-ids-missing\x1b[0m\n"
        in unlet(*asked, FORCE_COLOR="1").stdout
    )
    assert "\x1b" not in unlet(*asked).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--elsewhere", "--log", "-"), "standard input: is a device"),
        (("--log", "gone"), "gone: no such file"),
    ],
)
def test_log_that_cannot_be_read_is_named(
    unlet: Unlet, arguments: tuple[str, ...], message: str
) -> None:
    done = unlet("doctor", *arguments)
    assert (done.returncode, done.stdout) == (3, "")
    assert message in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is sent away")
def test_root_is_sent_away(unlet: Unlet) -> None:
    done = unlet("doctor")
    assert done.returncode == 3
    assert done.stderr == (
        "doctor: root cannot run a rootless docker\nhint: run it as the user who runs the "
        "daemon, without sudo\n"
    )
