"""The boxes of upstream's template. The proofs on stand-in packages build nothing real, hence tick none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.report.pull_request.facts import Facts
    from toolkit.report.pull_request.texts import Box


def section(facts: Facts) -> Iterator[str]:
    """Yield the boxes, with a comment below each: the proof that ticked it, or how to come to tick it."""
    for box in facts.texts.boxes:
        if box.heading is not None:
            yield f"- {box.heading}"
        indent = "  " * box.level
        ticked = is_ticked(box, facts)
        yield f"{indent}- [{'x' if ticked else ' '}] {box.text}"
        # A block of HTML, which may hold `--`; within a line it may not.
        yield f"{indent}  <!-- {f'proof {box.proof}, in report.json' if ticked else box.todo} -->"


def is_ticked(box: Box, facts: Facts) -> bool:
    """Tell whether a proof that passed, of a series with all that it takes, shows what the box says."""
    has_commit = box.extra is None or any(commit.extra == box.extra for commit in facts.extras)
    return box.proof is not None and has_commit and facts.passed(box.proof) is not None
