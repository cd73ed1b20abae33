import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toolkit import files
from toolkit.doctor import machine as kernel
from toolkit.doctor import programs
from toolkit.doctor.diagnosis import explain, read_log
from toolkit.doctor.machine import Account, Machine
from toolkit.doctor.programs import NET_BIND_SERVICE, Capability, parse
from toolkit.doctor.start import subordinate_ids
from toolkit.errors import ToolkitError


def machine(tmp_path: Path) -> Machine:
    user = Account(name="ordinary", uid=4711)
    return Machine(
        user=user, proc=tmp_path / "proc", etc=tmp_path / "etc", dev=tmp_path / "dev"
    )


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class TestCapabilities:
    @pytest.mark.skipif(
        os.geteuid() != 0, reason="only root can give a file capabilities"
    )
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("cap_net_bind_service=ep", Capability(permitted=0x400, effective=True)),
            (
                "cap_net_bind_service,cap_setpcap=p",
                Capability(permitted=0x500, effective=False),
            ),
            ("cap_bpf=eip", Capability(permitted=1 << 39, effective=True)),
        ],
    )
    def test_capability_written_by_setcap_is_read(
        self, tmp_path: Path, text: str, expected: Capability
    ) -> None:
        program = tmp_path / "program"
        program.touch(mode=0o755)
        subprocess.run(["setcap", text, str(program)], check=True)
        assert programs.look(program).capability == expected

    def test_capability_of_a_namespace_grants_nothing_outside(self) -> None:
        capability = parse(struct.pack("<6I", 0x03000001, 0x400, 0, 0, 0, 1000))
        assert capability is not None
        assert capability.root == 1000
        assert not capability.grants(NET_BIND_SERVICE)

    @pytest.mark.parametrize(
        "value",
        [
            b"",
            b"\1",
            struct.pack("<2I", 0x02000001, 0x400),
            struct.pack("<5I", 0x03000001, 0x400, 0, 0, 0),
            struct.pack("<6I", 0x09000000, 0x400, 0, 0, 0, 0),
        ],
    )
    def test_other_attribute_is_none(self, value: bytes) -> None:
        assert parse(value) is None


class TestPrograms:
    def test_path_is_searched_in_order_and_what_cannot_run_is_passed_over(
        self, tmp_path: Path
    ) -> None:
        for name, mode in (("a", 0o644), ("b", 0o755), ("c", 0o755)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "program").touch()
            (tmp_path / name / "program").chmod(mode)
        (tmp_path / "d/program").mkdir(parents=True)
        path = ":".join(str(tmp_path / name) for name in "xabcd")
        assert list(programs.locate("program", path)) == [
            tmp_path / "b/program",
            tmp_path / "c/program",
        ]

    def test_source_stands_in_the_file_beside_or_in_the_wrapper(
        self, tmp_path: Path
    ) -> None:
        for name, content in (
            ("old", b"\x7fELF"),
            ("new", b"\0failed to inherit capabilities\0/n/bin/rootlesskit\0"),
        ):
            (tmp_path / name).write_bytes(content)
        (tmp_path / "old.real").write_text("/o/bin/rootlesskit")
        assert programs.look(tmp_path / "old").source == Path("/o/bin/rootlesskit")
        assert programs.look(tmp_path / "new").source == Path("/n/bin/rootlesskit")

    def test_missing_program_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ToolkitError, match="gone: no such file or directory"):
            programs.look(tmp_path / "gone")

    def test_program_that_cannot_be_started_has_no_status(self, tmp_path: Path) -> None:
        (tmp_path / "program").write_text("#!/gone\n")
        (tmp_path / "program").chmod(0o755)
        assert programs.try_version(tmp_path / "program").status is None


class TestProcesses:
    def test_process_is_read_from_proc(self) -> None:
        started = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={"A": "b=c"}
        )
        time.sleep(0.1)
        seen = kernel.process_of(started.pid)
        started.communicate()
        assert seen is not None
        assert (seen.parent, seen.command[1:]) == (os.getpid(), ("-c", "input()"))
        assert seen.environment is not None
        assert seen.environment["A"] == "b=c"
        assert abs(time.time() - seen.started) < 10
        assert kernel.process_of(started.pid) is None

    def test_pid_that_is_another_process_by_now_is_no_daemon(
        self, tmp_path: Path
    ) -> None:
        write(tmp_path / "dockerd-rootless/child_pid", f"{os.getpid()}\n")
        environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
        here = Machine(user=Account(name="ordinary", uid=4711), environment=environment)
        assert kernel.daemon(here, {}) is None


class TestKernel:
    @pytest.mark.parametrize(("text", "port"), [("80\n", 80), ("0\n", 0), ("x", 1024)])
    def test_number_of_a_setting(self, tmp_path: Path, text: str, port: int) -> None:
        setting = tmp_path / "setting"
        assert kernel.number_in(setting, default=1024) == 1024
        write(setting, text)
        assert kernel.number_in(setting, default=1024) == port

    def test_subordinate_ids_are_of_the_name_or_the_number(
        self, tmp_path: Path
    ) -> None:
        here = machine(tmp_path)
        write(
            here.etc / "subuid",
            "other:1:65536\nordinary:100000:65535\n4711:200000:1\nordinary:x:y\n",
        )
        uids, gids = subordinate_ids(here.user, here.etc)
        assert (uids.count, gids.count, gids.elsewhere) == (65536, 0, False)
        write(here.etc / "nsswitch.conf", "passwd: files\nsubid: sss\n")
        assert all(each.elsewhere for each in subordinate_ids(here.user, here.etc))

    def test_runtime_directory_that_is_missing_is_named(self, tmp_path: Path) -> None:
        user = Account(name="ordinary", uid=4711)
        here = Machine(
            user=user, environment={"XDG_RUNTIME_DIR": str(tmp_path / "gone")}
        )
        assert kernel.runtime_problem(here) == f"{tmp_path / 'gone'}: no such directory"
        (tmp_path / "gone").mkdir()
        assert kernel.runtime_problem(here) is None

    @pytest.mark.parametrize("setting", [kernel.NAMESPACES, kernel.CLONE])
    def test_user_namespaces_that_are_turned_off_are_named(
        self, tmp_path: Path, setting: Path
    ) -> None:
        here = machine(tmp_path)
        assert kernel.namespaces_problem(here) is None
        write(here.proc / setting, "0\n")
        assert (
            kernel.namespaces_problem(here)
            == f"{str(setting).removeprefix('sys/').replace('/', '.')} is 0"
        )

    def test_apparmor_restricts_what_no_profile_names(self, tmp_path: Path) -> None:
        here, program = machine(tmp_path), Path("/usr/bin/rootlesskit")
        assert not kernel.apparmor_restricts(here, program)
        write(here.proc / kernel.APPARMOR, "1\n")
        assert kernel.apparmor_restricts(here, program)
        write(
            here.etc / "apparmor.d/rootlesskit",
            f"profile rootlesskit {program} flags=(unconfined) {{ userns, }}\n",
        )
        assert not kernel.apparmor_restricts(here, program)

    def test_file_in_the_place_of_the_device_is_named(self, tmp_path: Path) -> None:
        here = machine(tmp_path)
        write(here.dev / kernel.TUN, "")
        assert (
            kernel.tun_problem(here) == f"{here.dev / 'net/tun'}: is not a device file"
        )


class TestLogs:
    @pytest.mark.parametrize(
        ("content", "fact"),
        [
            (b" \n", "is empty"),
            (b"a\0b", "is a binary file"),
            (None, "no such"),
        ],
    )
    def test_binary_log_is_refused_by_name(
        self, tmp_path: Path, content: bytes | None, fact: str
    ) -> None:
        if content is not None:
            (tmp_path / "log").write_bytes(content)
        with pytest.raises(ToolkitError, match=fact):
            read_log(tmp_path / "log")

    @pytest.mark.parametrize("device", ["/dev/zero", "/dev/full"])
    def test_device_is_not_read(self, device: str) -> None:
        with pytest.raises(ToolkitError, match=f"{device}: is a device"):
            read_log(Path(device))

    def test_pipe_without_an_end_is_given_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "PIPE_SECONDS", 0.5)
        os.mkfifo(tmp_path / "log")
        with (tmp_path / "log").open("r+b", buffering=0) as pipe:
            pipe.write(b"x\n")
            with pytest.raises(ToolkitError, match="its writer did not close it"):
                read_log(tmp_path / "log")

    def test_too_long_a_log_is_refused(self, tmp_path: Path) -> None:
        with (tmp_path / "log").open("wb") as log:
            log.truncate((64 << 20) + 1)
        with pytest.raises(
            ToolkitError, match=r"is too large: 67\.1 MB, more than the limit of 64 MiB"
        ):
            read_log(tmp_path / "log")

    def test_lines_are_numbered_as_editors_number_them(self) -> None:
        text = "pulling\r99 %\fdone\u2028\r\nNo subuid ranges found\r\n"
        log = explain([("log", text)])
        assert (log.lines, [(entry.line, entry.text) for entry in log.entries]) == (
            2,
            [(2, "No subuid ranges found")],
        )
