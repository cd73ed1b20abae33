import shutil
import subprocess
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.forge.server import Forge
from tests.track.conftest import BY_NAME, TARGET, Nixpkgs, layout, ref
from toolkit import process
from toolkit.track.answer import Advice, TrackAnswer
from toolkit.track.readings import State

Ask = Callable[..., TrackAnswer]


def test_usual_refs_are_the_branches_channels_and_the_two_newest_releases(
    nixpkgs: Nixpkgs, ask: Ask
) -> None:
    answer = ask(nixpkgs)
    assert [(each.name, each.kind) for each in answer.refs] == [
        ("master", "branch"),
        ("staging", "branch"),
        ("nixos-unstable", "channel"),
        ("nixpkgs-unstable", "channel"),
        ("release-25.11", "branch"),
        ("release-25.05", "branch"),
        ("nixos-25.11", "channel"),
    ]
    assert {each.state for each in answer.refs} == {State.NOT_FIXED}
    assert (answer.verdict.judgement, answer.exit_code) == (Advice.KEEP, 0)
    found = ref(answer, "release-25.11")
    assert found.reading is not None
    assert found.changed is not None
    assert (str(found.path), str(found.commit)) == (
        TARGET,
        nixpkgs.git("rev-parse", "release-25.11"),
    )
    assert (str(found.changed.commit), found.changed.subject) == (
        nixpkgs.commits["docker: 28.4"],
        "docker: 28.4",
    )
    assert (found.reading.newest, found.reading.overridable_by) == ("28.4.0", "syntax")


def test_fix_in_a_channel_is_told_with_the_commit_that_brought_it(
    nixpkgs: Nixpkgs, ask: Ask
) -> None:
    fix = nixpkgs.commit("docker: fix", layout("states/fixed"))
    nixpkgs.move(TARGET, BY_NAME)
    nixpkgs.commit("docker: by name")
    nixpkgs.commit(
        "docker: bump", layout("states/fixed").replace("29.6.1", "29.6.2"), path=BY_NAME
    )
    answer = ask(nixpkgs)
    assert answer.verdict.judgement is Advice.KEEP
    assert answer.verdict.text.startswith("fixed in master since 20")
    assert answer.verdict.text.endswith("but not in any channel that unlet checked")
    assert answer.exit_code == 0
    nixpkgs.git("branch", "--force", "nixos-unstable", "master")
    answer = ask(nixpkgs)
    found = ref(answer, "nixos-unstable")
    assert found.fixed_by is not None
    assert str(found.fixed_by.commit) == fix
    assert found.fixed_by.commit != (found.changed.commit if found.changed else None)
    assert (answer.verdict.judgement, answer.exit_code) == (Advice.UPDATE, 10)
    assert f"nixos-unstable since {found.fixed_by.date:%Y-%m-%d}" in answer.verdict.text


def test_file_that_cannot_be_parsed_keeps_no_other_ref_from_its_answer(
    nixpkgs: Nixpkgs, ask: Ask
) -> None:
    text = layout("29.6")
    number = text.splitlines().index("let")
    nixpkgs.commit("docker: broken", text.replace("\nlet\n", "\n<<<<<<< ours\n", 1))
    answer = ask(nixpkgs, "master", "staging")
    assert (
        ref(answer, "master").reason
        == f"unlet cannot parse it: {number + 1}:1: merge conflict marker"
    )
    assert ref(answer, "staging").state is State.NOT_FIXED


def test_name_that_git_would_take_for_an_option_is_no_branch(
    nixpkgs: Nixpkgs, ask: Ask
) -> None:
    answer = ask(nixpkgs, "--output=x")
    assert answer.refs[0].state is State.UNKNOWN
    assert not Path("x").exists()


def test_branch_of_the_remote_comes_before_a_local_one_that_is_behind(
    nixpkgs: Nixpkgs, ask: Ask, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", nixpkgs.path, clone], check=True)
    nixpkgs.commit("docker: fix", layout("states/fixed"))
    subprocess.run(["git", "-C", clone, "fetch", "--quiet"], check=True)
    answer = ask(nixpkgs, git_dir=clone)
    assert ref(answer, "master").state is State.FIXED
    assert f", fetched {time.strftime('%Y')}" in answer.source


@pytest.mark.parametrize("kind", ["--filter=blob:none", "--depth=1"])
def test_clone_that_lacks_something_says_so(
    nixpkgs: Nixpkgs, ask: Ask, tmp_path: Path, kind: str
) -> None:
    nixpkgs.commit("other")
    where = f"file://{nixpkgs.path}"
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", kind, where, tmp_path / "clone"],
        check=True,
    )
    found = ref(ask(nixpkgs, "master", git_dir=tmp_path / "clone"), "master")
    if kind == "--depth=1":
        # Its edge is not the last change.
        assert (found.state, found.changed) == (State.NOT_FIXED, None)
    else:
        said = "this is a partial clone, which lacks the content of the file"
        assert (found.state, found.reason) == (State.UNKNOWN, said)


def test_repository_without_the_usual_branches_is_read_at_head(
    empty: Nixpkgs, ask: Ask
) -> None:
    empty.git("checkout", "--quiet", "-b", "own")
    empty.commit("docker", layout("29.6"))
    assert [each.name for each in ask(empty).refs] == ["HEAD"]


def test_versions_whose_syntax_decides_are_not_evaluated(
    nixpkgs: Nixpkgs, ask: Ask, cache: Path
) -> None:
    shutil.rmtree(cache)
    said: list[str] = []
    with process.echoing(said.append):
        ask(nixpkgs)
    # The syntax of each version shows that nothing replaces a component.
    assert not [line for line in said if "lifted.nix" in line]


@pytest.mark.parametrize("damage", ["cut", "no-tree"])
def test_damaged_commit_keeps_no_other_ref_from_an_answer(
    nixpkgs: Nixpkgs, ask: Ask, damage: str
) -> None:
    nixpkgs.git("checkout", "--quiet", "-b", "theirs")
    commit = nixpkgs.commit("theirs", "{ }: { }\n")
    nixpkgs.git("checkout", "--quiet", "master")
    path = nixpkgs.path / ".git/objects" / commit[:2] / commit[2:]
    path.chmod(0o644)
    path.write_bytes(
        path.read_bytes()[:-9] if damage == "cut" else zlib.compress(b"commit 5\0hello")
    )
    theirs, master = ask(nixpkgs, "theirs", "master").refs
    assert theirs.state is State.UNKNOWN
    assert theirs.reason
    assert master.state is State.NOT_FIXED


@pytest.mark.parametrize("place", ["clone", "server"])
def test_ref_whose_file_names_a_path_that_is_too_long_keeps_no_other_from_an_answer(
    nixpkgs: Nixpkgs, forge: Forge, ask: Ask, place: str
) -> None:
    nixpkgs.git("checkout", "--quiet", "-b", "theirs")
    text = layout("states/fixed")
    patches = f"patches = [ ./{'a' * 5_000} ./{'b/' * 3_000}c ];"
    nixpkgs.commit("theirs", text.replace("pname = ", f"{patches}\n      pname = ", 1))
    nixpkgs.git("checkout", "--quiet", "master")
    answer = ask(nixpkgs if place == "clone" else forge, "theirs", "master")
    theirs, master = answer.refs
    assert theirs.state is State.UNKNOWN
    assert len(theirs.reason or "") in range(1, 500)
    assert master.state is State.NOT_FIXED
    assert answer.exit_code == 11
