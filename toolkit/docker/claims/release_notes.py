"""The claim about the release notes: the notable changes get one item, and all other lines and anchors stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.docker import plan as plans
from toolkit.docker.choices import Extra
from toolkit.docker.claims import in_tree
from toolkit.docker.extras import RELEASE_NOTES
from toolkit.docker.rewrite import release_note
from toolkit.prove import Finding

if TYPE_CHECKING:
    from toolkit.docker.claims.case import DockerCase
    from toolkit.model import TreeCommit


def adds_item(case: DockerCase, commit: TreeCommit) -> Finding:
    """Compare the sections' items, every other line, and the anchors, before and after."""
    notes = [one for one in commit.files if one.path.parent == RELEASE_NOTES]
    if len(notes) != 1 or notes[0].before is None:
        return Finding(covers="nothing", failures=(f"the commit changes {len(notes)} files of release notes",))
    change, name = notes[0], str(notes[0].path)
    before, after = notes[0].before.decode("utf-8", "replace"), notes[0].after.decode("utf-8", "replace")
    old, new = (release_note.section(text, name=name) for text in (before, after))
    left, right = before.split("\n"), after.split("\n")
    failures = [*in_tree.only(commit, change.path)]
    added = _added(left, right)
    item = "\n".join(right[added[0] : added[1]]).strip()
    begins = [index for index in new.items if added[0] <= index < added[1]]
    gave_way = release_note.is_placeholder(left, old)
    if added[0] < new.start or added[1] > new.end:
        failures.append(f"{name}:{added[0] + 1}: is not in the section of notable changes")
    elif len(begins) != 1:
        failures.append(f"{name}:{added[0] + 1}: {len(begins)} items are added instead of one")
    elif len(new.items) != len(old.items) + (0 if gave_way else 1):
        failures.append(f"{name}: the section has {len(new.items)} items, and had {len(old.items)}")
    if _without(right, added) != (_without(left, (old.items[0], old.items[0] + 1)) if gave_way else left):
        failures.append(f"{name}: other lines change as well")
    if release_note.anchors(after) != release_note.anchors(before):
        failures.append(f"{name}: the anchors change")
    if repeated := sorted({one for one in release_note.anchors(after) if release_note.anchors(after).count(one) > 1}):
        failures.append(f"{name}: the anchor '{repeated[0]}' is there twice")
    option = plans.plan().module.option
    if option in item and Extra.NIXOS_MODULE not in {one.extra for one in case.extras}:
        failures.append(f"{name}:{added[0] + 1}: mentions the option {option}, which no commit adds")
    return Finding(
        covers=f"{change.path.name}, {len(right)} lines, notable changes: {len(new.items)}",
        failures=tuple(failures),
        evidence=(f"line {added[0] + 1}, {len(item)} characters",),
        commands=(f"git diff --no-index --stat A/{name} B/{name}",),
    )


def _added(left: list[str], right: list[str]) -> tuple[int, int]:
    """Return the lines of `right` between what both begin with and what both end with."""
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    end = len(right)
    while end > start and len(left) - (len(right) - end) > start and left[end - len(right) - 1] == right[end - 1]:
        end -= 1
    return start, end


def _without(lines: list[str], span: tuple[int, int]) -> list[str]:
    return [*lines[: span[0]], *lines[span[1] :]]
