from __future__ import annotations

from toolkit.report.markdown import fence


def test_code_block_cannot_be_ended_by_its_content() -> None:
    assert fence(("```", "x")) == "````\n```\nx\n````"
