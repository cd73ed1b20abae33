from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rootless.account import remains, wait_for
from toolkit.docker.case import BEFORE, DEMOTED, LIFTED
from toolkit.docker.claims import running
from toolkit.docker.claims.catalogue import CLAIMS
from toolkit.docker.claims.running import AFTER, DROP, REWRAPPED, Cell, expected
from toolkit.docker.steps import Demotion
from toolkit.errors import NotRunError
from toolkit.model import Status
from toolkit.rootless import Outcome, PortOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.docker.conftest import Draft
    from toolkit.model import Report
    from toolkit.rootless import Account, Host

ROOT = Path(__file__).parents[3]
PROXY = "no rootlesskit-docker-proxy on PATH"


def test_daemon_answers_on_port_80_as_the_matrix_says(
    proposals: Callable[..., tuple[Path, Report]], host: Host, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory, _ = proposals()
    done = _check(directory, "--run", "--proof", "parse")
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join((f"dockerd {host.version}", *table)) + "\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert any(line.split()[:2] == ["passed", "runs"] for line in done.stdout.splitlines())
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table]
    assert rows[0] == ("rootlesskit on PATH", "security wrapper", "module's route", "daemon", "port 80", "port 8080")
    missing = ("starts", "answers", "answers") if not host.needs_proxy else (PROXY, "-", "-")
    assert rows[2:] == [
        ("in front, as it was", "none", "-", "starts", "refused", "answers"),
        ("in front, as it was", "rootlesskit", "-", "starts", "refused", "answers"),
        ("in front, as it was", "docker-rootlesskit", "wrapper-name", "starts", "answers", "answers"),
        ("last, rewrapped (overlay rewrap)", "none", "-", "starts", "refused", "answers"),
        ("last, rewrapped (overlay rewrap)", "rootlesskit", "rewrap", "starts", "answers", "answers"),
        ("last, as it is now", "none", "-", "starts", "refused", "answers"),
        ("last, as it is now", "rootlesskit", "-", "starts", "answers", "answers"),
        ("last, as it is now", "docker-rootlesskit", "-", "starts", "answers", "answers"),
        ("nowhere", "none", "-", "no rootlesskit on PATH", "-", "-"),
        ("nowhere", "rootlesskit", "-", *missing),
        ("nowhere", "docker-rootlesskit", "-", *missing),
        ("last, as it is now (a script)", "rootlesskit", "-", "starts", "answers", "answers"),
    ]
    # The page shows what a dockerd before 28 does, and all of it but the other form of wrapper.
    page = re.sub("[`*]", "", (ROOT / "docs/designs.md").read_text())
    if host.needs_proxy:
        assert [row for row in rows[2:] if f"| {' | '.join(row)} |" not in page] == rows[-1:]
    assert list(place.iterdir()) == []


def test_wrapper_that_has_not_changed_and_overlay_that_keeps_rootlesskit_in_front_fail_the_proof(
    draft: Callable[..., Draft], place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("overlays", "patches"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    overlay = tmp_path / "overlays/rewrap.nix"
    text = overlay.read_text()
    assert text.count("--suffix PATH") == 1
    overlay.write_text(text.replace("--suffix PATH", "--prefix PATH"))
    monkeypatch.setattr("toolkit.shipped.PACKAGE", tmp_path / "toolkit")
    series = draft("24.0")
    failure = series.rewritten(DEMOTED, lambda _: series.texts[LIFTED]).failure("runs")
    told = [line.partition(" port 80: ") for line in failure.splitlines() if not line.startswith("|")]
    # These cells, in each form, are what the whole change is about; nothing else differs.
    assert [where for where, _, _ in told] == [
        f"rootlesskit {stage}, security wrapper rootlesskit,"
        for stage in (
            "last, rewrapped (overlay rewrap) (a script)",
            "last, as it is now (a script)",
            "last, as it is now (an ELF file)",
        )
    ]
    for _, _, found in told:
        assert re.fullmatch(r"refused \(.*cannot expose privileged port 80.*\) instead of answers", found)
    assert list(place.iterdir()) == []


def test_interrupt_leaves_nothing(proposals: Callable[..., tuple[Path, Report]], place: Path, account: Account) -> None:
    directory, _ = proposals()
    # A shell that starts this in the background lets the signal be ignored.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from toolkit.__main__ import main; sys.exit(main())"
    )
    argv = [sys.executable, "-c", code, "check", str(directory), "--run", "--proof", "parse"]
    with subprocess.Popen(
        argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        wait_for(place, "unlet-*/*/docker.sock", 60, process)
        assert any(line.startswith("process") for line in remains(account, place))
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    (line,) = [line for line in stdout.splitlines() if line.startswith("not run  runs ")]
    assert line.endswith("  it was interrupted")
    assert remains(account, place) == []


def test_proof_runs_only_when_it_is_asked_for(proposals: Callable[..., tuple[Path, Report]]) -> None:
    assert next(claim for claim in CLAIMS if claim.name == "runs").on_request
    _, report = proposals()
    assert "runs" not in {proof.name for proof in report.proofs}


@pytest.mark.parametrize("arguments", [["--run", "--proof", "parse"], ["--proof", "runs"]])
def test_machine_that_cannot_is_one_line_and_exit_code_3(
    proposals: Callable[..., tuple[Path, Report]], account: Account, arguments: list[str]
) -> None:
    directory, _ = proposals()
    done = _check(directory, *arguments, SUDO_USER="nobody")
    assert account.name != "nobody"
    assert (done.returncode, done.stderr) == (3, "")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("not run  runs ")]
    assert "  /etc/subuid: nobody has no subordinate ids; as root: usermod " in line


def test_missing_program_is_the_reason_for_not_running(
    draft: Callable[..., Draft], place: Path, tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = draft()
    assert place.is_dir()
    directory = tmp_path / "programs"
    directory.mkdir()
    names = ("git", "nix-build", "nix-instantiate", "nix-store", "bash-static", "busybox")
    for name in names:
        (directory / name).symlink_to(shutil.which(name) or "")
    case = series.case()
    monkeypatch.setattr("toolkit.rootless.requirements._PLACES", ())
    monkeypatch.setenv("PATH", str(directory))
    with pytest.raises(NotRunError) as reason:
        running.runs(case)
    assert reason.value.message == "dockerd: is not installed; Debian, Ubuntu: apt install docker.io"
    (directory / "dockerd").symlink_to(host.programs["dockerd"])
    with pytest.raises(NotRunError, match=r" apt install containerd$"):
        running.runs(case)


def test_store_that_is_elsewhere_is_not_run(
    draft: Callable[..., Draft], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = draft()
    monkeypatch.setenv("NIX_REMOTE", f"local?root={place}")
    reason = f"because nix: the store is at '{place}/nix/store', so nothing in it can be started; start the nix-daemon"
    assert series.prove("runs").reason == reason


def test_patch_that_leaves_the_wrapper_alone_is_not_run(draft: Callable[..., Draft]) -> None:
    proof = draft().prove("runs", without={"demote"})
    assert (proof.status, proof.reason) == (Status.NOT_RUN, "because the patch leaves the wrapper's PATH as it is")


def test_other_systems_are_not_run(draft: Callable[..., Draft], monkeypatch: pytest.MonkeyPatch) -> None:
    series = draft()
    monkeypatch.setattr("os.uname", lambda: os.uname_result(("Darwin", "", "", "", "arm64")))
    assert series.prove("runs").reason == "because the daemon is built for Linux and runs there, and this is Darwin"


def test_expectations_are_those_that_were_measured() -> None:
    def row(stage: str, wrapper: str | None, *, needs_proxy: bool = True) -> list[str]:
        outcomes = [expected(stage, wrapper, port, needs_proxy=needs_proxy) for port in (80, 8080)]
        return [f"{outcome.kind} {outcome.detail}".strip() for outcome in outcomes]

    assert row(BEFORE, "rootlesskit") == ["refused", "answers"]
    assert row(BEFORE, "docker-rootlesskit") == row(AFTER, "rootlesskit") == ["answers", "answers"]
    assert row(REWRAPPED, "rootlesskit") == ["answers", "answers"]
    assert row(REWRAPPED, None) == row(AFTER, None) == ["refused", "answers"]
    assert row(DROP, "rootlesskit") == [f"no start {PROXY}"] * 2
    assert row(DROP, "rootlesskit", needs_proxy=False) == ["answers", "answers"]
    assert row(DROP, None, needs_proxy=False) == ["no start no rootlesskit on PATH"] * 2


@pytest.mark.parametrize(
    ("seen", "differs"),
    [
        (Outcome(kind=PortOutcome.NO_START, detail=PROXY), False),
        (Outcome(kind=PortOutcome.NO_START, detail="no rootlesskit on PATH"), True),
        (Outcome(kind=PortOutcome.OTHER, detail=PROXY), True),
        (Outcome(kind=PortOutcome.ANSWERS), True),
    ],
)
def test_daemon_that_does_not_start_for_another_reason_is_no_match(seen: Outcome, *, differs: bool) -> None:
    wanted = Outcome(kind=PortOutcome.NO_START, detail=PROXY)
    cell = Cell(stage=DROP, form="elf", wrapper="rootlesskit", port=80, expected=wanted, seen=seen)
    assert cell.differs is differs


def test_dropped_entry_is_no_suffix(draft: Callable[..., Draft], place: Path, host: Host) -> None:
    """A proposal that drops rootlesskit claims port 80 as well, and has to be told that it breaks."""
    assert place.is_dir()
    failure = draft(demotion=Demotion.DROP).failure("runs")
    assert "security wrapper none, port 8080: no start (no rootlesskit on PATH) instead of answers" in failure
    assert (f"port 80: no start ({PROXY}) instead of answers" in failure) is host.needs_proxy


def _check(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "toolkit", "check", str(directory), *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
