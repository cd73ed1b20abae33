"""The table of symptoms: what each is recognised by, and what its remedies may say."""

import re
import shlex
import subprocess
from itertools import chain

import pytest
from msgspec import Struct

from tests import cases
from toolkit.doctor.symptoms import PossibleCause, causes, recognise, symptoms


class Table(Struct, frozen=True):
    """Lines by the symptom that they show, lines that show nothing, and harms with what a remedy has to warn of."""

    lines: dict[str, list[str]]
    nothing: list[str]
    harms: dict[str, str]


TABLE = cases.read(__file__, Table)


def texts(cause: PossibleCause, *, nixos: bool, **facts: str) -> list[str]:
    return [remedy.text for remedy in cause.remedies(nixos=nixos, **facts)]


def test_each_symptom_has_a_line() -> None:
    assert set(TABLE.lines) == set(symptoms())


@pytest.mark.parametrize(
    ("name", "line"),
    [(name, line) for name, lines in TABLE.lines.items() for line in lines],
)
def test_line_is_recognised_as_this_symptom(name: str, line: str) -> None:
    signs = recognise(["host systemd[1]: Starting docker.service", line])
    assert [(symptom.name, numbers) for symptom, numbers in signs] == [(name, [1])]


@pytest.mark.parametrize("line", TABLE.nothing)
def test_line_that_shows_nothing_is_no_symptom(line: str) -> None:
    assert recognise([line]) == []


def test_cause_is_used_and_its_remedies_can_be_filled() -> None:
    used = {cause.name for symptom in symptoms().values() for cause in symptom.causes}
    assert used == set(causes())
    for cause in causes().values():
        for nixos in (False, True):
            assert texts(cause, nixos=nixos)
            assert not any(
                re.search(r"@[a-z]+@", remedy) for remedy in texts(cause, nixos=nixos)
            )
    filled = texts(causes()["subordinate-ids"], nixos=True, user="ordinary")
    rebuild = "sudo nixos-rebuild switch and systemctl --user restart docker"
    assert filled == [f"users.users.ordinary.autoSubUidGidRange = true; then {rebuild}"]
    assert texts(causes()["subordinate-ids"], nixos=False, user="ordinary")[
        0
    ].startswith("sudo usermod ")


PROGRAMS = frozenset(
    [
        "/usr/share/docker.io/contrib/dockerd-rootless-setuptool.sh",
        "docker",
        "dockerd-rootless-setuptool.sh",
        "dockerd-rootless.sh",
        "export",
        "journalctl",
        "mkdir",
        "podman",
        "printf",
        "ssh",
        "sudo",
        "systemctl",
        "unlet",
        "unset",
    ]
)


@pytest.mark.parametrize("name", causes())
@pytest.mark.parametrize("nixos", [False, True])
def test_command_can_be_pasted_into_a_shell(name: str, *, nixos: bool) -> None:
    for restart in ("systemctl --user restart docker", "# then restart the daemon"):
        for remedy in causes()[name].remedies(nixos=nixos, restart=restart):
            if not remedy.is_command:
                assert not re.match(r"(?:as root: )?(?:sudo|[a-z-]+ctl) ", remedy.text)
                continue
            subprocess.run(["bash", "-n", "-c", remedy.text], check=True)
            line = shlex.shlex(remedy.text, posix=True, punctuation_chars=";&|")
            line.whitespace_split = True
            words = list(line)
            starts = [
                word
                for before, word in zip([";", *words], words, strict=False)
                if set(before) <= set(";&|")
            ]
            assert PROGRAMS.issuperset(starts), remedy.text


def test_refused_and_denied_namespaces_have_different_causes() -> None:
    """EPERM comes from the kernel or the container around, EACCES from a security module."""
    error = "failed to start the child: fork/exec /proc/self/exe: "
    mapping, layer = (
        "newuidmap: write to uid_map failed: ",
        "failed to register layer: ",
    )
    for prefix, refused, denied in (
        (error, "operation not permitted", "permission denied"),
        (mapping, "Operation not permitted", "Permission denied"),
        (layer, "operation not permitted", "permission denied"),
    ):
        assert named_causes(prefix + refused) != named_causes(prefix + denied)
    assert named_causes(f"{error}operation not permitted")[0] == "user-namespaces"
    assert named_causes(f"{error}permission denied")[0] == "apparmor"


def named_causes(line: str) -> tuple[str, ...]:
    ((symptom, _),) = recognise([line])
    return symptom.named


def test_service_is_named_in_the_words_of_the_machine() -> None:
    cause = causes()["port-driver"]
    assert "systemctl --user edit docker" in texts(cause, nixos=False)[0]
    assert "systemd.user.services.docker.environment" in texts(cause, nixos=True)[0]


def test_option_of_nixos_comes_with_the_rebuild_and_a_driver_to_be_chosen_is_to_be_installed_first() -> (
    None
):
    """gvisor-tap-vsock is a part of rootlesskit."""
    option = re.compile(
        r"\b(?:virtualisation|users\.|security\.|boot\.|systemd\.(?:user\.)?services|override)"
    )
    for cause in causes().values():
        for remedy in texts(cause, nixos=True):
            assert "nixos-rebuild" in remedy or option.search(remedy) is None, remedy
        for remedy in chain(cause.do, cause.nixos):
            chosen = re.search(
                r"(?:set|and) DOCKERD_ROOTLESS_ROOTLESSKIT_NET=(?!gvisor)", remedy
            )
            assert chosen is None or "install" in remedy, remedy


def test_remedy_does_no_harm_without_saying_so() -> None:
    for remedy in chain.from_iterable(
        (*cause.do, *cause.nixos) for cause in causes().values()
    ):
        for harm, warning in TABLE.harms.items():
            assert not re.search(harm, remedy) or (
                warning and re.search(warning, remedy)
            ), remedy


def test_remedy_that_opens_more_comes_after_one_that_opens_less() -> None:
    for name in ("apparmor", "capability", "nosuid", "outer-container", "tun"):
        first, *others = causes()[name].do
        risky = re.compile(
            r"userns=0|unprivileged_port_start|remount,suid|--privileged|chmod 666"
        )
        assert risky.search(first) is None
        assert any(risky.search(other) for other in others)
