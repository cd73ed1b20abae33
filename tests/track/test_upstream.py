from collections.abc import Callable

import pytest

from tests.forge.server import Forge
from tests.track.conftest import BY_NAME, TARGET, Nixpkgs, layout, ref
from toolkit.sources.package_files import ALL_PACKAGES
from toolkit.track.answer import Advice, TrackAnswer
from toolkit.track.readings import State

Ask = Callable[..., TrackAnswer]


@pytest.fixture(params=["clone", "server"])
def where(
    request: pytest.FixtureRequest, nixpkgs: Nixpkgs, forge: Forge
) -> Nixpkgs | Forge:
    return nixpkgs if request.param == "clone" else forge


def test_file_that_was_moved_is_found(
    nixpkgs: Nixpkgs, where: Nixpkgs | Forge, ask: Ask
) -> None:
    nixpkgs.move(TARGET, BY_NAME)
    nixpkgs.commit("docker: move")
    found = ref(ask(where, "master"), "master")
    assert (str(found.path), found.moved, found.state) == (
        BY_NAME,
        True,
        State.NOT_FIXED,
    )


@pytest.mark.parametrize("old", [None, '{ callPackage }: callPackage "x" { }\n'])
def test_file_that_binds_docker_gen_is_found_where_it_is_called(
    nixpkgs: Nixpkgs, where: Nixpkgs | Forge, ask: Ask, old: str | None
) -> None:
    if old is None:
        nixpkgs.git("rm", "--quiet", TARGET)
    nixpkgs.commit("docker: drop", old)
    nixpkgs.commit(
        "docker: elsewhere",
        layout("states/fixed"),
        path="pkgs/docker-engine/default.nix",
    )
    called = (
        "inherit (callPackage ../docker-engine { }) docker_29;\n  docker-gone = "
        "callPackage ../docker/gone.nix { };\n"
    )
    nixpkgs.commit("docker: call", f"final: {{\n  {called}}}\n", path=str(ALL_PACKAGES))
    found = ref(ask(where, "master"), "master")
    assert (str(found.path), found.state) == (
        "pkgs/docker-engine/default.nix",
        State.FIXED,
    )


def test_layout_that_nobody_has_seen_is_not_called_unfixed(
    nixpkgs: Nixpkgs, where: Nixpkgs | Forge, ask: Ask
) -> None:
    nixpkgs.git("rm", "--quiet", TARGET)
    nixpkgs.commit(
        "docker: by name",
        "{ buildGoModule, moby }: buildGoModule { inherit moby; }\n",
        path=BY_NAME,
    )
    nixpkgs.git("branch", "--force", "nixos-unstable", "master")
    answer = ask(where)
    found = ref(answer, "nixos-unstable")
    assert (str(found.path), found.state) == (BY_NAME, State.UNKNOWN)
    assert found.reason == "unknown layout: it binds nothing to a function dockerGen"
    assert (answer.verdict.judgement, answer.exit_code) == (Advice.UNKNOWN, 11)
    assert ref(answer, "nixpkgs-unstable").state is State.NOT_FIXED


def test_file_that_is_gone_and_branch_that_is_none_keep_no_other_from_its_answer(
    nixpkgs: Nixpkgs, where: Nixpkgs | Forge, ask: Ask
) -> None:
    nixpkgs.git("rm", "--quiet", TARGET)
    nixpkgs.commit("docker: drop", "{ }\n", path=str(ALL_PACKAGES))
    answer = ask(where, "master", "nobody", "staging")
    assert ref(answer, "master").state is State.UNKNOWN
    assert "no longer exists" in (ref(answer, "master").reason or "")
    missing = "has no commit, branch or tag 'nobody'"
    if not isinstance(where, Nixpkgs):
        missing = "the repository has no such branch, tag or commit"
    assert missing in (ref(answer, "nobody").reason or "")
    assert ref(answer, "staging").state is State.NOT_FIXED
    assert answer.exit_code == 11
