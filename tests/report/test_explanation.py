from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest
from msgspec.structs import replace

from toolkit import __version__
from toolkit.contribution import ExplainedCommit, ExplainedHunk, Explanation, Reason
from toolkit.model import Oid, Proof, Status
from toolkit.report import explanation
from toolkit.report.explanation import EXCERPT, SCHEMA, WIDTH, Tone

HUNK = ExplainedHunk(
    path=PurePosixPath("pkgs/docker/default.nix"),
    header="@@ -1,3 +1,3 @@ let",
    lines=("   let", "-    old", "+    new", "+", "     same"),
    reasons=(Reason(text="moby: only moved", proofs=("no-rebuild", "builds")),),
)
UNKNOWN = Reason(text="lines new 3: no reason known, unlet did not make this change", proofs=())


def proof(name: str, status: Status = Status.PASSED, reason: str | None = None) -> Proof:
    return Proof(name=name, claim="it holds", status=status, covers="all of it", reason=reason)


def explained(*hunks: ExplainedHunk, proofs: tuple[Proof, ...] = ()) -> Explanation:
    return Explanation(
        clone=Path("/clone"),
        branch="topic",
        commits=(ExplainedCommit(subject="docker: lift", hunks=hunks, oid=Oid("4" * 40)),),
        proofs={each.name: each for each in proofs},
    )


def told(*hunks: ExplainedHunk, proofs: tuple[Proof, ...] = ()) -> list[str]:
    return [line.text for line in explanation.lines(explained(*hunks, proofs=proofs))]


def tones(*hunks: ExplainedHunk, proofs: tuple[Proof, ...] = ()) -> list[Tone]:
    return [line.tone for line in explanation.lines(explained(*hunks, proofs=proofs))]


def test_hunk_is_told_with_its_lines_its_reason_and_what_covers_it() -> None:
    assert told(HUNK, proofs=(proof("no-rebuild"), proof("builds"))) == [
        "444444444444  docker: lift",
        "  pkgs/docker/default.nix @@ -1,3 +1,3 @@ let",
        "    - old",
        "    + new",
        "    moby: only moved",
        "      covered by no-rebuild (passed), builds (passed)",
    ]


def test_commit_of_no_repository_is_told_by_its_subject() -> None:
    told_of = explained(HUNK)
    (commit,) = told_of.commits
    lines = explanation.lines(replace(told_of, commits=(replace(commit, oid=None),)))
    assert next(lines).text == "docker: lift"


@pytest.mark.parametrize(
    ("proofs", "said", "tone"),
    [
        ((), "no-rebuild (not run), builds (not run)", Tone.NOT_RUN),
        ((proof("no-rebuild"),), "no-rebuild (passed), builds (not run)", Tone.NOT_RUN),
        ((proof("no-rebuild"), proof("builds")), "no-rebuild (passed), builds (passed)", Tone.PASSED),
        (
            (proof("no-rebuild"), proof("builds", Status.NOT_RUN, "because Nix\nis busy")),
            "no-rebuild (passed), builds (not run, because Nix is busy)",
            Tone.NOT_RUN,
        ),
        (
            (proof("no-rebuild", Status.FAILED, "moby differs"), proof("builds", Status.NOT_RUN)),
            "no-rebuild (failed: moby differs), builds (not run)",
            Tone.FAILED,
        ),
    ],
)
def test_each_proof_is_told_with_its_status(proofs: tuple[Proof, ...], said: str, tone: Tone) -> None:
    assert told(HUNK, proofs=proofs)[-1] == f"      covered by {said}"
    assert tones(HUNK, proofs=proofs)[-1] is tone


def test_lines_have_the_tone_of_what_they_are() -> None:
    mixed = replace(HUNK, reasons=(*HUNK.reasons, UNKNOWN))
    assert tones(mixed, proofs=(proof("no-rebuild"), proof("builds"))) == [
        Tone.COMMIT,
        Tone.PLACE,
        Tone.REMOVED,
        Tone.ADDED,
        Tone.REASON,
        Tone.PASSED,
        Tone.UNKNOWN,
        Tone.UNKNOWN,
    ]


def test_hunk_of_somebody_else_is_told_to_be_one() -> None:
    foreign = replace(HUNK, reasons=())
    assert told(foreign)[-2:] == [
        "    no reason known: unlet did not make this change",
        "1 hunk has lines without a known reason",
    ]
    assert told(foreign, HUNK, foreign)[-1] == "2 hunks have lines without a known reason"


def test_nothing_is_said_of_unknown_hunks_where_there_are_none() -> None:
    assert not any("no reason" in line for line in told(HUNK))


@pytest.mark.parametrize(
    ("count", "more"), [(EXCERPT, None), (EXCERPT + 1, "      … 1 more line"), (EXCERPT + 9, "      … 9 more lines")]
)
def test_long_hunk_is_told_by_its_first_changes(count: int, more: str | None) -> None:
    long = replace(HUNK, lines=("   let", *(f"+      line {number}" for number in range(count)), " in"))
    lines = told(long)
    assert [line for line in lines if line.startswith("    + line")] == [f"    + line {n}" for n in range(EXCERPT)]
    assert [line for line in lines if "more line" in line] == ([more] if more is not None else [])


def test_excerpt_keeps_the_indentation_of_its_lines_to_one_another() -> None:
    nested = replace(HUNK, lines=("+      {", "-        old", "+        inner", "+      }"))
    assert told(nested)[2:6] == ["    + {", "    -   old", "    +   inner", "    + }"]


def test_no_line_is_too_long() -> None:
    wide = ExplainedHunk(
        path=PurePosixPath("pkgs") / "docker",
        header="@@ -1,3 +1,3 @@ " + "section " * 20,
        lines=("+" + "x" * 300,),
        reasons=(
            Reason(text="because of this " * 20, proofs=tuple(f"proof-{number}" for number in range(20))),
            UNKNOWN,
        ),
    )
    reasons = tuple(proof(f"proof-{number}", Status.NOT_RUN, "because " + "of it " * 30) for number in range(20))
    lines = told(wide, proofs=reasons)
    assert max(map(len, lines)) <= WIDTH
    assert any(line.endswith("…") for line in lines)
    assert all(f"proof-{number} (not run" in " ".join(" ".join(lines).split()) for number in range(20))


def test_document_says_what_is_known_and_by_which_proofs() -> None:
    mixed = replace(HUNK, reasons=(*HUNK.reasons, UNKNOWN))
    value = json.loads(
        explanation.to_json(
            explained(HUNK, mixed, replace(HUNK, reasons=()), proofs=(proof("builds", Status.FAILED, "no moby"),))
        )
    )
    assert (value["schema"], value["unlet"], value["clone"], value["branch"]) == (
        SCHEMA,
        __version__,
        "/clone",
        "topic",
    )
    (commit,) = value["commits"]
    assert (commit["commit"], commit["subject"], value["unknown"]) == ("4" * 40, "docker: lift", 2)
    assert [hunk["known"] for hunk in commit["hunks"]] == [True, False, False]
    first = commit["hunks"][0]
    assert (first["path"], first["header"], tuple(first["lines"])) == (str(HUNK.path), HUNK.header, HUNK.lines)
    assert first["reasons"] == [
        {
            "text": "moby: only moved",
            "proofs": [
                {"name": "no-rebuild", "status": "not run", "reason": None},
                {"name": "builds", "status": "failed", "reason": "no moby"},
            ],
        }
    ]
    assert commit["hunks"][1]["reasons"][1]["proofs"] == []


def test_document_has_sorted_keys_and_ends_with_a_line_feed() -> None:
    content = explanation.to_json(explained(HUNK))
    assert content.endswith(b"}\n")
    assert list(json.loads(content)) == sorted(json.loads(content))


def test_same_counts_for_people_and_for_programs() -> None:
    both = explained(HUNK, replace(HUNK, reasons=()), replace(HUNK, reasons=(UNKNOWN,)))
    assert explanation.unknown(both) == 2
    assert json.loads(explanation.to_json(both))["unknown"] == 2
    assert [explanation.is_known(hunk) for hunk in both.commits[0].hunks] == [True, False, False]
