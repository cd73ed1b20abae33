from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.report.markdown import fence, to_markdown

if TYPE_CHECKING:
    from toolkit.model import Report


def test_every_proof_is_told_with_status_reason_evidence_and_command(report: Report) -> None:
    text = to_markdown(report).decode()
    assert "**Failed**: 3 proofs, 1 passed, 1 failed, 1 not run." in text
    assert "| passed | no-rebuild | 12 derivations \\| 4 systems | 0.12 |" in text
    assert "| **failed** | builds |" in text
    assert "Failed: the suffix is empty" in text
    assert "Not run, because nixfmt is not installed" in text
    assert "nix-instantiate --eval a.nix" in text


def test_source_tools_warnings_and_files_are_told(report: Report) -> None:
    text = to_markdown(report).decode()
    for part in (
        f"| commit | `{'4' * 40}` |",
        "| nix | 2.26.3 |",
        "> **Warning:** a warning",
        "`overlay/default.nix`",
    ):
        assert part in text


def test_code_block_cannot_be_ended_by_its_content() -> None:
    assert fence(("```", "x")) == "````\n```\nx\n````"
