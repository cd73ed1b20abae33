"""The boxes of nixpkgs' template: which of them a proof ticks, and how people come to tick the others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.report.pull_request.draft import DraftFacts

_BOX = re.compile(r"^ *- \[ \] (.+)$", re.MULTILINE)


def boxes(facts: DraftFacts) -> bytes:
    """Return boxes.md: a line for each box of the template.

    The proofs on stand-in packages build nothing real, hence tick none.
    """
    lines = [
        "# The boxes of the template",
        "",
        "A box with `[x]` is backed by a proof. Tick the others once you have done what they ask for.",
        "",
    ]
    for each in facts.texts.earlier:
        if each.open:
            lines += [
                f"Before you open this one: #{each.number} had the same goal and was open. Comment there first.",
                "",
            ]
    for text in _BOX.findall(facts.template.decode(errors="replace")):
        box = next((box for box in facts.texts.box if box.match in text), None)
        proof = facts.passed(box.proof) if box is not None and box.proof else None
        if proof is not None and box is not None and (not box.needs or box.needs in facts.extras):
            lines.append(f"- [x] {text}\n  Proof `{proof.name}` in report.json passed.")
        else:
            lines.append(f"- [ ] {text}\n  {box.todo if box is not None else 'Yours to decide.'}")
    return ("\n".join(lines) + "\n").encode(errors="backslashreplace")
