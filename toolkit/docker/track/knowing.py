"""Readings of versions: from the memory, by the syntax, and by Nix where that is present."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from toolkit.docker.track import evaluating, meaning
from toolkit.docker.track.report.document import Overridable, Reading
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from toolkit.docker.plan import Plan
    from toolkit.docker.track.memory import Memory


class Knowledge:
    """What versions mean, by blob. `warnings` says why Nix was not asked."""

    def __init__(self, plan: Plan, memory: Memory) -> None:
        self.warnings: list[str] = []
        self._plan = plan
        self._memory = memory

    def by_syntax(self, blob: str, content: bytes | None = None) -> Reading | None:
        """Return what the syntax says of a version, None for one that is not known and has no content here."""
        known = self._memory.readings.get(blob)
        if known is None and content is not None:
            known = meaning.read(content, self._plan, name=self._plan.target.name)
            self._memory.readings[blob] = known
        return known

    def read(self, contents: Mapping[str, bytes]) -> dict[str, Reading]:
        """Return what versions mean, by their blobs: Nix decides where it can, and is asked once for all."""
        readings = {blob: self.by_syntax(blob, content) for blob, content in contents.items()}
        found = {blob: reading for blob, reading in readings.items() if reading is not None}
        return self.decided(found, contents)

    def decided(self, readings: Mapping[str, Reading], contents: Mapping[str, bytes]) -> dict[str, Reading]:
        """Return the readings in which what Nix says takes the place of what the syntax does."""
        asked = {blob: contents[blob] for blob, reading in readings.items() if _is_for_nix(reading)}
        missing = {blob: content for blob, content in asked.items() if blob not in self._memory.evaluated}
        failures: dict[str, str] = {}
        if missing:
            failures = self._evaluate(missing)
        decided: dict[str, Reading] = {}
        for blob, reading in readings.items():
            found = self._memory.evaluated.get(blob) if blob in asked else None
            if found is not None:
                decided[blob] = meaning.with_answers(
                    reading, works=found.works, place=found.place, by=evaluating.EVALUATION
                )
            elif blob in failures:
                why = f"Nix could not decide: {failures[blob]}"
                decided[blob] = replace(reading, reason=f"{reading.reason}; {why}" if reading.reason else why)
            else:
                decided[blob] = reading
        return decided

    def claims(self, readings: Iterable[tuple[str, Reading]]) -> list[str]:
        """Return the blobs of readings that are good news by their syntax alone, which is worth an evaluation."""
        good = {Overridable.YES, Overridable.PARTLY, Overridable.UNKNOWN}
        return [blob for blob, reading in readings if _is_for_nix(reading) and reading.overridable in good]

    def _evaluate(self, contents: Mapping[str, bytes]) -> dict[str, str]:
        """Ask Nix, keep what it says, and return why it could say nothing of some."""
        if not evaluating.is_possible():
            return {}
        try:
            found = evaluating.evaluate(contents, self._plan)
        except ToolkitError as error:
            self.warnings.append(f"the syntax decides, since Nix cannot: {error.message}")
            return {}
        self._memory.evaluated |= {blob: answer for blob, answer in found.items() if answer.failure is None}
        return {blob: answer.failure for blob, answer in found.items() if answer.failure is not None}


def _is_for_nix(reading: Reading) -> bool:
    return reading.layout is not None and reading.overridable is not Overridable.NOT_APPLICABLE
