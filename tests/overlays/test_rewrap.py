import pytest

from tests.overlays.conftest import Answer, Ask


@pytest.fixture
def answer(ask: Ask) -> Answer:
    return ask("rewrap.nix")


def test_every_docker_is_wrapped_anew_and_nothing_else(answer: Answer) -> None:
    assert answer.value["names"] == [
        "docker",
        "docker_20_10",
        "docker_24",
        "docker_25",
        "docker_29",
    ]
    dockers = answer.value["dockers"]
    rewrapped = {name: dockers[name]["rewrapped"] for name in dockers}
    assert rewrapped == {
        "docker": True,
        "docker_25": True,
        "docker_29": True,
        "docker-client": False,
    }
    client = dockers["docker-client"]
    assert client["once"] == client["plain"]


def test_applied_twice_it_gives_the_same(answer: Answer) -> None:
    dockers = answer.value["dockers"]
    for name in dockers:
        assert dockers[name]["twice"] == dockers[name]["once"], name


def test_attributes_outputs_meta_passthru_and_components_stay(answer: Answer) -> None:
    kept = answer.value["kept"]
    assert kept["attributes"] == []
    assert kept["parameters"]
    for part in (kept["equal"], kept["components"]):
        assert [name for name in part if not part[name]] == []


def test_overriding_reaches_the_docker_inside_and_wraps_it_anew(answer: Answer) -> None:
    override = answer.value["override"]
    for name in ("rewrapped", "byFunction", "moby", "client", "again"):
        assert override[name], name
    assert override["attributes"] == "renamed-29.6.1"


def test_each_output_is_one_of_the_new_package_too(answer: Answer) -> None:
    manual = answer.value["manual"]
    assert manual["outputs"] == ["out", "man"]
    last = manual["postBuild"].splitlines()[-1]
    assert last.startswith("ln -s /nix/store/")
    assert last.endswith("-docker-29.6.1-man $man")


def test_what_is_no_such_docker_stays_and_is_named(answer: Answer) -> None:
    foreign = answer.value["foreign"]
    assert all(foreign[name] for name in foreign)
    fixed = (
        "its dockerd-rootless does not prefer its own rootlesskit: this overlay "
        "is no longer needed"
    )
    unknown = "has no dockerd-rootless as nixpkgs makes it"
    assert sorted(set(answer.warnings)) == [
        f"rewrap.nix: docker stays as it is: 'docker-29.6.1' {unknown}",
        f"rewrap.nix: docker stays as it is: 'podman-docker-compat-5.0' {unknown}",
        "rewrap.nix: docker stays as it is: it is not a package",
        f"rewrap.nix: docker stays as it is: {fixed}",
        (
            "rewrap.nix: docker stays as it is: its dockerd-rootless is made in an "
            "unknown way"
        ),
        "rewrap.nix: this nixpkgs has no docker",
    ]


def test_client_alone_stays_without_a_warning(answer: Answer) -> None:
    assert answer.value["client"]
    assert not any("client" in warning for warning in answer.warnings)


def test_removed_release_still_says_so_and_only_when_used(answer: Answer) -> None:
    assert (answer.value["removed"], answer.value["alias"]) == (False, False)


def test_set_without_docker_gets_none(answer: Answer) -> None:
    assert list(answer.value["absent"]) == []
