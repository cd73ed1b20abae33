import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import specimens
from tests.asking import docker, propose
from tests.clones import commit_all
from tests.progress import Steps
from toolkit import specimen
from toolkit.cache import VARIABLE
from toolkit.docker import TARGET
from toolkit.docker.steps import Demotion
from toolkit.model import Report, SourceRequest
from toolkit.proposal.checking import check
from toolkit.proposal.requests import CheckRequest


def statuses(report: Report) -> dict[str, str]:
    return {proof.name: str(proof.status) for proof in report.proofs}


def rewrite_report(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads((directory / "report.json").read_text())
    change(document)
    (directory / "report.json").write_text(json.dumps(document))


class TestProposal:
    @pytest.fixture
    def proposal(self, proposals: Callable[..., tuple[Path, Report]], tmp_path: Path) -> Path:
        """Return a copy of a proposal, which a test may spoil."""
        return shutil.copytree(proposals()[0], tmp_path / "proposal")

    @staticmethod
    def check(directory: Path, *names: str) -> Report:
        return check(CheckRequest(target="docker", directory=directory, proofs=names), progress=Steps())

    @pytest.mark.parametrize(
        ("layout", "demotion"), [("24.0", Demotion.SUFFIX), ("29.6", Demotion.SUFFIX), ("29.6", Demotion.DROP)]
    )
    def test_proposal_is_proven_again_as_it_was(
        self, proposals: Callable[..., tuple[Path, Report]], layout: str, demotion: Demotion
    ) -> None:
        out, first = proposals(layout, demotion=demotion)
        again = self.check(out)
        assert statuses(again) == statuses(first)
        assert [(proof.covers, proof.evidence) for proof in again.proofs if proof.name != "parse"] == [
            (proof.covers, proof.evidence) for proof in first.proofs if proof.name != "parse"
        ]
        assert again.warnings == ()
        assert again.proposal.steps == first.proposal.steps

    def test_claims_of_the_report_are_not_believed(self, proposal: Path) -> None:
        def change(document: dict[str, Any]) -> None:
            document["result"] = "passed"
            document["steps"][1]["design"] = "drop"
            for proof in document["proofs"]:
                proof["status"] = "passed"

        rewrite_report(proposal, change)
        assert {proof.name for proof in self.check(proposal).failed} == {"exact-change", "builds"}


class TestSourceAgain:
    def test_remote_is_not_asked_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Callable[[str, str], None]
    ) -> None:
        tree = commit_all(shutil.copytree(specimen.path(), tmp_path / "nixpkgs"))
        source = SourceRequest(nixpkgs=tree.as_uri())
        propose(docker(source=source, out=tmp_path / "out"), progress=Steps())
        monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
        install("git", f'echo "$*" >>"{tmp_path}/log"; exec "$real" "$@"')
        report = check(CheckRequest(target="docker", directory=tmp_path / "out", proofs=("applies",)), progress=Steps())
        assert (report.failed, len(report.warnings)) == ((), 1)
        said = (tmp_path / "log").read_text()
        assert " am " in said
        assert " fetch " not in said
        assert "ls-remote" not in said

    def test_relative_file_is_not_mistaken_in_another_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, text in (("here", (specimens.path("24.0") / TARGET).read_text()), ("there", "{ }\n")):
            (tmp_path / name).mkdir()
            (tmp_path / name / "docker.nix").write_text(text)
        monkeypatch.chdir(tmp_path / "here")
        request = docker(source=SourceRequest(file=Path("docker.nix")), out=Path("out"))
        propose(request, progress=Steps())
        monkeypatch.chdir(tmp_path / "there")
        report = check(CheckRequest(target="docker", directory=tmp_path / "here" / "out"), progress=Steps())
        assert report.failed == ()
        assert report.proposal.source.content == (tmp_path / "here" / "docker.nix").read_bytes()
