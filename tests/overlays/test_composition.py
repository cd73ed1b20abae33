from pathlib import Path

import pytest

from tests.overlays.conftest import Answer, Ask, Json
from toolkit.errors import CommandError

ORDERS = (
    "before",
    "beforeAndAfter",
    "overrideAfter",
    "runc",
    "alias",
    "podman",
    "podmanAfter",
    "extended",
    "flake",
)


@pytest.fixture
def answer(ask: Ask, patched: Path) -> Answer:
    return ask("composition.nix", patched=str(patched))


def false_in(record: Json) -> list[str]:
    return [name for name in record if not record[name]]


def test_order_of_overlays_makes_no_difference_and_what_they_change_flows_through(
    answer: Answer,
) -> None:
    assert false_in({name: answer.value[name] for name in ORDERS}) == []
    assert answer.value["attributesAfter"] == "renamed-29.6.1"
    assert not answer.value["runcChanges"]


def test_moby_of_an_overlay_beside_it_is_that_of_docker_and_nothing_else_is_built_again(
    answer: Answer,
) -> None:
    assert false_in(answer.value["moby"]) == []
    assert false_in(answer.value["unaffected"]) == []


def test_after_the_fix_rewrap_changes_nothing_and_every_docker_links_the_moby_of_the_user(
    answer: Answer,
) -> None:
    after = answer.value["afterFix"]
    assert any("no longer needed" in warning for warning in answer.warnings)
    assert after["every"] == [
        "moby-of-my-own-29.6.1",
        "moby-of-my-own-25.0.16",
        "moby-of-my-own-29.6.1",
    ]
    assert false_in(after["others"]) == []
    assert (
        false_in(
            {name: after[name] for name in ("rewrap", "linked", "client", "parameters")}
        )
        == []
    )


def test_docker_with_moby_as_an_attribute_links_that_of_the_user(
    answer: Answer,
) -> None:
    found = answer.value["byAttribute"]
    assert found["moby"] == found["hidden"] == "moby-of-my-own-29.6.1"
    assert found["linked"]
    assert found["client"]


def test_before_the_fix_a_moby_of_the_users_is_refused(ask: Ask) -> None:
    with pytest.raises(CommandError) as caught:
        ask("refused.nix")
    assert (
        "error: own-moby.nix: docker_29 of this nixpkgs takes no moby of your own"
        in caught.value.stderr
    )
    assert "unlet overlay --kind patched" in caught.value.stderr


def test_own_moby_names_what_is_no_docker(answer: Answer) -> None:
    assert answer.value["foreign"] == "text"
    assert list(answer.value["absent"]) == []
    assert (
        "own-moby.nix: docker_29 stays as it is: it is not a docker of nixpkgs"
        in answer.warnings
    )
    assert "own-moby.nix: this nixpkgs has no docker" in answer.warnings
