"""The progress of a whole run, and what each proof covers, for a package."""

import itertools
import re
from pathlib import Path

import pytest

from tests.clones import commit_all, git
from tests.progress import Steps
from tests.proposal.nixpkgs import NOTES, Nixpkgs, run
from toolkit import specimen
from toolkit.cache import VARIABLE
from toolkit.errors import only
from toolkit.model import Depth, Report, Silence, SourceRequest, Status
from toolkit.nix import program
from toolkit.proposal.checking import check
from toolkit.proposal.proposing import propose
from toolkit.proposal.requests import CheckRequest, Request
from toolkit.sources.changes import ChangeRequest

PROVING = [
    f"proving {name}"
    for name in [
        *(
            "applies",
            "capture-safe",
            "follows",
            "format",
            "lint",
            "meta",
            "no-rebuild",
            "overlay",
            "overridable",
        ),
        *("overrides", "parse", "passthru", "readers"),
    ]
]
READING = f"reading {specimen.path()}"
COPYING = [
    READING,
    f"copying {specimen.path()}; for a whole nixpkgs this takes a minute, but only once",
]
NATIVE = "x86_64-linux, aarch64-linux, aarch64-darwin"
ALL = f"{NATIVE}, x86_64-linux → aarch64-linux"
JUDGED = f"notes-server on {NATIVE}, cross"
REACHES = (
    (
        "overrideAttrs of passthru.web-ui now reaches the derivation; a new "
        "passthru must contain it, too"
    ),
    "overrideAttrs with another src now reaches installPhase",
    "overrideAttrs with a version now reaches installPhase, src, web-ui.version",
)
COVERS = {
    "parse": "2 files",
    "no-rebuild": JUDGED,
    "overridable": f"notes-server, web-ui on {ALL}",
    "passthru": JUDGED,
    "meta": JUDGED,
    "overrides": JUDGED,
    "readers": "no package in pkgs uses or overrides it",
}
ARRIVES = "web-ui: a replacement of passthru.web-ui arrives in the build"
EVIDENCE = {
    "overridable": (
        "by overrideAttrs of passthru.web-ui (before: none)",
        f"{ARRIVES}, and did not before (x86_64-linux, aarch64-linux)",
        f"{ARRIVES} (aarch64-darwin, x86_64-linux → aarch64-linux)",
    ),
    "passthru": (f"notes-server: web-ui is new ({NATIVE}, cross)",),
    "overrides": tuple(f"notes-server: {each} (x86_64-linux)" for each in REACHES),
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test begin with a cache that has no trees."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))


def told(progress: Steps) -> list[str]:
    """Return the steps.

    Proofs that follow one another are in alphabetical order, as some run side by side.
    """
    parts = itertools.groupby(progress.steps, lambda step: step.startswith("proving "))
    return [
        step
        for is_proof, part in parts
        for step in (sorted(part) if is_proof else part)
    ]


def test_a_proposal_says_what_it_does_and_each_proof_what_it_looked_at(
    tmp_path: Path,
) -> None:
    progress = Steps()
    report = run(tmp_path / "out", "notes-server", progress=progress, depth=Depth())
    assert told(progress) == [
        "reading nixpkgs",
        "rewriting",
        *COPYING,
        "evaluating notes-server",
        *PROVING,
    ]
    proofs = {
        proof.name: proof
        for proof in report.proofs
        if proof.status is not Status.NOT_RUN
    }
    assert {name: proof.covers for name, proof in proofs.items()} == {
        **COVERS,
        "applies": "1 patch, 17 lines added, 20 removed",
        "follows": f"notes-server, web-ui on {ALL}",
        "capture-safe": "8 names, of which 3 are new",
        "overlay": "notes-server on x86_64-linux",
    }
    assert {name: proofs[name].evidence for name in EVIDENCE} == EVIDENCE
    assert proofs["follows"].evidence == (
        "passthru.web-ui: changes when src changes",
        "passthru.web-ui: changes when version changes",
    )
    assert [line.split(": ")[0] for line in proofs["no-rebuild"].evidence] == [
        f"notes-server on {system}" for system in ("x86_64-linux", "aarch64-linux")
    ]
    assert len(proofs["overridable"].commands) == len(ALL.split(", "))
    (overlay,) = proofs["overlay"].commands
    assert f" --argstr overlay {tmp_path / 'out/overlay'} " in overlay
    assert report.tools == {"nix": str(program.version())}
    mail = "series/0001-notes-server-let-overrides-of-src-and-version-reach-.patch"
    overlay_files = ["overlay/default.nix", "overlay/notes-server/package.nix"]
    assert [*report.files] == [
        *overlay_files,
        "pull-request.md",
        "report.json",
        "report.md",
        mail,
        "upstream.diff",
    ]
    assert {
        str(path.relative_to(tmp_path / "out"))
        for path in (tmp_path / "out").rglob("*.*")
    } == {*report.files}
    assert report.warnings == ()


def test_a_check_says_what_it_does_and_each_proof_what_it_looked_at(
    tmp_path: Path,
) -> None:
    run(tmp_path / "out", "notes-server")
    progress = Steps()
    check(CheckRequest(target="", directory=tmp_path / "out"), progress=progress)
    assert told(progress) == ["reading the proposal", READING, *PROVING]
    change = ChangeRequest(
        source=SourceRequest(nixpkgs="specimen"), patch=tmp_path / "out/upstream.diff"
    )
    progress = Steps()
    report = check(
        CheckRequest(target="notes-server", change=change), progress=progress
    )
    chosen = ["preparing the changed tree for notes-server", "evaluating notes-server"]
    own = {"capture-safe", "follows", "overlay"}
    proving = [step for step in PROVING if step.removeprefix("proving ") not in own]
    assert told(progress) == [
        "reading the change",
        READING,
        "reading the change",
        *chosen,
        *proving,
    ]
    proofs = {
        proof.name: proof
        for proof in report.proofs
        if proof.status is not Status.NOT_RUN
    }
    applies = {"applies": "package.nix, 17 lines added, 20 removed"}
    assert {name: proof.covers for name, proof in proofs.items()} == {
        **COVERS,
        **applies,
    }
    assert {name: proofs[name].evidence for name in EVIDENCE} == EVIDENCE
    assert [*proofs["no-rebuild"].commands] == [
        (
            f"unlet check --patch {tmp_path / 'out/upstream.diff'} --nixpkgs specimen "
            "--expect same"
        )
    ]
    (commit,) = report.proposal.commits
    assert (commit.subject, report.proposal.package, str(report.proposal.target)) == (
        *("upstream.diff", "notes-server", str(NOTES)),
    )
    assert (report.proposal.bindings, report.proposal.steps) == (("web-ui",), ())
    assert (report.warnings, {proof.asked for proof in report.proofs}) == ((), {False})


def test_the_nixpkgs_of_several_packages_is_read_once(tmp_path: Path) -> None:
    progress = Steps()
    source = SourceRequest(nixpkgs="specimen")
    bindings = {"notes-server": (), "status-board": ("checker", "theme")}
    requests = [
        Request(target=name, source=source, out=tmp_path / "out", bindings=those)
        for name, those in bindings.items()
    ]
    attempts = list(propose(requests, progress=progress))
    assert [(attempt.target, attempt.out) for attempt in attempts] == [
        (name, tmp_path / "out" / name) for name in ("notes-server", "status-board")
    ]
    (passthru,) = (
        proof for proof in only(attempts[1].result).proofs if proof.name == "passthru"
    )
    assert passthru.evidence[0] == f"status-board: checker is new ({NATIVE})"
    assert passthru.evidence[1].startswith("status-board: path is new: /nix/store/")
    first, second = (["rewriting", f"evaluating {name}"] for name in bindings)
    assert told(progress) == [
        "reading nixpkgs",
        first[0],
        *COPYING,
        first[1],
        *PROVING,
        *second,
        *PROVING,
    ]


def test_commands_of_the_report_are_good_on_any_machine(
    nixpkgs: Nixpkgs, tmp_path: Path
) -> None:
    commit = git(commit_all(nixpkgs.root), "rev-parse", "HEAD")
    request = SourceRequest(nixpkgs=str(nixpkgs.root), rev="HEAD")
    (attempt,) = propose(
        [Request(target="notes-server", source=request, out=nixpkgs.out)],
        progress=Silence(),
    )
    assert isinstance(attempt.result, Report)
    text = (nixpkgs.out / "report.md").read_text()
    asked = text[: text.index("## Files")]
    commands = "".join(
        re.findall(r"^```sh\n(.*?)^```$", asked, re.MULTILINE | re.DOTALL)
    )
    assert (str(tmp_path) in commands, "/nix/sealed" in commands) == (False, False)
    command = f'unlet check . --proof overridable --nixpkgs "$NIXPKGS" --rev {commit}'
    assert f"```sh\n{command}\n```" in asked
