from __future__ import annotations

import shutil
from itertools import combinations, permutations
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.asking import docker, propose
from tests.docker.conftest import source_at, source_of
from tests.progress import Steps
from toolkit import specimen
from toolkit.docker import extras
from toolkit.docker.steps import TEST_FILE, Demotion, Extra, plan
from toolkit.errors import LayoutError, RefusalError, ToolkitError, UsageError
from toolkit.git import patching
from toolkit.model import SourceRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from toolkit.model import Report, Source, TreeCommit

LAYOUTS = ("29.6", "24.0")
NOTES = "nixos/doc/manual/release-notes/rl-2611.section.md"


def prepared(
    *wanted: Extra, source: Source | None = None, demotion: Demotion = Demotion.SUFFIX
) -> tuple[TreeCommit, ...]:
    return extras.prepare(wanted or tuple(Extra), source or source_of("29.6"), demotion)


def text(commit: TreeCommit, name: str) -> str:
    (found,) = (file for file in commit.files if file.path.name == name)
    return found.after.decode()


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Source]:
    """Return what makes a source of the specimen with files taken away (None) or written."""

    def make(changes: dict[str, str | None]) -> Source:
        root = shutil.copytree(specimen.path(), tmp_path / "tree")
        for name, content in changes.items():
            if content is None:
                (root / name).unlink()
            else:
                (root / name).write_text(content)
        return source_at(str(root))

    return make


@pytest.mark.parametrize("layout", LAYOUTS)
def test_commits_come_in_the_order_of_extra_whatever_the_order_in_which_they_are_wanted(layout: str) -> None:
    source = source_of(layout)
    for wanted in permutations(Extra):
        assert [commit.extra for commit in prepared(*wanted, source=source)] == list(Extra)
    assert extras.prepare((), source) == ()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("demotion", Demotion)
def test_each_choice_and_order_applies_to_the_file_before_and_after_the_series(
    layout: str, demotion: Demotion, proposals: Callable[..., tuple[Path, Report]]
) -> None:
    source = source_of(layout)
    series = proposals(layout, demotion=demotion)[1].proposal
    mails = extras.mails(prepared(source=source, demotion=demotion), first=3)
    commits = [mail.commit for mail in mails if mail.commit is not None]
    assert len(commits) == len(Extra)
    files = {file.path: file.before for commit in commits for file in commit.files if file.before is not None}
    files[series.target] = source.content
    for below in ((), series.patches):
        for count in range(1, len(Extra) + 1):
            for chosen in combinations(mails, count):
                stacked = patching.stack(files, (*below, *(mail.patch for mail in reversed(chosen))))
                assert stacked.failure is None
                for mail in chosen:
                    assert mail.commit is not None
                    assert all(stacked.after[file.path] == file.after for file in mail.commit.files)


@pytest.mark.parametrize("extra", Extra)
def test_message_has_upstreams_form(extra: Extra) -> None:
    (commit,) = prepared(extra)
    assert commit.subject.startswith("nixos/")
    assert not commit.subject.endswith(".")
    assert max(map(len, commit.message.splitlines())) <= 72
    assert commit.body


def test_mails_are_numbered_on_from_the_series() -> None:
    for first in (2, 3):
        names = [added.patch.name for added in extras.mails(prepared(), first=first)]
        assert [name[:5] for name in names] == [f"{first + index:04}-" for index in range(3)]


def test_note_tells_of_the_option_only_beside_the_commit_that_adds_it() -> None:
    option = plan().module.option
    alone, beside = prepared(Extra.RELEASE_NOTE)[0], prepared(Extra.NIXOS_MODULE, Extra.RELEASE_NOTE)[1]
    assert option not in text(alone, "rl-2611.section.md")
    assert f"{{option}}`virtualisation.docker.rootless.{option}`" in text(beside, "rl-2611.section.md")


def test_texts_are_those_of_what_becomes_of_rootlesskit() -> None:
    kept, gone = (text(prepared(Extra.RELEASE_NOTE, demotion=one)[0], "rl-2611.section.md") for one in Demotion)
    assert "no longer brings" in gone
    assert "no longer brings" not in kept
    kept, gone = (text(prepared(Extra.NIXOS_TEST, demotion=one)[0], TEST_FILE) for one in Demotion)
    assert ("pkgs.rootlesskit ]" in gone, "pkgs.rootlesskit ]" in kept) == (True, False)


@pytest.mark.parametrize("extra", Extra)
def test_lone_file_is_a_wrong_call_with_what_to_do(extra: Extra) -> None:
    lone = replace(source_of("29.6"), root=None, origin="default.nix")
    with pytest.raises(UsageError) as caught:
        prepared(extra, source=lone)
    assert caught.value.message == f"--with {extra}: default.nix is a file without the nixpkgs around it"
    assert caught.value.hint is not None
    assert "--nixpkgs" in caught.value.hint


@pytest.mark.parametrize(
    ("extra", "missing"),
    [
        (Extra.NIXOS_TEST, "nixos/tests/all-tests.nix"),
        (Extra.NIXOS_MODULE, "nixos/modules/virtualisation/docker-rootless.nix"),
        (Extra.RELEASE_NOTE, NOTES),
    ],
)
def test_file_that_nixpkgs_has_not_is_named(extra: Extra, missing: str, tree: Callable[..., Source]) -> None:
    with pytest.raises(ToolkitError) as caught:
        prepared(extra, source=tree({missing: None}))
    assert caught.value.message == f"{missing}: this nixpkgs has no such file"
    assert not isinstance(caught.value, UsageError)


def test_release_that_is_not_known_is_named(tree: Callable[..., Source]) -> None:
    with pytest.raises(ToolkitError) as caught:
        prepared(Extra.RELEASE_NOTE, source=tree({".version": "unstable\n"}))
    assert caught.value.message == ".version: contains no release, such as 26.11"


def test_release_is_taken_from_lib_where_the_link_leads_nowhere(tree: Callable[..., Source]) -> None:
    (commit,) = prepared(Extra.RELEASE_NOTE, source=tree({".version": None, "lib/.version": "26.11\n"}))
    assert commit.files[0].path == PurePosixPath(NOTES)


@pytest.mark.parametrize("content", [b"\xff", b"# a\r\n"])
def test_file_that_is_no_plain_text_is_refused(content: bytes, tree: Callable[..., Source]) -> None:
    source = tree({})
    assert source.root is not None
    (source.root / NOTES).write_bytes(content)
    with pytest.raises(ToolkitError) as caught:
        prepared(Extra.RELEASE_NOTE, source=source)
    assert caught.value.message.startswith(f"{NOTES}: ")


def test_what_is_there_is_not_added_again(tree: Callable[..., Source]) -> None:
    source = tree({})
    assert source.root is not None
    for commit in prepared():
        for file in commit.files:
            (source.root / file.path).write_bytes(file.after)
    for extra in Extra:
        with pytest.raises(ToolkitError) as caught:
            prepared(extra, source=source)
        assert caught.value.message.endswith("already there")
        assert isinstance(caught.value, LayoutError) or extra is Extra.NIXOS_TEST


def test_refused_extra_leaves_nothing_behind(tree: Callable[..., Source], tmp_path: Path) -> None:
    root = tree({NOTES: "# nothing\n"}).root
    request = docker(source=SourceRequest(nixpkgs=str(root)), extras=(Extra.RELEASE_NOTE,), out=tmp_path / "proposal")
    with pytest.raises(RefusalError):
        propose(request, progress=Steps())
    assert not (tmp_path / "proposal").exists()
