import json
import re
import subprocess
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from toolkit.cli.options import GlobalOptions
from toolkit.cli.proofs import exit_code, show
from toolkit.model import (
    Commit,
    Oid,
    Patch,
    Proof,
    Proposal,
    Report,
    Source,
    SourceRequest,
    Status,
    Step,
)
from toolkit.nix.program import nix_path

OUT = Path("proposal")
COMMIT = Commit(subject="docker: change", body="", before=b"1", after=b"2")
PASSED = Proof(
    name="parse",
    claim="it parses",
    status=Status.PASSED,
    covers="3 files",
    seconds=0.012,
)
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


def steps(**designs: str) -> tuple[Step, ...]:
    return tuple(Step(name=name, design=design) for name, design in designs.items())


def _report(*proofs: Proof) -> Report:
    return Report(
        proposal=Proposal(
            source=Source(
                origin="a nixpkgs",
                content=b"1",
                directory=Path("/x"),
                commit=Oid("a" * 40),
            ),
            package="docker",
            target=PurePosixPath("docker/default.nix"),
            bindings=("moby",),
            steps=steps(lift="move", demote="suffix"),
            commits=(COMMIT,),
            patches=(Patch(name="0001-x.patch", content=b""),),
        ),
        proofs=proofs,
        warnings=("mind the gap",),
        files=("report.json", "series/0001.patch"),
    )


def plain(
    report_: Report,
    *,
    settings: GlobalOptions = GlobalOptions(),  # noqa: B008 - frozen
    out: Path | None = OUT,
) -> list[str]:
    with redirect_stdout(StringIO()) as printed:
        show(report_, settings=settings, out=out)
    return printed.getvalue().splitlines()


def _lines(*proofs: Proof, quiet: bool = False, verbose: bool = False) -> list[str]:
    return plain(_report(*proofs), settings=GlobalOptions(quiet=quiet, verbose=verbose))


def test_lines_say_what_is_proven_written_and_next() -> None:
    assert _lines(PASSED, NOT_RUN)[:7] == [
        "1 of 2 proofs passed, 1 not run",
        "source   a nixpkgs",
        "commits  docker: change",
        "passed   parse   it parses",
        "not run  format  nixfmt is not installed",
        "warning: mind the gap",
        "wrote    proposal: series/",
    ]
    lines = _lines(PASSED)
    assert lines[0] == "1 of 1 proofs passed"
    contribute, use, watch = lines[-3:]
    assert contribute.endswith("  unlet pr --repo DIR --design move")
    assert "nixpkgs.overlays = [ (import ./proposal/overlay) ];" in use
    assert watch.endswith("unlet check proposal")
    # A third mail is the module's.
    more = replace(_report(PASSED), files=("series/1", "series/2"))
    assert plain(more)[-3].endswith(" --only nixos-module")
    foreign = replace(
        _report(PASSED),
        proposal=replace(_report(PASSED).proposal, steps=(), patches=()),
    )
    assert plain(foreign, out=None)[2] == "patch    docker: change"


def test_verbose_and_quiet_show_more_and_less() -> None:
    lines = _lines(PASSED, verbose=True)
    assert "passed   parse  it parses (3 files; 0.01 s)" in lines
    assert "design   lift: move, asked for" in lines
    assert _lines(PASSED, quiet=True) == ["warning: mind the gap"]
    assert _lines(NOT_RUN, quiet=True)[0] == "not run  format  nixfmt is not installed"
    failed = [
        f"failed   no-rebuild  {FAILED.claim}",
        "  docker_29 differs (and 2 more; --json has all)",
    ]
    assert _lines(PASSED, FAILED, quiet=True)[:2] == failed
    # Nobody is sent on.
    lines = _lines(PASSED, FAILED)
    assert (lines[0], lines[4:6]) == ("1 of 2 proofs passed, 1 failed", failed)
    lines = _lines(replace(FAILED, reason="x" * 101, evidence=()))
    assert f"  {'x' * 99}…" in lines
    assert lines[-1].startswith("wrote ")


def test_gap_is_printed_once() -> None:
    gap = "not evaluated, nor is the unchanged file: riscv64-linux: no"
    lines = _lines(
        *(replace(PASSED, name=name, gaps=(gap,)) for name in ("parse", "other"))
    )
    assert [line for line in lines if line == gap] == [gap]


BOTH = {"lift": "move", "demote": "suffix"}
CLONE = SourceRequest(nixpkgs="/src/my nixpkgs", rev="staging")


@pytest.mark.parametrize(
    ("request_", "made", "contribute"),
    [
        (
            CLONE,
            BOTH,
            "  unlet pr --repo '/src/my nixpkgs' --base staging --design move",
        ),
        (None, {"lift": "move"}, "  unlet pr --repo DIR --design move --only lift"),
        (None, {}, "  unlet pr --repo DIR --only nixos-module"),
        (
            SourceRequest(nixpkgs="/src/nixpkgs"),
            {"lift": "hidden", "demote": "drop"},
            "unlet pr --repo /src/nixpkgs --design hidden --rootlesskit drop",
        ),
        (
            SourceRequest(nixpkgs="specimen"),
            BOTH,
            "unlet pr --repo ~/src/nixpkgs (the specimen is an example)",
        ),
    ],
)
def test_branch_is_made_as_the_proposal_was(
    request_: SourceRequest | None, made: dict[str, str], contribute: str
) -> None:
    report = _report(PASSED)
    commits = {} if made else {"commits": (), "patches": ()}
    report = replace(
        report, proposal=replace(report.proposal, steps=steps(**made), **commits)
    )
    report = replace(report, request=request_) if request_ is not None else report
    first, use, watch = plain(report)[-3:]
    assert first.endswith(contribute)
    if report.request == SourceRequest(nixpkgs="specimen"):
        assert use.endswith("unlet overlay --nixpkgs '<nixpkgs>'")
        assert watch.endswith("unlet track")
    elif "demote" not in made and made:
        assert use.endswith("nixpkgs.overlays = [ (import ./proposal/overlay) ];")


@pytest.mark.parametrize(
    ("proofs", "code"),
    [
        ((PASSED, NOT_RUN), 0),
        ((PASSED, replace(NOT_RUN, asked=True)), 3),
        ((replace(PASSED, asked=True),), 0),
        ((FAILED, replace(NOT_RUN, asked=True)), 1),
    ],
)
def test_requested_proof_that_did_not_run_is_no_success(
    proofs: tuple[Proof, ...], code: int
) -> None:
    assert exit_code(_report(*proofs)) == code


@pytest.mark.parametrize("color", ["1", ""])
def test_nothing_of_a_report_acts_on_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], color: str
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", color)
    hostile = "\x1b]0;title\x07\x9b2J\r\u202egnp.exe"
    proof = replace(FAILED, covers=hostile, reason=hostile, evidence=(hostile + ".",))
    hostile_one = replace(_report(proof), warnings=(hostile,))
    show(hostile_one, settings=GlobalOptions(), out=OUT)
    drawn = capsys.readouterr().out
    assert ("\x1b[1;31mfailed" in drawn) is bool(color)
    printed = re.sub(r"\x1b\[[0-9;]*m", "", drawn)
    assert printed.count(r"\u202egnp.exe") >= 2
    assert re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", printed) is None


@pytest.mark.parametrize("name", ["a/b-c.d", "/a/b", "a b", '/a ${x} "q" \\', "ä"])
def test_overlay_path_is_the_nix_expression_of_the_directory(
    tmp_path: Path, name: str
) -> None:
    expression = f"toString {nix_path(Path(name))}"
    said = subprocess.run(
        [
            "nix-instantiate",
            "--store",
            "dummy://",
            "--eval",
            "--strict",
            "--json",
            "-E",
            expression,
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert json.loads(said.stdout) == str(tmp_path / name)
