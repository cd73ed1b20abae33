from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolkit.docker.claims.case import BEFORE
from toolkit.docker.claims.running import REWRAPPED, ROUTES

if TYPE_CHECKING:
    from tests.overlays.conftest import Ask
    from toolkit.docker.claims.record import Record

OPTION = "virtualisation.docker.rootless.privilegedPorts"


@pytest.fixture
def answer(ask: Ask) -> Record:
    return ask("module.nix").value


def wrapper(answer: Record, case: str) -> tuple[str, dict[str, str]]:
    wrappers = answer.record(case).record("wrappers")
    (name,) = wrappers.names()
    one = wrappers.record(name)
    return name, {field: one.text(field) for field in one.names()}


def failed(answer: Record, case: str) -> str:
    (message,) = answer.record(case).texts("failed")
    return " ".join(message.split())


def test_nothing_is_set_unless_it_is_enabled(answer: Record) -> None:
    off = answer.record("off")
    assert list(off.record("wrappers").names()) == []
    assert (off.text("docker"), off.integer("overlays")) == (answer.text("plain"), 0)


def test_wrapper_has_the_name_that_is_looked_for_first(answer: Record) -> None:
    assert wrapper(answer, "standard") == (
        "docker-rootlesskit",
        {
            "owner": "root",
            "group": "root",
            "permissions": "u+rx,g+x,o+x",
            "capabilities": "cap_net_bind_service+ep",
            "source": answer.text("source"),
        },
    )
    assert answer.record("standard").text("docker") == answer.text("plain")


def test_route_rewrap_names_the_wrapper_rootlesskit_and_wraps_the_package(answer: Record) -> None:
    name, _ = wrapper(answer, "rewrap")
    rewrap = answer.record("rewrap")
    assert (name, rewrap.text("docker"), rewrap.integer("overlays")) == ("rootlesskit", answer.text("rewrapped"), 0)


def test_route_rewrap_wraps_the_package_that_the_user_chose(answer: Record) -> None:
    assert answer.record("ownPackage").text("docker") == answer.text("rewrapped25")


def test_route_rewrap_goes_with_the_overlay(answer: Record) -> None:
    both = answer.record("withOverlay")
    assert (both.text("docker"), both.texts("failed")) == (answer.text("rewrapped"), ())


def test_each_route_is_a_row_of_the_rootless_run(answer: Record) -> None:
    stages = {answer.text("plain"): BEFORE, answer.text("rewrapped"): REWRAPPED}
    by_route = answer.record("byRoute")
    rows: dict[tuple[str, str], str] = {}
    for route in by_route.names():
        one = by_route.record(route)
        (name,) = one.record("wrappers").names()
        rows[stages[one.text("docker")], name] = route
    assert rows == ROUTES


def test_only_the_group_may_use_the_wrapper(answer: Record) -> None:
    _, fields = wrapper(answer, "group")
    assert (fields["group"], fields["permissions"]) == ("docker-rootless", "u+rx,g+x")


@pytest.mark.parametrize(
    ("case", "groups"),
    [
        ("off", ()),
        ("standard", ()),
        ("rewrap", ()),
        ("group", ("docker-rootless",)),
        ("groupRewrap", ("docker-rootless",)),
        ("groupThere", ("www",)),
        ("upstream", ("docker-rootless",)),
    ],
)
def test_group_that_the_wrapper_names_is_there(answer: Record, case: str, groups: tuple[str, ...]) -> None:
    one = answer.record(case)
    assert one.texts("groups") == groups
    wrappers = one.record("wrappers")
    assert {wrappers.record(name).text("group") for name in wrappers.names()} <= {"root", *groups}


def test_name_that_no_group_can_have_is_refused(answer: Record) -> None:
    names = answer.record("groupNames")
    assert sorted(name for name in names.names() if names.integer(name) == 0) == ["Docker_2", "docker"]


@pytest.mark.parametrize(("case", "alone"), [("byHand", "standard"), ("byHandRewrap", "rewrap"), ("upstream", "group")])
def test_wrapper_that_is_defined_elsewhere_too_is_the_modules(answer: Record, case: str, alone: str) -> None:
    assert wrapper(answer, case) == wrapper(answer, alone)


def test_upstreams_option_beside_it_is_harmless_and_named(answer: Record) -> None:
    (warning,) = answer.record("upstream").texts("warnings")
    assert warning.startswith(f"{OPTION}.enable and virtualisation.docker.rootless.exposePrivilegedPorts")
    assert answer.record("upstream").texts("failed") == ()
    assert answer.record("group").texts("warnings") == ()


@pytest.mark.parametrize(
    "case",
    [
        "off",
        "standard",
        "rewrap",
        "group",
        "groupRewrap",
        "groupThere",
        "byHand",
        "byHandRewrap",
        "ownPackage",
        "builtin",
        "unrestricted",
    ],
)
def test_working_configurations_fail_no_assertion(answer: Record, case: str) -> None:
    assert answer.record(case).texts("failed") == ()


@pytest.mark.parametrize(
    ("case", "fact", "remedy"),
    [
        ("withoutRootless", "has no effect without rootless docker", "rootless.enable = true as well"),
        ("withoutWrappers", "has no effect without the security wrapper 'docker-rootlesskit'", "enableWrappers"),
        ("withoutWrapper", "has no effect without the security wrapper 'docker-rootlesskit'", "turns off"),
        (
            "noNewPrivileges",
            "in systemd.user.services.docker.serviceConfig: NoNewPrivileges.",
            "Remove them",
        ),
        (
            "implied",
            "in systemd.user.services.docker.serviceConfig: SystemCallFilter.",
            "Remove them",
        ),
        ("wrongGroup", "group is 'docker users', which cannot be the name of a group", "letters, digits"),
        ("portDriver", "has no effect with RootlessKit's port driver 'slirp4netns'", "ip_unprivileged_port_start"),
        ("bothWrappers", "there is also security.wrappers.rootlesskit", "Remove one of the two"),
        ("bothWrappersRewrap", "there is also security.wrappers.docker-rootlesskit", "Remove one of the two"),
        ("bothRoutes", "package is changed by rewrap.nix, which is the other route", "Take rewrap.nix out"),
    ],
)
def test_what_cannot_work_is_named_with_a_remedy(answer: Record, case: str, fact: str, remedy: str) -> None:
    message = failed(answer, case)
    assert message.startswith(OPTION)
    assert fact in message
    assert remedy in message
