"""Nix parses what the tests of a module have made when all of them have run: one Nix parses many in the time of one."""

import os
import subprocess
from collections.abc import Iterator
from functools import cache

import pytest

_TEXTS: list[tuple[str, str]] = []


@cache
def assert_parses(text: str) -> None:
    """Have Nix parse a text; the module that asked first fails if it does not."""
    _TEXTS.append((os.environ["PYTEST_CURRENT_TEST"], text))


@pytest.fixture(scope="module", autouse=True)
def nix_parses_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield
    if not _TEXTS:
        return
    directory = tmp_path_factory.mktemp("parsed")
    texts = {directory / f"{number}.nix": of for number, of in enumerate(_TEXTS)}
    _TEXTS.clear()
    for path, (_, text) in texts.items():
        path.write_text(text)
    command = ["nix-instantiate", "--store", "dummy://", "--parse", *map(str, texts)]
    parsed = subprocess.run(command, capture_output=True, text=True, check=False)
    tests = {test for path, (test, _) in texts.items() if str(path) in parsed.stderr}
    assert parsed.returncode == 0, f"{tests}: {parsed.stderr}"
