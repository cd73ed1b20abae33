"""A server that nobody may ask."""

from collections.abc import Generator

import pytest

from tests.serving import Handler, running


@pytest.fixture
def requests() -> Generator[tuple[str, list[str]]]:
    """Yield the URL of a server on loopback, and the list of what it was asked for."""
    asked: list[str] = []

    class Asked(Handler):
        def answer(self) -> None:
            asked.append(self.path)
            self.reply(404)

    with running(Asked) as url:
        yield url, asked
