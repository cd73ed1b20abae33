"""The table of symptoms: what each is recognised by, and what its remedies may say.

The lines are of this project's wording around the literal messages of the programs.
"""

import re
from itertools import chain

import pytest

from toolkit.doctor.symptoms import causes, recognise, symptoms

KIT = "dockerd-rootless[7]: [rootlesskit:parent] error:"
RUNC = "OCI runtime create failed: runc create failed: unable to start container process:"

# Symptom → lines that show it, each by itself.
LINES = {
    "podman-privileged-port": (
        "Error: rootlessport cannot expose privileged port 80, you can add 'net.ipv4.ip_unprivileged_port_start=80'",
        'Error: failed to expose ports via rootlessport: "cannot expose privileged port 80, you might need"',
        "Error: pasta failed with exit code 1: Failed to bind port 80 (Permission denied) for option '-t 80-80:80-80'",
    ),
    "podman-user-namespace": (
        'Error: cannot set up namespace using "/usr/bin/newuidmap": exit status 1',
        "Error: cannot setup namespace using newuidmap: exit status 1",
        "running `/usr/bin/newuidmap 7 0 1000 1`: newuidmap: write to uid_map failed: Operation not permitted",
    ),
    "podman-network": (
        'Error: could not find pasta, so no network: exec: "pasta": executable file not found in $PATH',
        "Error: starting container 7: setting up Pasta: pasta failed with exit code 1:",
        'Error: /usr/bin/slirp4netns failed: "open(\\"/dev/net/tun\\"): No such file or directory"',
        "Error: netavark: iptables: No such file or directory (os error 2)",
    ),
    "podman": (
        'level=debug msg="Using conmon: \\"/usr/bin/conmon\\""',
        'Error: OCI runtime error: unable to start container "7": cannot set memory limit: container could not join',
        "Error: sd-bus call: Permission denied: OCI runtime permission denied error",
        "Resource limits are not supported and ignored on cgroups V1 rootless systems",
    ),
    "rootlesskit-missing": ("dockerd-rootless[7]: rootlesskit needs to be installed",),
    "proxy-missing": (
        "failed to start daemon: running with RootlessKit, but rootlesskit-docker-proxy not installed",
        "Error response from daemon: fork/exec rootlesskit-docker-proxy: no such file or directory.",
        'exec: "rootlesskit-docker-proxy": executable file not found in $PATH',
    ),
    "runtime-directory-missing": (
        "dockerd-rootless[7]: XDG_RUNTIME_DIR needs to be set and writable",
        "could not get XDG_RUNTIME_DIR",
        '[ERROR] Aborting because systemd was detected but XDG_RUNTIME_DIR ("/run/user/7") is not set, does not exist',
    ),
    "session-missing": ("[INFO] systemd not detected, dockerd-rootless.sh needs to be started manually:",),
    "bus-missing": (
        "Failed to connect to bus: No such file or directory",
        "Failed to connect to user scope bus via local transport: $DBUS_SESSION_BUS_ADDRESS not defined",
    ),
    "home-missing": ("HOME needs to be set and exist.",),
    "started-by-root": (
        "This script must be executed as a non-privileged user",
        "[ERROR] Refusing to install rootless Docker as the root user",
    ),
    "rootful-running": ("[ERROR] Aborting because rootful Docker (/var/run/docker.sock) is running and accessible.",),
    "containerd-rootless-running": (
        "[ERROR] dockerd-rootless.sh conflicts with containerd-rootless.sh. Stop it, and remove /run/user/7/x.",
    ),
    "unit-missing": (
        "Failed to start docker.service: Unit docker.service not found.",
        "Unit docker.service could not be found.",
    ),
    "experimental-missing": ("rootless mode is supported only when running in experimental mode",),
    "newuidmap-missing": (
        f'{KIT} newuidmap 7 [0 1000 1] failed: : exec: "newuidmap": executable file not found in $PATH',
        "[ERROR] newuidmap binary not found. Please install with a package manager.",
    ),
    "newuidmap-refused": (
        f"{KIT} newuidmap 7 [0 1000 1] failed: newuidmap: write to uid_map failed: Operation not permitted",
        "newgidmap: write to gid_map failed: Operation not permitted",
        "newuidmap: open of uid_map failed: Permission denied",
    ),
    "newuidmap-unable": (f"{KIT} failed to setup UID/GID map: newuidmap 7 [] failed: newuidmap: Could not set caps",),
    "ids-overlap": ("newuidmap 7 [0 1000 1] failed: newuidmap: write to uid_map failed: Invalid argument",),
    "ids-not-allowed": ("newuidmap: uid range [1-65537) -> [100000-165536) not allowed",),
    "newuidmap-silent": (
        f"{KIT} failed to setup UID/GID map: newuidmap 7 [0 1000 1 1 100000 65536] failed: : exit status 1",
    ),
    "subordinate-ids-of-root": (f'{KIT} failed to compute uid/gid map: No subuid ranges found for user 0 ("root")',),
    "subordinate-ids-missing": (
        f'{KIT} failed to compute uid/gid map: No subuid ranges found for user 1000 ("ordinary")',
        'No subgid ranges found for user 1000 ("ordinary")',
    ),
    "subordinate-ids-unreadable": (
        "Cannot parse subuid/gid information: Format not correct for /etc/subuid file",
        "String to int conversion failed during subuid/gid parsing of /etc/subuid: x",
    ),
    "capability-not-inherited": ("failed to inherit capabilities: Operation not permitted",),
    "source-gone": ("docker-rootlesskit: cannot run `/nix/store/x/bin/rootlesskit': No such file or directory",),
    "wrapper-group-missing": ("suid-sgid-wrappers-start[7]: chown: invalid group: 'root:docker-rootless'",),
    "attributes-unsupported": ("Failed to set capabilities on file '/run/x': Operation not supported",),
    "wrapper-capabilities-refused": (
        "suid-sgid-wrappers-start[7]: fatal error: Invalid argument",
        "host suid-sgid-wrappers-start[7]: usage: setcap [--license] [-f] [-h] [-n <rootid>] (-r|-|<caps>) <filename>",
        "Failed to set capabilities with setcap on file 'x': Invalid argument",
    ),
    "apparmor-denied": (
        'audit(7.1:2): apparmor="DENIED" operation="userns_create" error=-13 pid=7 comm="rootlesskit"',
        'apparmor="DENIED" operation="userns_create" profile="unconfined" pid=7 comm="exe" requested="userns_create"',
        'apparmor="DENIED" operation="userns_create"',
    ),
    "user-namespace-refused": (
        f"{KIT} failed to start the child: fork/exec /proc/self/exe: permission denied",
        f"{KIT} failed to start the child: fork/exec /proc/self/exe: operation not permitted",
        "This error might have happened because /proc/sys/kernel/apparmor_restrict_unprivileged_userns is set to 1",
    ),
    "capabilities-stripped": (
        "[rootlesskit:child ] error: no capabilities was gained after reexecuting the child (X=1)",
    ),
    "user-namespace-unavailable": (
        f"{KIT} failed to start the child: fork/exec /proc/self/exe: no space left on device",
        "/proc/sys/kernel/unprivileged_userns_clone needs to be set to 1.",
        "/proc/sys/user/max_user_namespaces needs to be set to non-zero.",
    ),
    "user-namespace-unsupported": (f"{KIT} fork/exec /proc/self/exe: invalid argument",),
    "mount-refused": ("[rootlesskit:child ] error: failed to share mount point: /: permission denied",),
    "network-program-missing": (
        "Either slirp4netns (>= v0.4.0) or vpnkit needs to be installed",
        f'{KIT} pasta binary "pasta" is not installed: no such file',
        'exec: "vpnkit": executable file not found in $PATH',
    ),
    "network-program-old": (
        "slirp4netns found but seems older than v0.4.0. Falling back to VPNKit.",
        f"{KIT} unsupported slirp4netns version: lacks SupportsEnableSandbox",
    ),
    "drivers-mismatched": (
        f'{KIT} network "pasta" requires port driver "none" or "implicit"',
        f"{KIT} port driver requires slirp4netns network",
        f"{KIT} port driver requires non-host network",
    ),
    "driver-unknown": (f"{KIT} unknown network mode: gvisor-tap-vsock", f"{KIT} unknown port driver: pesto"),
    "tun-unusable": (
        f"{KIT} failed to setup network: setting up tap tap0: executing [[nsenter ip]]: exit status 1",
        "[rootlesskit:child ] error: executing [[ip tuntap add name tap0 mode tap]]: exit status 1",
        'open("/dev/net/tun"): No such file or directory',
    ),
    "slirp4netns-namespace": ("setns(CLONE_NEWNET): Operation not permitted",),
    "pasta-failed": (f"{KIT} failed to setup network: pasta failed with exit code 1:",),
    "lxc-user-nic-failed": (
        "[rootlesskit:child ] error: could not exchange DHCP with eth0: got no DNS",
        f"{KIT} /usr/lib/x/lxc/lxc-user-nic failed: quota reached: exit status 1",
    ),
    "state-locked": (
        f"{KIT} failed to lock /run/x/lock, another RootlessKit is running with the same state directory?",
    ),
    "iptables-missing": ("failed to create NAT chain DOCKER: Iptables not found", "[ERROR] iptables binary not found."),
    "iptables-selinux": ("iptables failed: Fatal: can't open lock file /run/xtables.lock: Permission denied",),
    "network-host": ("Error initializing network controller: iptables failed: Permission denied (you must be root)",),
    "network-host-refused": ("Unsupported RootlessKit network driver: host",),
    "dns-timeout": (
        "Get https://x/v2/: dial tcp: lookup x on 10.0.2.3:53: read udp 10.0.2.100:7->10.0.2.3:53: i/o timeout",
        ";; communications error to 10.0.2.3#53: timed out",
    ),
    "container-capability": (
        "iptables v1.8.10 (legacy): can't initialize iptables table `filter': Permission denied (you must be root)",
    ),
    "iptables-modules": (
        "iptables v1.8.4: can't initialize iptables table `nat': Table does not exist (do you need to insmod?)",
        "modprobe: FATAL: Module ip_tables not found in directory /lib/modules/6.1",
        "iptables v1.8.5 (nf_tables):  CHAIN_ADD failed (No such file or directory): chain PREROUTING",
    ),
    "bridge-netfilter": (
        "cannot restrict inter-container communication: please ensure that br_netfilter kernel module is loaded",
    ),
    "overlay-refused": (
        'level=error msg="failed to mount overlay: operation not permitted" storage-driver=overlay2',
        "error creating overlay mount to /x/overlay2/7-init/merged: operation not permitted.",
    ),
    "overlay-selinux": ("Error response from daemon: mkdir /x/overlay2/7-init/merged/dev: permission denied.",),
    "fuse-overlayfs-missing": ('level=error msg="exec: \\"fuse-overlayfs\\": executable file not found in $PATH"',),
    "storage-driver": ("failed to start daemon: error initializing graphdriver: driver not supported",),
    "pid-file": (
        "pid file found, ensure docker is not running or delete /run/user/7/docker.pid",
        "failed to start daemon: process with PID 7 is still running",
    ),
    "containerd-timeout": ("failed to start containerd: timeout waiting for containerd to start",),
    "layer-ids": (
        "failed to register layer: lchown /usr/bin/x: invalid argument",
        'failed to Lchown "/x" for UID 205001, GID 5000 (try increasing the number): lchown /x: invalid argument',
    ),
    "layer-owner": (
        "failed to register layer: ApplyLayer exit status 1 stderr: lchown /home: operation not permitted",
    ),
    "cgroup-bus": (
        f"{RUNC} unable to apply cgroup configuration: Interactive authentication required.: unknown.",
        f"{RUNC} read unix @->/run/systemd/private: read: connection reset by peer: unknown.",
    ),
    "cgroup-refused": (
        f"{RUNC} applying cgroup configuration: rootless needs no limits + no cgrouppath when no permission is granted",
        "Error response from daemon: NanoCPUs can not be set: no CPU scheduler for groups, or none is mounted",
    ),
    "cgroup-missing": (
        "WARNING: Running in rootless-mode without cgroups. Systemd is required to enable cgroups",
        'level=warning msg="Running in rootless mode without cgroups, which needs systemd"',
    ),
    "cgroup-mount": (
        f'{RUNC} error mounting "cgroup" to rootfs at "/sys/fs/cgroup": mount cgroup: operation not permitted',
        r'caused "mounting \\\"cgroup2\\\" to rootfs \\\"/y\\\" caused \\\"operation not permitted\\\""',
    ),
    "port-start-denied": (
        f"{RUNC} open sysctl net.ipv4.ip_unprivileged_port_start file: reopen fd 8: permission denied: unknown",
    ),
    "cgroup-delegation": (
        "UserNS: cpu controller needs to be delegated",
        f"{RUNC} openat2 /sys/fs/cgroup/user.slice/user-7.slice/x.scope/cpu.max: no such file or directory",
    ),
    "cgroup-v1": ("Error response from daemon: cgroups: cgroup mountpoint does not exist: unknown.",),
    "cgroup-read-only": (
        f'{RUNC} applying cgroup configuration caused \\"mkdir /sys/fs/cgroup/cpuset/7: read-only file system\\"',
    ),
    "cgroup-devices": (f"{RUNC} bpf_prog_query(BPF_CGROUP_DEVICE) failed: operation not permitted",),
    "keyring-full": (
        f"{RUNC} unable to join session keyring: unable to create session key: disk quota exceeded",
        "could not create session key: disk quota exceeded",
    ),
    "proc-mount": (f'{RUNC} error mounting "proc" to rootfs at "/proc": operation not permitted',),
    "volume-read-only": (
        f'{RUNC} mounting "/run/user/7/docker.sock" to rootfs at "/x/merged/y" caused: operation not permitted',
        r'caused "rootfs_linux.go:58: mounting \\\"/x\\\" to rootfs \\\"/y\\\" caused \\\"operation not permitted\\\""',
    ),
    "entrypoint-refused": (
        f'{RUNC} exec: "./start.sh": permission denied: unknown',
        "standard_init_linux.go:228: exec user process caused: permission denied",
    ),
    "ping-refused": ("ping: socket: Operation not permitted", "ping: permission denied (are you root?)"),
    "privileged-port": (
        "error while calling PortManager.AddPort(): cannot expose privileged port 80, you can add",
        "cannot expose privileged port 443, you might need to add",
        "Error starting userland proxy: listen tcp 0.0.0.0:80: bind: permission denied",
    ),
    "container-port": (
        "Error: loading initial config: listening on :443: listen tcp :443: bind: permission denied",
        "Error creating server: listen tcp 127.0.0.1:80: bind: permission denied",
    ),
    "slirp-hostfwd": ("reply.Error: map[desc:bad request: add_hostfwd: slirp_add_hostfwd failed]",),
    "rootlesskit-outdated": ("failed to call info API, probably RootlessKit binary is too old (needs to be v0.14.0)",),
    "protocol-unsupported": ('protocol "tcp" is not supported by the RootlessKit port driver "slirp4netns"',),
    "sctp-unsupported": ('protocol "sctp" is not supported by the RootlessKit port driver "builtin"',),
    "proxy-timeout": ("Timed out proxy starting the userland proxy.",),
    "port-taken-inside": ("failed to bind host port 10.0.2.100:3000/tcp: address already in use",),
    "port-taken": (
        "error while calling RootlessKit PortManager.AddPort(): listen tcp4 0.0.0.0:8080: bind: address already in use",
        "failed to bind host port 0.0.0.0:8080/tcp: address already in use",
    ),
    "proxy-silent": ("driver failed programming external connectivity on endpoint x: Error starting userland proxy:.",),
    "program-missing": (f'{KIT} setting up tap tap0: exec: "nsenter": executable file not found in $PATH',),
    "slirp4netns-failed": (f"{KIT} waiting for ready fd (slirp4netns 7 tap0): slirp4netns failed",),
    "client-root": ("Cannot connect to the Docker daemon at unix:///run/user/0/docker.sock.",),
    "client-rootful": (
        "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get",
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    ),
    "requirements-missing": ("[ERROR] Missing system requirements. Run the following commands to",),
    "daemon-unreachable": ("Cannot connect to the Docker daemon at unix:///run/user/7/docker.sock.",),
    "child-exited": (f"{KIT} child exited: exit status 1",),
    "setup-failed": (
        "[ERROR] Failed to start docker.service. Run `journalctl` to show the error log.",
        "[ERROR] RootlessKit failed, see the error messages and the page.",
        "systemd[7]: docker.service: Failed with result 'exit-code'.",
        "   Main PID: 7 (code=exited, status=127)",
    ),
}


def test_each_symptom_has_a_line() -> None:
    assert set(LINES) == set(symptoms())


@pytest.mark.parametrize(("name", "line"), [(name, line) for name, lines in LINES.items() for line in lines])
def test_line_is_recognised_as_this_symptom(name: str, line: str) -> None:
    signs = recognise(["host systemd[1]: Starting docker.service", line])
    assert [(symptom.name, numbers) for symptom, numbers in signs] == [(name, [1])]


@pytest.mark.parametrize(
    "line",
    [
        "dockerd-rootless[7]: + echo Either slirp4netns (>= v0.4.0) or vpnkit needs to be installed",
        "++ command -v rootlesskit-docker-proxy not installed",
        'exec: "bash": executable file not found in $PATH: unknown, OCI runtime create failed',
        "open: Permission denied",
        "  + echo rootlesskit needs to be installed",
        "podman-compose is an alias here, said rootlesskit",
        "  + echo Unsupported RootlessKit network driver: host",
        'apparmor="DENIED" operation="userns_create" profile="unconfined" pid=7 comm="chrome"',
    ],
)
def test_line_that_shows_nothing_is_no_symptom(line: str) -> None:
    assert recognise([line]) == []


def test_cause_is_used_and_its_remedies_can_be_filled() -> None:
    used = {cause.name for symptom in symptoms().values() for cause in symptom.causes}
    assert used == set(causes())
    for cause in causes().values():
        for nixos in (False, True):
            assert cause.remedies(nixos=nixos)
            assert not any(re.search(r"@[a-z]+@", remedy) for remedy in cause.remedies(nixos=nixos))
    filled = causes()["subordinate-ids"].remedies(nixos=True, user="ordinary")
    rebuild = "sudo nixos-rebuild switch and systemctl --user restart docker"
    assert filled == (f"users.users.ordinary.autoSubUidGidRange = true; then {rebuild}",)
    assert causes()["subordinate-ids"].remedies(nixos=False, user="ordinary")[0].startswith("as root: usermod ")


def test_service_is_named_in_the_words_of_the_machine() -> None:
    remedies = causes()["port-driver"]
    assert "systemctl --user edit docker" in remedies.remedies(nixos=False)[0]
    assert "systemd.user.services.docker.environment" in remedies.remedies(nixos=True)[0]


def test_option_of_nixos_comes_with_the_rebuild_and_a_driver_to_be_chosen_is_to_be_installed_first() -> None:
    """gvisor-tap-vsock is a part of rootlesskit."""
    option = re.compile(r"\b(?:virtualisation|users\.|security\.|boot\.|systemd\.(?:user\.)?services|override)")
    for cause in causes().values():
        for remedy in cause.remedies(nixos=True):
            assert "nixos-rebuild" in remedy or option.search(remedy) is None, remedy
        for remedy in chain(cause.do, cause.nixos):
            chosen = re.search(r"(?:set|and) DOCKERD_ROOTLESS_ROOTLESSKIT_NET=(?!gvisor)", remedy)
            assert chosen is None or "install" in remedy, remedy


# What opens a machine further than the fault needs, and what the remedy has to say if it is there all the same.
HARMS = {
    r"chmod (?:u\+s|\d?[4267]\d\d\d)|chmod -R|chmod 777": None,
    r"--add-sub[ug]ids": r"--add-subuids @ids@ --add-subgids @ids@ .*no other line",
    r"\bmv\b|\brename\b|setcap -r": None,
    r"chmod 666": r"/dev/net/tun, the mode that udev gives it|whoever can write to it is root",
    r"setenforce|SELINUX=|selinux=0": None,
    r"apparmor=0|systemctl (?:stop|disable|mask) \S*apparmor|aa-(?:teardown|disable)": None,
    r"apparmor_restrict_unprivileged_userns=0": r"every program and every user",
    r"ip_unprivileged_port_start": r"every user and program",
    r"max_user_namespaces|unprivileged_userns_clone|unprivilegedUsernsClone": r"every user",
    r"--privileged": r"all rights on the host",
    r"remount,suid": r"setuid programs",
    r"ip_unprivileged_port_start[^@]*= ?0\b": None,
    r"rm -r|/var/lib/docker|nuke": None,
    r"usermod -aG docker|groupadd docker": None,
    r"curl .*\| *sh": None,
}


def test_remedy_does_no_harm_without_saying_so() -> None:
    for remedy in chain.from_iterable((*cause.do, *cause.nixos) for cause in causes().values()):
        for harm, warning in HARMS.items():
            if re.search(harm, remedy):
                assert warning is not None, remedy
                assert re.search(warning, remedy), remedy


def test_remedy_that_opens_more_comes_after_one_that_opens_less() -> None:
    for name in ("apparmor", "capability", "nosuid", "outer-container", "tun"):
        first, *others = causes()[name].do
        risky = re.compile(r"userns=0|unprivileged_port_start|remount,suid|--privileged|chmod 666")
        assert risky.search(first) is None
        assert any(risky.search(other) for other in others)
