"""What the lift of docker has that other packages have not.

The rest is in tests/lift.
"""

import pytest

from tests.docker.rewrite.conftest import EVERY_STRATEGY, place, refusal, rewrite, sub
from toolkit.docker.steps import Demotion
from toolkit.lift.plan import Design


@EVERY_STRATEGY
@pytest.mark.parametrize("name", ["rootlesskit", "slirp4netns"])
def test_comment_above_a_parameter_stays_once(name: str, strategy: Design) -> None:
    # What drops rootlesskit also drops its parameter.
    lifted, demoted = rewrite(
        sub(rf"^( +){name}$", rf"\1# remark\n\1{name}"), strategy, Demotion.DROP
    )
    assert (lifted.count("remark"), demoted.count("remark")) == (1, 1)


def test_comment_stays_once_where_rootlesskit_moves() -> None:
    text = sub(r"^( +)rootlesskit$", r"\1# remark\n\1rootlesskit")
    assert [
        made.count("remark") for made in rewrite(text, Design.HIDDEN, Demotion.SUFFIX)
    ] == [1, 1]


def test_name_that_one_design_introduces_is_no_obstacle_to_the_other() -> None:
    text = sub(
        r"^( +)docker-runc =", lambda match: f"{match[1]}callDocker = 7;\n{match[0]}"
    )
    said = "the rewrite needs the name 'callDocker', which is already used here"
    assert refusal(text, Design.HIDDEN) == f"{place(text, 'callDocker = 7')}: {said}"
    assert "      finalAttrs:\n" in rewrite(text)[0]
