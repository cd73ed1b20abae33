from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Unlet


def test_pins_are_listed_with_the_default_marked(unlet: Unlet) -> None:
    done = unlet("pins")
    assert (done.returncode, done.stderr) == (0, "")
    current = next(line for line in done.stdout.splitlines() if line.startswith("current "))
    assert current.endswith("(default)")
    document = json.loads(unlet("pins", "--json").stdout)
    assert document["default"] == "current"
    assert {pin["name"] for pin in document["pins"]} >= {"original", "current"}


def test_pins_of_the_user_take_the_place_of_shipped_ones(unlet: Unlet) -> None:
    path = Path(unlet.env["XDG_CONFIG_HOME"]) / "unlet" / "pins.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f'[[pin]]\nname = "current"\ncommit = "{"c" * 40}"\nabout = "mine"\n')
    assert f"current   {'c' * 40}" in unlet("pins").stdout


def test_unknown_name_is_a_usage_error_before_anything_is_fetched(unlet: Unlet) -> None:
    done = unlet("pins", "update", "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == "pin: 'x' is unknown"
