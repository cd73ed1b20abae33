from msgspec.structs import replace

from tests.report.conftest import report
from toolkit.docker.overlay import overlay_files
from toolkit.model import Report

__all__ = ["report"]


def test_origin_of_several_lines_stays_in_the_comment(report: Report) -> None:
    source = replace(report.proposal.source, commit=None, origin="a\nb }; evil")
    text = overlay_files(replace(report.proposal, source=source), releases=("docker_29",), siblings={})[
        "default.nix"
    ].content.decode()
    assert "# Made for nixpkgs as in a b }; evil.\n" in text
