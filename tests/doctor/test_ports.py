"""Why a port below 1024 is refused: each cause is made on a host, and port 80 is tried."""

import shutil
from typing import Any

import pytest

from tests.rootless.nixos import (
    DOCKER,
    KIT,
    MOBY,
    SLIRP,
    WRAPPER_FILES,
    WRAPPERS,
    Host,
    program,
)

pytestmark = pytest.mark.clock

REFUSED = "cannot expose privileged port 80"
SETUP = ("--docker", DOCKER)


def condition(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in document["conditions"] if each["name"] == name)


def roles(document: dict[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(condition(document, name)["role"] for name in names)


def test_security_wrapper_of_the_name_that_comes_first_makes_a_healthy_host(
    host: Host, image: bytes
) -> None:
    host.security_wrapper("docker-rootlesskit")
    with host.manager():
        host.systemctl("start", "--no-block", "docker")
        host.wait()
        assert host.publish(80, image) is None
        document = host.doctor()
        shown = host.unlet("doctor", "--verbose")
    assert (document["health"], document["exit"], document["causes"]) == (
        "healthy",
        0,
        [],
    )
    assert document["verdict"] == "the running daemon can publish port 80"
    document.pop("exit")
    assert set(document) == {
        "schema",
        "unlet",
        "health",
        "verdict",
        "port",
        "causes",
        "views",
        "conditions",
        "log",
    } | {"not_examined"}
    assert set(document["conditions"][0]) == {
        "name",
        "role",
        "fact",
        "evidence",
        "remedies",
    }
    views = {view["seen_by"]: view["taken"] for view in document["views"]}
    assert views["service"] == views["daemon"] == f"{WRAPPERS}/docker-rootlesskit"
    assert "CapEff 0000000000000400" in condition(document, "daemon")["evidence"][0]
    assert (
        "the running rootlesskit: --port-driver=builtin"
        in condition(document, "port-driver")["evidence"]
    )
    assert shown.stdout.startswith("the running daemon can publish port 80\n")
    assert f"service: would use next {KIT}/bin/rootlesskit, entry " in shown.stdout


@pytest.mark.parametrize("form", ["script", "elf"])
def test_wrapper_that_the_prefix_hides_is_named(
    host: Host, image: bytes, form: str
) -> None:
    if form == "elf":
        host.docker([MOBY, f"{KIT}/bin", f"{SLIRP}/bin"], [], form="elf")
    host.security_wrapper("rootlesskit")
    with host.manager():
        host.systemctl("start", "--no-block", "docker")
        host.wait()
        objection = host.publish(80, image)
        assert objection is not None
        assert REFUSED in objection
        document = host.doctor()
        (host / "/run/objection").write_text(objection)
        explained = host.doctor("--log", "/run/objection")
    assert (document["exit"], document["causes"]) == (1, ["shadowed"])
    hides = (
        f"{KIT}/bin/rootlesskit precedes {WRAPPERS}/rootlesskit on PATH, but only the "
        "latter may use privileged ports"
    )
    assert document["verdict"] == f"containers cannot publish port 80: {hides}"
    assert condition(document, "shadowed")["evidence"][0].endswith(", no capabilities")
    assert "docker-rootlesskit" in condition(document, "shadowed")["remedies"][0]
    assert roles(document, "daemon", "capability", "nosuid") == ("effect", "ok", "ok")
    assert explained["verdict"] == f"privileged-port: {hides}"
    (symptom,) = explained["log"]["entries"]
    here = {suspect["name"]: suspect["here"] for suspect in symptom["suspects"]}
    assert here == {
        **dict.fromkeys(
            ("capability", "nosuid", "no-new-privileges", "bounding-set", "daemon-age"),
            False,
        ),
        "shadowed": True,
    }


def test_wrapper_is_taken_where_rootlesskit_is_behind_path(
    host: Host, image: bytes
) -> None:
    host.docker([MOBY, f"{SLIRP}/bin"], [f"{KIT}/bin"])
    host.security_wrapper("rootlesskit")
    with host.daemon() as started:
        host.wait(started)
        assert host.publish(80, image) is None
        document = host.doctor(*SETUP)
    assert (document["exit"], document["causes"]) == (0, [])
    assert document["views"][0]["hidden"] == [f"{KIT}/bin/rootlesskit"]


def test_host_without_any_capability_gets_both_ways_out_and_each_is_seen(
    host: Host, image: bytes
) -> None:
    with host.daemon() as started:
        host.wait(started)
        objection = host.publish(80, image)
        document = host.doctor(*SETUP)
        assert objection is not None
        assert REFUSED in objection
        assert (document["exit"], document["causes"]) == (1, ["capability"])
        first, second = condition(document, "capability")["remedies"]
        assert first.startswith("security.wrappers.docker-rootlesskit = {")
        assert second.startswith(
            'boot.kernel.sysctl."net.ipv4.ip_unprivileged_port_start" = 80; then sudo nixos-rebuild switch; '
        )
        # With the setting for everybody the capability is needless.
        host.root_runs("sysctl", "-q", "net.ipv4.ip_unprivileged_port_start=80")
        assert host.publish(80, image) is None
        document = host.doctor(*SETUP)
        assert (document["exit"], document["causes"]) == (0, [])
        assert roles(document, "sysctl", "capability", "daemon") == (
            "ok",
            "note",
            "note",
        )
        below = host.doctor(*SETUP, "--port", "79")
        assert (below["exit"], below["causes"]) == (1, ["capability"])
        # With a wrapper the daemon has to be restarted, which is older.
        host.root_runs("sysctl", "-q", "net.ipv4.ip_unprivileged_port_start=1024")
        host.security_wrapper("docker-rootlesskit")
        document = host.doctor(*SETUP)
    assert (document["exit"], document["causes"]) == (1, ["daemon-age"])
    fact = (
        f"the daemon started before {WRAPPERS}/docker-rootlesskit changed; the "
        "next start will use it"
    )
    assert document["verdict"] == f"containers cannot publish port 80: {fact}"
    assert condition(document, "daemon-age")["remedies"] == [
        "# then restart the daemon"
    ]


def test_file_of_the_nix_store_gets_no_capability(host: Host) -> None:
    (host / "/etc/NIXOS").unlink()
    host.root_runs("mount", "-t", "tmpfs", "none", "/nix/store")
    kit = KIT.replace("/run/store", "/nix/store")
    (host / kit / "bin").mkdir(parents=True)
    shutil.copy(program("rootlesskit"), host / kit / "bin")
    host.docker([MOBY, f"{kit}/bin", f"{SLIRP}/bin"], [])
    document = host.doctor(*SETUP)
    first, *_ = condition(document, "capability")["remedies"]
    copy = "/usr/local/bin/docker-rootlesskit"
    assert first.startswith(
        f"sudo install {kit}/bin/rootlesskit {copy} && sudo setcap "
        f"cap_net_bind_service=ep {copy}; "
    )


def test_capability_on_a_nosuid_mount_is_void(host: Host, image: bytes) -> None:
    """With a copy of rootlesskit that has the capability itself, which says nothing when it does not get it."""
    wrappers = f"{WRAPPERS.replace('bin', 'nosuid')}"
    (host / wrappers).mkdir()
    host.root_runs("mount", "-t", "tmpfs", "-o", "nosuid,mode=755", "none", wrappers)
    shutil.copy(program("rootlesskit"), host / wrappers / "docker-rootlesskit")
    host.root_runs(
        "setcap", "cap_net_bind_service=ep", f"{wrappers}/docker-rootlesskit"
    )
    path = f"{wrappers}:{WRAPPERS}:/run/unit"
    with host.daemon(PATH=path) as started:
        host.wait(started)
        objection = host.publish(80, image)
        document = host.doctor(*SETUP, PATH=path)
    assert objection is not None
    assert REFUSED in objection
    assert (document["exit"], document["causes"]) == (1, ["nosuid"])
    assert condition(document, "nosuid")["evidence"][0] == f"mounted nosuid: {wrappers}"


def test_daemon_that_its_next_start_will_spoil_is_named_in_time(
    host: Host, image: bytes
) -> None:
    host.security_wrapper("docker-rootlesskit")
    with host.daemon() as started:
        host.wait(started)
        wrapper = host / WRAPPER_FILES / "docker-rootlesskit"
        wrapper.rename(wrapper.with_name("rootlesskit"))
        assert host.publish(80, image) is None
        document = host.doctor(*SETUP)
    assert (document["exit"], document["causes"]) == (1, ["shadowed"])
    assert document["verdict"].startswith(
        "containers can publish port 80 only until the daemon is restarted: "
    )


def test_daemon_that_was_started_with_another_path_has_to_be_restarted(
    host: Host,
) -> None:
    host.security_wrapper("docker-rootlesskit")
    (host / "/run/few").mkdir()
    for name in ("newuidmap", "newgidmap"):
        (host / "/run/few" / name).symlink_to(f"{WRAPPERS}/{name}")
    with host.manager(), host.daemon(PATH="/run/few:/run/unit") as started:
        host.wait(started)
        document = host.doctor()
    assert (document["exit"], document["causes"]) == (1, ["daemon-age"])
    assert "was started with another PATH" in condition(document, "daemon-age")["fact"]


@pytest.mark.parametrize("driver", ["slirp4netns", "implicit"])
def test_other_port_drivers_have_no_use_for_the_capability(
    host: Host, driver: str
) -> None:
    host.security_wrapper("docker-rootlesskit")
    with host.manager(f"Environment=DOCKERD_ROOTLESS_ROOTLESSKIT_PORT_DRIVER={driver}"):
        document = host.doctor()
    assert (document["exit"], document["causes"]) == (1, ["port-driver"])
    assert driver in document["verdict"]


def test_missing_capability_of_a_program_is_named(host: Host) -> None:
    """One thing after the other on one host, on which no daemon runs."""
    host.security_wrapper("docker-rootlesskit")
    done = host.unlet(
        "doctor",
        *SETUP,
        prefix=("/usr/bin/setpriv", "--bounding-set=-net_bind_service"),
    )
    assert done.returncode == 1
    assert (
        "cause    bounding-set: the bounding set lacks CAP_NET_BIND_SERVICE"
        in done.stdout
    )

    (host / "/run/own").mkdir()
    shutil.copy(program("rootlesskit"), host / "/run/own/docker-rootlesskit")
    host.root_runs("setcap", "cap_net_bind_service=p", "/run/own/docker-rootlesskit")
    document = host.doctor(*SETUP, PATH=f"/run/own:{WRAPPERS}:/run/unit")
    assert (document["exit"], document["causes"]) == (1, ["capability"])
    assert "but the file does not make it effective" in document["verdict"]

    # From docker 29.5 on the default is pasta where slirp4netns is missing, which binds
    # the ports itself.
    (host / "/run/store/new/bin").mkdir(parents=True)
    for name, output in (
        ("pasta", "pasta 2026"),
        ("dockerd", "Docker version 29.7.2, build 7"),
    ):
        (host / f"/run/store/new/bin/{name}").write_text(f"#!/bin/sh\necho {output}\n")
        (host / f"/run/store/new/bin/{name}").chmod(0o755)
    host.docker(["/run/store/new/bin", MOBY, f"{KIT}/bin"], [])
    document = host.doctor(*SETUP)
    assert (document["exit"], document["causes"]) == (1, ["port-driver"])
    driver = condition(document, "port-driver")
    assert (
        driver["fact"]
        == "the port driver is implicit, which ignores rootlesskit's capability"
    )
    assert "network driver: pasta, the first on PATH" in driver["evidence"]
    assert "pkgs.slirp4netns" in driver["remedies"][0]
    named = host.doctor(*SETUP, DOCKERD_ROOTLESS_ROOTLESSKIT_NET="gvisor-tap-vsock")
    assert (named["exit"], named["causes"]) == (0, [])

    host.docker([MOBY, f"{KIT}/bin", f"{SLIRP}/bin"], [])
    host.root_runs("setcap", "-r", f"{WRAPPERS}/docker-rootlesskit")
    document = host.doctor(*SETUP)
    assert (document["exit"], document["causes"]) == (1, ["capability"])
    assert (
        condition(document, "capability")["fact"]
        == f"{WRAPPERS}/docker-rootlesskit lacks CAP_NET_BIND_SERVICE"
    )
