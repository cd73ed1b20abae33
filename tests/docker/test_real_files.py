"""Real docker files of nixpkgs, from the folder that UNLET_CORPUS names; none is shipped with this project."""

import os
import re
from pathlib import Path

import pytest

from tests.asking import docker, propose
from tests.progress import Steps
from toolkit.docker import builder
from toolkit.docker.rewrite.layout import docker_file
from toolkit.docker.steps import DESIGNS
from toolkit.errors import LayoutError
from toolkit.lift.plan import Design
from toolkit.model import Report, SourceRequest, Status

CORPUS = os.environ.get("UNLET_CORPUS")
FILES = sorted(Path(CORPUS).glob("*.nix")) if CORPUS else []

pytestmark = pytest.mark.skipif(CORPUS is None, reason="UNLET_CORPUS is not set: no real upstream files to try")


def test_corpus_is_not_empty() -> None:
    assert FILES


def report_or_refusal(path: Path, strategy: Design, out: Path) -> Report | str:
    """Propose, and return the report, or what the file is called that there is nothing to propose for."""
    try:
        return propose(docker(source=SourceRequest(file=path), strategy=strategy, out=out), progress=Steps())
    except LayoutError as error:
        return error.message


def _takes_function(path: Path) -> bool:
    return builder.builder(docker_file(path.read_bytes(), name=path.name)).takes_function


@pytest.mark.parametrize("strategy", DESIGNS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_real_file_is_proposed_and_proven_or_named(tmp_path: Path, path: Path, strategy: Design) -> None:
    out = tmp_path / "out"
    report = report_or_refusal(path, strategy, out)
    if isinstance(report, str):
        assert re.fullmatch(r".*\b(older than|no dockerd-rootless|fixed|unknown layout)\b.*", report)
        assert list(tmp_path.iterdir()) == []
        return
    if strategy is Design.MOVE and not _takes_function(path):
        assert {"no-rebuild", "overridable"} <= {proof.name for proof in report.failed}
        return
    assert report.failed == (), [proof.reason for proof in report.failed]
    # A lone file does not bring along the patches that most real files refer to.
    not_run = {proof.name for proof in report.proofs if proof.status is Status.NOT_RUN}
    assert not_run <= {"format", "overlay"}
    assert {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} == set(report.files)
