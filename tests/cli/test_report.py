from __future__ import annotations

import json
import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from toolkit.cli import output, terminal
from toolkit.cli.options import Settings
from toolkit.cli.report import exit_code, nix_path, plain, show
from toolkit.docker.choices import Demotion, Strategy, steps
from toolkit.model import Commit, Oid, Patch, Proof, Proposal, Report, Source, SourceRequest, Status

OUT = Path("proposal")
ESCAPE = "\x1b["
COMMIT = Commit(subject="docker: change", body="", before=b"1", after=b"2")
PASSED = Proof(name="parse", claim="it parses", status=Status.PASSED, covers="3 files", seconds=0.012)
FAILED = Proof(
    name="no-rebuild",
    claim="nothing is rebuilt",
    status=Status.FAILED,
    covers="12 derivations",
    reason="docker_29 differs",
    evidence=("old.drv", "[red]new.drv"),
    commands=("nix-instantiate x.nix",),
    seconds=1.5,
)
NOT_RUN = Proof(
    name="format",
    claim="it is formatted",
    status=Status.NOT_RUN,
    covers="nothing",
    reason="because nixfmt is not installed",
)


def _report(*proofs: Proof) -> Report:
    return Report(
        proposal=Proposal(
            source=Source(
                origin="a nixpkgs", content=b"1", directory=Path("/x"), commit=Oid("a" * 40), fetched=2_345_678
            ),
            package="docker",
            target=PurePosixPath("docker/default.nix"),
            bindings=("moby",),
            steps=steps(Strategy.ATTRS_FIRST, Demotion.SUFFIX),
            commits=(COMMIT,),
            patches=(Patch(name="0001-x.patch", content=b""),),
        ),
        proofs=proofs,
        warnings=("mind the gap",),
        files=("report.json", "upstream.diff"),
    )


def _lines(*proofs: Proof, quiet: bool = False) -> list[str]:
    return list(plain(_report(*proofs), settings=Settings(quiet=quiet), out=OUT))


def test_plain_lines_are_aligned_and_tell_source_proofs_and_files() -> None:
    lines = _lines(PASSED, NOT_RUN)
    assert lines[:6] == [
        "source    a nixpkgs, 2.3 MB fetched",
        "designs   lift: attrs-first, demote: suffix",
        "passed   parse   3 files  0.01 s",
        "not run  format  nothing  0.00 s",
        "format: not run, because nixfmt is not installed",
        "warning: mind the gap",
    ]
    assert lines[6:9] == ["wrote 2 files to proposal", "  report.json", "  upstream.diff"]


def test_each_kind_of_user_is_told_what_to_do_next() -> None:
    contribute, use, watch = _lines(PASSED)[-3:]
    assert f"git am {Path.cwd()}/proposal/series/*.patch (in nixpkgs at {'a' * 12})" in contribute
    assert contribute.endswith("or unlet pr --repo DIR in a clone")
    assert "nixpkgs.overlays = [ (import ./proposal/overlay) ];" in use
    assert watch.endswith("unlet check proposal")


def test_proposal_of_a_clone_becomes_a_branch_of_it() -> None:
    request = SourceRequest(nixpkgs="/src/my nixpkgs", rev="staging")
    (contribute, *_) = list(plain(replace(_report(PASSED), request=request), settings=Settings(), out=OUT))[-3:]
    assert contribute.endswith("  unlet pr --repo '/src/my nixpkgs' --base staging --strategy attrs-first")


def test_branch_is_made_as_the_proposal_was() -> None:
    report = replace(_report(PASSED), request=SourceRequest(nixpkgs="/src/nixpkgs"))
    report = replace(report, proposal=replace(report.proposal, steps=steps(Strategy.HIDDEN, Demotion.DROP)))
    (contribute, *_) = list(plain(report, settings=Settings(), out=OUT))[-3:]
    assert contribute.endswith("unlet pr --repo /src/nixpkgs --strategy hidden --rootlesskit drop")


@pytest.mark.parametrize(
    ("proofs", "code"),
    [
        ((PASSED, NOT_RUN), 0),
        ((PASSED, replace(NOT_RUN, asked=True)), 3),
        ((replace(PASSED, asked=True),), 0),
        ((FAILED, replace(NOT_RUN, asked=True)), 1),
    ],
)
def test_what_was_asked_for_and_not_run_is_no_success(proofs: tuple[Proof, ...], code: int) -> None:
    assert exit_code(_report(*proofs)) == code


def test_specimen_is_called_an_example() -> None:
    report = replace(_report(PASSED), request=SourceRequest(nixpkgs="specimen"))
    contribute, use, watch = list(plain(report, settings=Settings(), out=Path("proposal")))[-3:]
    assert contribute.endswith("unlet pr --repo ~/src/nixpkgs (this was the specimen: an example)")
    assert use.endswith("unlet overlay --nixpkgs '<nixpkgs>'")
    assert watch.endswith("unlet track")


def test_failed_proof_shows_reason_and_evidence_and_nobody_is_sent_on() -> None:
    lines = _lines(PASSED, FAILED)
    assert lines[4:7] == ["no-rebuild: failed: docker_29 differs", "  old.drv", "  [red]new.drv"]
    assert lines[-1] == "1 of 2 proofs failed"


def test_quiet_tells_only_what_did_not_pass() -> None:
    assert _lines(PASSED, quiet=True) == ["warning: mind the gap"]
    assert _lines(NOT_RUN, quiet=True)[0] == "format: not run, because nixfmt is not installed"
    assert _lines(PASSED, FAILED, quiet=True)[0] == "failed  no-rebuild  12 derivations  1.50 s"


def test_foreign_patch_has_no_strategy() -> None:
    report = _report(PASSED)
    report = replace(report, proposal=replace(report.proposal, steps=(), patches=()))
    assert list(plain(report, settings=Settings(), out=None))[1] == "patch     docker: change"


def test_json_is_the_report_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    show(_report(PASSED, FAILED), settings=Settings(json=True), out=OUT)
    said = capfd.readouterr()
    assert json.loads(said.out)["result"] == "failed"
    assert said.err == ""


def test_without_a_terminal_nothing_is_drawn(capfd: pytest.CaptureFixture[str]) -> None:
    show(_report(PASSED, FAILED), settings=Settings(), out=OUT)
    assert ESCAPE not in capfd.readouterr().out


def test_drawing_tells_what_the_lines_tell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    terminal.draw(_report(PASSED, FAILED, NOT_RUN), settings=Settings(color="never"), out=OUT)
    drawn = capsys.readouterr().out
    for part in ("a nixpkgs, 2.3 MB fetched", "✓ passed", "✗ failed", "- not run", "[red]new.drv", "mind the gap"):
        assert part in drawn
    assert ESCAPE not in drawn


def test_colours_can_be_forced(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    terminal.draw(_report(FAILED), settings=Settings(color="always"), out=OUT)
    assert f"{ESCAPE}1;31m" in capsys.readouterr().out


@pytest.mark.parametrize("color", ["always", "never"])
def test_nothing_of_a_report_acts_on_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], color: str
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    hostile = "\x1b]0;title\x07\x9b2J\r\u202egnp.exe"
    proof = replace(FAILED, covers=hostile, reason=hostile, evidence=(hostile,))
    report = replace(_report(proof), warnings=(hostile,))
    show(report, settings=Settings(color=color), out=OUT)
    printed = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert printed.count(r"\u202egnp.exe") >= 3
    assert re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", printed) is None


@pytest.mark.parametrize("name", ["a/b-c.d", "/a/b", "a b", '/a ${x} "q" \\', "ä"])
def test_overlay_path_is_the_nix_expression_of_the_directory(tmp_path: Path, name: str) -> None:
    expression = f"toString {nix_path(Path(name))}"
    said = subprocess.run(
        ["nix-instantiate", "--store", "dummy://", "--eval", "--strict", "--json", "-E", expression],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert json.loads(said.stdout) == str(tmp_path / name)


def test_log_of_long_work_gets_the_step_of_each_minute(capsys: pytest.CaptureFixture[str]) -> None:
    told = output.Minutes(seconds=0.05)
    told.step("soon")
    time.sleep(0.06)
    told.step("later")
    told.step("at once")
    assert capsys.readouterr().err == "later\n"
