"""A file with four releases: how often Nix is asked about them."""

import json
import shlex
from collections import Counter
from pathlib import Path

from tests import specimens
from tests.dockers import docker, propose
from tests.progress import Steps
from toolkit import process
from toolkit.docker import TARGET
from toolkit.model import SourceRequest, Status

EVALUATIONS = 8
"""About packages of two trees: one for each question, and not one for each release."""


def questions_of(line: str) -> list[str]:
    """Return the questions of a command about packages of two trees, in JSON."""
    words = shlex.split(line)
    if not any(word.endswith("/lifted.nix") for word in words):
        return []
    given = {
        name: value
        for option, name, value in zip(words, words[1:], words[2:], strict=False)
        if option == "--argstr"
    }
    trees = [given[name] for name in ("before", "after", "system")]
    asked = json.loads(given["questions"])
    return [json.dumps([*trees, {**each, "number": 0}]) for each in asked]


def test_four_releases_share_their_evaluations(tmp_path: Path) -> None:
    lines: list[str] = []
    file = specimens.path(specimens.FOUR_RELEASES) / TARGET
    request = docker(
        strategy="hidden", source=SourceRequest(file=file), out=tmp_path / "out"
    )
    with process.echoing(lines.append):
        report = propose(request, progress=Steps())
    failed = [proof for proof in report.proofs if proof.status is Status.FAILED]
    assert not failed
    (compared,) = (
        proof.covers for proof in report.proofs if proof.name == "exact-change"
    )
    assert compared.startswith("60 docker packages, ")
    evaluations = [questions for line in lines if (questions := questions_of(line))]
    counts = Counter(question for asked in evaluations for question in asked)
    assert [question for question, count in counts.items() if count > 1] == []
    assert len(evaluations) == EVALUATIONS
