from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.track.conftest import BEGINNING, BY_NAME, DAY, TARGET, layout
from toolkit.track.readings import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.forge.server import Forge
    from tests.track.conftest import Nixpkgs
    from toolkit.track.model import History, TrackAnswer

    Ask = Callable[..., TrackAnswer]


def history(answer: TrackAnswer) -> History:
    assert answer.history is not None
    return answer.history


@pytest.fixture
def story(nixpkgs: Nixpkgs) -> Nixpkgs:
    """After the layouts: a fix, its revert, a merge with a conflict, a rename, a bump."""
    nixpkgs.git("checkout", "--quiet", "-b", "side")
    nixpkgs.commit("side: TODO", layout("29.6").replace("# TODO: move", "# move"))
    nixpkgs.git("checkout", "--quiet", "master")
    nixpkgs.commit("docker: fix", layout("states/fixed"))
    nixpkgs.commit('Revert "docker: fix"', layout("29.6"))
    nixpkgs.commit("docker: comment", "# more\n" + layout("29.6"))
    nixpkgs.git("merge", "--no-commit", "--strategy=ours", "side")
    nixpkgs.commit("Merge side", "# more\n" + layout("29.6").replace("# TODO: move", "# now move"))
    nixpkgs.move(TARGET, BY_NAME)
    nixpkgs.commit("docker: by name")
    nixpkgs.commit("docker: bump", layout("states/fixed").replace("29.6.1", "29.7.0"), path=BY_NAME)
    return nixpkgs


EVENTS = [
    ("docker: 19.03", f"the list begins: '{TARGET}', docker 19.03.8"),
    ("docker: 20.10.14", "components: moby is split off, in dockerGen's let"),
    ("docker: 20.10.14", "dockerd-rootless is wrapped, rootlesskit in the wrapper's PATH prefix"),
    ("docker: 20.10.21", "the TODO is there"),
    ("docker: 28.4", "now dockerGen in let … in, nixfmt style"),
    ("docker: fix", "components: overridable"),
    ("docker: fix", "rootlesskit in the wrapper's PATH suffix"),
    ("docker: fix", "the TODO is gone"),
    ('Revert "docker: fix"', "components: bound in dockerGen's let"),
    ('Revert "docker: fix"', "rootlesskit in the wrapper's PATH prefix"),
    ('Revert "docker: fix"', "the TODO is there"),
    ("Merge side", "the TODO is gone"),
    ("docker: by name", f"moved to '{BY_NAME}'"),
    ("docker: bump", "components: overridable"),
    ("docker: bump", "rootlesskit in the wrapper's PATH suffix"),
]


def told(found: History) -> list[tuple[str, str]]:
    return [(event.commit.subject, event.text) for event in found.events if "now dockerGen in rec" not in event.text]


def test_events_are_those_of_the_branch_through_rename_revert_and_merge(story: Nixpkgs, ask: Ask) -> None:
    found = history(ask(story, "master", history=True))
    assert told(found) == EVENTS
    assert found.notes == ()
    aside = [version.commit.subject for version in found.versions if not version.mainline]
    assert aside == ["side: TODO"]
    assert len(found.versions) == 13


def test_server_tells_the_same_events_without_the_order_of_branches(nixpkgs: Nixpkgs, forge: Forge, ask: Ask) -> None:
    nixpkgs.commit("docker: fix", layout("states/fixed"))
    nixpkgs.move(TARGET, BY_NAME)
    nixpkgs.commit("docker: by name")
    nixpkgs.commit("docker: bump", layout("states/fixed").replace("29.6.1", "29.7.0"), path=BY_NAME)
    forge.page = 2
    local, remote = (history(ask(where, "master", history=True)) for where in (nixpkgs, forge))
    assert told(remote) == told(local)
    assert [version.commit for version in remote.versions] == [version.commit for version in local.versions]


def test_second_run_reads_nothing_again(story: Nixpkgs, ask: Ask, cache: Path) -> None:
    shutil.rmtree(cache)
    assert history(ask(story, "master", history=True)).read == 10
    again = history(ask(story, "master", history=True))
    assert (again.read, told(again)) == (0, EVENTS)


def test_second_run_of_the_server_downloads_no_version(nixpkgs: Nixpkgs, forge: Forge, ask: Ask) -> None:
    assert nixpkgs.path.is_dir()
    first = history(ask(forge, "master", history=True))
    del forge.requests[:]
    again = history(ask(forge, "master", history=True))
    assert again.events == first.events
    assert [request.status for request in forge.requests if request.status == 200] == []


def test_interrupted_history_goes_on_where_it_was(nixpkgs: Nixpkgs, forge: Forge, ask: Ask) -> None:
    commit = nixpkgs.commits["docker: 27.0"]
    from tests.forge.server import Fault  # noqa: PLC0415 - its fixtures would be this module's

    forge.faults[commit] = [Fault(status=404)]
    found = history(ask(forge, "master", history=True))
    gap = next(version for version in found.versions if str(version.commit.commit) == commit)
    assert (gap.reading.state, gap.reading.reason) == (State.UNKNOWN, "its content is missing")
    whole = history(ask(forge, "master", history=True))
    assert whole.read == 1
    assert all(version.reading.state is not State.UNKNOWN for version in whole.versions)


def test_last_versions_alone_can_be_asked_for(story: Nixpkgs, ask: Ask) -> None:
    found = history(ask(story, "master", history=True, last=3))
    assert [version.commit.subject for version in found.versions] == ["Merge side", "docker: by name", "docker: bump"]


def test_commit_that_is_dated_before_its_parent_stays_behind_it(nixpkgs: Nixpkgs, ask: Ask) -> None:
    nixpkgs.date = BEGINNING - 1000 * DAY
    nixpkgs.commit("docker: fix", layout("states/fixed"))
    found = history(ask(nixpkgs, "master", history=True))
    assert found.versions[-1].commit.subject == "docker: fix"
    assert found.versions[-1].commit.date < found.versions[-2].commit.date


def test_version_that_cannot_be_parsed_is_an_event_and_no_change_of_meaning(nixpkgs: Nixpkgs, ask: Ask) -> None:
    nixpkgs.commit("docker: broken", "<<<<<<< ours\n")
    nixpkgs.commit("docker: mended", layout("29.6"))
    events = [(e.commit.subject, e.text) for e in history(ask(nixpkgs, "master", history=True)).events]
    assert events[-1] == ("docker: broken", "could not tell: cannot be parsed: 1:1: merge conflict marker")


def test_version_that_nix_cannot_decide_is_told_as_that(nixpkgs: Nixpkgs, ask: Ask) -> None:
    broken = layout("states/fixed").replace("moby-src =", "moby-src = nobody.knows; unused =", 1)
    nixpkgs.commit("docker: broken", broken)
    for _ in range(2):
        version = history(ask(nixpkgs, "master", history=True)).versions[-1]
        assert version.reading.state is State.UNKNOWN
        assert "Nix could not decide" in (version.reading.reason or "")


def test_good_news_in_the_history_is_judged_by_nix(nixpkgs: Nixpkgs, ask: Ask) -> None:
    text = layout("states/fixed")
    used = next(line for line in text.splitlines() if "moby = orElse moby" in line)
    nixpkgs.commit("docker: no fix", text.replace(used, used.replace("orElse moby", "orElse null")))
    found = history(ask(nixpkgs, "master", history=True))
    assert found.versions[-1].reading.overridable == "partly"
    assert history(ask(nixpkgs, "master", history=True)).versions == found.versions
