"""What versions of the file mean: from the memory, by the syntax, and by Nix if that is present."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit import confined, process
from toolkit.docker import evaluating, meaning
from toolkit.docker.readings import EVALUATION, Overridable, Reading
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from toolkit.docker.meaning import Parsed
    from toolkit.docker.track.memory import Memory


class Knowledge:
    """Readings by blob, each made once. `warnings` says why Nix was not asked."""

    def __init__(self, memory: Memory) -> None:
        self.warnings: list[str] = []
        self._memory = memory
        self._can_evaluate = process.find("nix-instantiate") is not None

    def known(self, blob: str, *, past: bool = False) -> Reading | None:
        """Return what is known of a version, None if it has to be read.

        Of the `past` the syntax may decide that something was not fixed, which Nix could only repeat.
        """
        reading = self._memory.known.readings.get(blob)
        if reading is None or not self._can_evaluate or not _is_for_nix(reading):
            return reading
        if self._memory.is_silent(blob):
            return meaning.undecided(reading, evaluating.TOO_LARGE_FOR_NIX)
        is_old_news = past and reading.overridable is Overridable.NO
        return reading if is_old_news or reading.overridable_by == EVALUATION else None

    def read(self, contents: Mapping[str, bytes], *, past: bool = False) -> dict[str, Reading]:
        """Return what versions mean, by their blobs."""
        found = {blob: reading for blob in contents if (reading := self.known(blob, past=past)) is not None}
        new = {blob: content for blob, content in contents.items() if blob not in found}
        asked: dict[str, Parsed] = {}
        for blob, parsed in zip(new, confined.each(meaning.read, list(new.values())), strict=True):
            found[blob] = parsed.reading if parsed is not None else meaning.unknown(evaluating.TOO_LARGE)
            if parsed is not None and parsed.is_for_nix and not (past and parsed.closed):
                asked[blob] = parsed
        self._memory.known.readings.update({blob: found[blob] for blob in new})
        if asked and self._can_evaluate:
            found |= self._evaluate({blob: (new[blob], parsed) for blob, parsed in asked.items()})
        return found

    def _evaluate(self, versions: Mapping[str, tuple[bytes, Parsed]]) -> dict[str, Reading]:
        """Ask Nix, and keep what it says."""
        try:
            answers = evaluating.evaluate(list(versions.values()))
        except ToolkitError as error:
            self.warnings.append(f"the syntax decides, since Nix cannot: {error.message}")
            return {}
        found: dict[str, Reading] = {}
        for (blob, (_, parsed)), answer in zip(versions.items(), answers, strict=True):
            found[blob] = evaluating.reading_of(parsed, answer)
            if isinstance(answer, Reading):
                self._memory.known.readings[blob] = answer
            else:
                self._memory.heard(blob, silent=answer.lasting)
        return found


def _is_for_nix(reading: Reading) -> bool:
    return reading.layout is not None and reading.overridable is not Overridable.NOT_APPLICABLE
