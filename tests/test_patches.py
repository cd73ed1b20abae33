from pathlib import Path

import pytest

from toolkit import patches
from toolkit.docker import steps as plans
from toolkit.docker.steps import DESIGNS, Demotion
from toolkit.errors import ToolkitError
from toolkit.model import Upstream


def test_shipped_plan_has_a_message_for_each_strategy_and_demotion() -> None:
    plan = plans.plan()
    known = {
        *(("lift", design) for design in DESIGNS),
        *(("demote", design) for design in Demotion),
    }
    assert {(step.name, step.design) for step in plan.steps} == known


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[pin]", "not TOML: "),
        ("", "object missing required field `pin`"),
        (
            '[[pin]]\nname = "a"',
            "object missing required field `commit` - at `$.pin[0]`",
        ),
        (
            '[[pin]]\nname = "a"\ncommit = "zz"',
            "git object id: 'zz'",
        ),
        (
            f'[[pin]]\nname = 1\ncommit = "{"1" * 40}"',
            "expected `str`, got `int` - at `$.pin[0].name`",
        ),
    ],
)
def test_wrong_field_of_the_pins_is_named(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "pins.toml"
    path.write_text(f'remote = ""\nfile = ""\n{text}')
    with pytest.raises(ToolkitError) as caught:
        patches.read_toml(path, Upstream)
    assert caught.value.message.startswith(f"{path}: {message}")
