"""Progress that tests look at."""

from toolkit.model import Silence


class Steps(Silence):
    """It remembers what it is told, and may be interrupted at a step."""

    def __init__(self, *, interrupted_at: str | None = None) -> None:
        self.steps: list[str] = []
        self._interrupted_at = interrupted_at

    def step(self, what: str) -> None:
        """Remember a step."""
        self.steps.append(what)
        if self._interrupted_at is not None and what == self._interrupted_at:
            raise KeyboardInterrupt
