import pytest

from tests.overlays.conftest import Ask, Json
from tests.rootless.test_matrix import rows

OPTION = "virtualisation.docker.rootless.privilegedPorts"


@pytest.fixture
def answer(ask: Ask) -> Json:
    return ask("module.nix").value


def wrapper(answer: Json, case: str) -> tuple[str, dict[str, str]]:
    wrappers = answer[case]["wrappers"]
    (name,) = wrappers
    one = wrappers[name]
    return name, {field: one[field] for field in one}


def failed(answer: Json, case: str) -> str:
    (message,) = answer[case]["failed"]
    return " ".join(message.split())


def test_nothing_is_set_unless_it_is_enabled(answer: Json) -> None:
    off = answer["off"]
    assert list(off["wrappers"]) == []
    assert (off["docker"], off["overlays"]) == (answer["plain"], 0)


def test_wrapper_has_the_name_that_is_looked_for_first(answer: Json) -> None:
    assert wrapper(answer, "standard") == (
        "docker-rootlesskit",
        {
            "owner": "root",
            "group": "root",
            "permissions": "u+rx,g+x,o+x",
            "capabilities": "cap_net_bind_service+ep",
            "source": answer["source"],
        },
    )
    assert answer["standard"]["docker"] == answer["plain"]


def test_route_rewrap_names_the_wrapper_rootlesskit_and_wraps_the_package_that_the_user_chose(
    answer: Json,
) -> None:
    name, _ = wrapper(answer, "rewrap")
    rewrap, both = answer["rewrap"], answer["withOverlay"]
    assert (name, rewrap["docker"], rewrap["overlays"]) == (
        "rootlesskit",
        answer["rewrapped"],
        0,
    )
    assert answer["ownPackage"]["docker"] == answer["rewrapped25"]
    assert (both["docker"], both["failed"]) == (answer["rewrapped"], [])


def test_each_route_is_a_row_of_the_rootless_run(answer: Json) -> None:
    stages = {
        answer["plain"]: "in front, as it was",
        answer["rewrapped"]: "last, rewrapped (overlay rewrap)",
    }
    by_route = answer["byRoute"]
    routes: dict[tuple[str, str], str] = {}
    for route in by_route:
        one = by_route[route]
        (name,) = one["wrappers"]
        routes[stages[one["docker"]], name] = route
    assert routes == {(row[0], row[1]): row[2] for row in rows() if row[2] != "-"}


def test_only_the_group_may_use_the_wrapper(answer: Json) -> None:
    _, fields = wrapper(answer, "group")
    assert (fields["group"], fields["permissions"]) == ("docker-rootless", "u+rx,g+x")


def test_group_that_the_wrapper_names_is_there(answer: Json) -> None:
    for case, groups in {
        "off": [],
        "standard": [],
        "rewrap": [],
        "group": ["docker-rootless"],
        "groupRewrap": ["docker-rootless"],
        "groupThere": ["www"],
        "upstream": ["docker-rootless"],
    }.items():
        assert answer[case]["groups"] == groups
        wrappers = answer[case]["wrappers"]
        assert {wrappers[name]["group"] for name in wrappers} <= {"root", *groups}


def test_name_that_no_group_can_have_is_refused(answer: Json) -> None:
    names = answer["groupNames"]
    assert sorted(name for name in names if names[name] == 0) == ["Docker_2", "docker"]


@pytest.mark.parametrize(
    ("case", "alone"),
    [("byHand", "standard"), ("byHandRewrap", "rewrap"), ("upstream", "group")],
)
def test_wrapper_that_is_defined_elsewhere_too_is_the_modules(
    answer: Json, case: str, alone: str
) -> None:
    assert wrapper(answer, case) == wrapper(answer, alone)


def test_upstreams_option_beside_it_is_harmless_and_named(answer: Json) -> None:
    (warning,) = answer["upstream"]["warnings"]
    assert warning.startswith(
        f"{OPTION}.enable and virtualisation.docker.rootless.exposePrivilegedPorts"
    )
    assert answer["upstream"]["failed"] == []
    assert answer["group"]["warnings"] == []


WORKING = (
    *(
        "off",
        "standard",
        "rewrap",
        "group",
        "groupRewrap",
        "groupThere",
        "byHand",
        "byHandRewrap",
        "ownPackage",
    ),
    *("builtin", "pastaToo", "newKit", "unrestricted"),
)


def test_working_configurations_fail_no_assertion(answer: Json) -> None:
    assert {
        case: answer[case]["failed"] for case in WORKING if answer[case]["failed"]
    } == {}


@pytest.mark.parametrize(
    ("case", "fact", "remedy"),
    [
        (
            "withoutRootless",
            "has no effect without rootless docker",
            "rootless.enable = true as well",
        ),
        (
            "withoutWrappers",
            "has no effect without the security wrapper 'docker-rootlesskit'",
            "enableWrappers",
        ),
        (
            "withoutWrapper",
            "has no effect without the security wrapper 'docker-rootlesskit'",
            "turns off",
        ),
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
        (
            "wrongGroup",
            "group is 'docker users', which cannot be the name of a group",
            "letters, digits",
        ),
        (
            "portDriver",
            "network driver 'slirp4netns' and port driver 'slirp4netns'",
            "ip_unprivileged_port_start",
        ),
        ("pasta", "network driver 'pasta' and port driver 'implicit'", "remove both"),
        (
            "pastaOnly",
            "network driver 'pasta' and port driver 'implicit'",
            "Add pkgs.slirp4netns",
        ),
        (
            "newNetwork",
            "would start RootlessKit 2.3.6 as the security wrapper",
            "from the same nixpkgs",
        ),
        (
            "bothWrappers",
            "there is also security.wrappers.rootlesskit",
            "Remove one of the two",
        ),
        (
            "bothWrappersRewrap",
            "there is also security.wrappers.docker-rootlesskit",
            "Remove one of the two",
        ),
        (
            "bothRoutes",
            "package is changed by rewrap.nix, which is the other route",
            "Take rewrap.nix out",
        ),
    ],
)
def test_what_cannot_work_is_named_with_a_remedy(
    answer: Json, case: str, fact: str, remedy: str
) -> None:
    message = failed(answer, case)
    assert message.startswith(OPTION)
    assert fact in message
    assert remedy in message
