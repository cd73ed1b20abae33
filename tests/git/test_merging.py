from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from toolkit.git import mailing
from toolkit.git.merging import merge
from toolkit.model import Commit, Fit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path, PurePosixPath

    from tests.remotes import Repository
    from toolkit.git.merging import Merged

BEFORE = "".join(f"line {number}\n" for number in range(1, 201))
LIFTED = BEFORE.replace("line 50\n", "lifted 50\nadded\nadded too\n")
DEMOTED = LIFTED.replace("line 150\n", "demoted 150\n")
COMMITS = (
    Commit(subject="lift", body="", before=BEFORE.encode(), after=LIFTED.encode()),
    Commit(subject="demote", body="", before=LIFTED.encode(), after=DEMOTED.encode()),
)


def changed(*pairs: tuple[str, str], text: str = BEFORE) -> str:
    """Replace texts that stand once in the file."""
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@pytest.fixture
def carry(target: PurePosixPath) -> Callable[..., tuple[Merged, ...]]:
    def onto(content: str | bytes, commits: Sequence[Commit] = COMMITS) -> tuple[Merged, ...]:
        content = content if isinstance(content, bytes) else content.encode()
        return merge(content, target, commits, mailing.series(commits, target).patches)

    return onto


def texts(merged: Sequence[Merged]) -> list[str | None]:
    return [step.content.decode() if step.content is not None else None for step in merged]


def test_commits_apply_to_the_file_that_they_were_made_for(carry: Callable[..., tuple[Merged, ...]]) -> None:
    merged = carry(BEFORE)
    assert texts(merged) == [LIFTED, DEMOTED]
    assert [(step.fit, step.offset, step.conflicts, step.reason) for step in merged] == [(Fit.APPLIES, 0, (), None)] * 2


def test_moved_lines_are_an_offset(carry: Callable[..., tuple[Merged, ...]]) -> None:
    top, middle = ("line 10\n", "line 10\nnew\nnew\n"), ("line 100\n", "line 100\nnew\n")
    merged = carry(changed(top, middle))
    assert texts(merged) == [changed(top, middle, text=LIFTED), changed(top, middle, text=DEMOTED)]
    # The second commit is tried on the result of the first.
    assert [(step.fit, step.offset) for step in merged] == [(Fit.APPLIES, 2), (Fit.APPLIES, 3)]


def test_change_beside_a_hunk_is_merged(carry: Callable[..., tuple[Merged, ...]]) -> None:
    beside = ("line 52\n", "theirs\n")
    merged = carry(changed(beside))
    assert texts(merged) == [changed(beside, text=LIFTED), changed(beside, text=DEMOTED)]
    assert [(step.fit, step.offset, step.reason) for step in merged] == [
        (Fit.MERGES, 0, None),
        (Fit.APPLIES, 0, None),
    ]


def test_conflict_names_the_line_and_ends_it(carry: Callable[..., tuple[Merged, ...]]) -> None:
    (step,) = carry(changed(("line 10\n", "line 10\nnew\nnew\n"), ("line 50\n", "theirs\n")))
    assert (step.fit, step.content, step.conflicts, step.reason) == (Fit.CONFLICTS, None, (52,), "conflicts")


def test_conflicts_of_the_second_commit_are_lines_of_the_file_before_the_first(
    carry: Callable[..., tuple[Merged, ...]],
) -> None:
    theirs = changed(("line 10\n", "line 10\nnew\n"), ("line 150\n", "theirs\n"))
    lifted, demoted = carry(theirs)
    assert (lifted.fit, lifted.offset) == (Fit.APPLIES, 1)
    assert (demoted.fit, demoted.content, demoted.conflicts) == (Fit.CONFLICTS, None, (151,))
    assert theirs.splitlines()[150] == "theirs"


def test_lines_that_the_first_commit_made_are_where_it_made_them(carry: Callable[..., tuple[Merged, ...]]) -> None:
    demoted = LIFTED.replace("added too\nline 51\nline 52\n", "demoted\n")
    second = Commit(subject="demote", body="", before=LIFTED.encode(), after=demoted.encode())
    theirs = changed(("line 52\n", "theirs\n"), ("line 10\n", "line 10\nnew\n"))
    lifted, conflicting = carry(theirs, (COMMITS[0], second))
    assert lifted.fit is Fit.MERGES
    assert conflicting.conflicts == (51,)
    assert theirs.splitlines()[50] == "line 50"


def test_each_conflict_of_a_commit_has_its_line(carry: Callable[..., tuple[Merged, ...]]) -> None:
    commits = (Commit(subject="both", body="", before=BEFORE.encode(), after=DEMOTED.encode()),)
    (step,) = carry(changed(("line 50\n", ""), ("line 150\n", "theirs\n"), ("line 10\n", "line 10\nnew\n")), commits)
    # Where their side has no line, it is the one that follows.
    assert step.conflicts == (51, 150)


@pytest.mark.parametrize("end", ["line 198\n", "line 198", "", "\n"])
def test_conflict_at_the_end_is_a_line_of_the_file(carry: Callable[..., tuple[Merged, ...]], end: str) -> None:
    commits = (Commit(subject="a", body="", before=BEFORE.encode(), after=BEFORE.encode() + b"ours\n"),)
    theirs = BEFORE.removesuffix("line 198\nline 199\nline 200\n") + end
    (step,) = carry(theirs, commits)
    assert step.conflicts == (len(theirs.splitlines()),)


def test_conflict_with_an_empty_file_has_no_line(carry: Callable[..., tuple[Merged, ...]]) -> None:
    (step,) = carry("")
    assert (step.fit, step.conflicts) == (Fit.CONFLICTS, ())


def test_conflict_markers_in_the_file_are_no_conflict(carry: Callable[..., tuple[Merged, ...]]) -> None:
    markers = "<<<<<<< HEAD\nline 20\n=======\nother\n>>>>>>> 123\n"
    (step,) = carry(changed(("line 20\n", markers), ("line 50\n", "theirs\n")))
    assert step.conflicts == (54,)


def test_what_am_takes_and_cherry_pick_does_not_is_told(carry: Callable[..., tuple[Merged, ...]]) -> None:
    block = "".join(f"line {number}\n" for number in range(40, 61))
    rest = changed((block, ""))
    lifted, _ = carry(rest + block)
    assert (lifted.fit, lifted.offset) == (Fit.APPLIES, 140)
    assert lifted.content == (rest + block.replace("line 50\n", "lifted 50\nadded\nadded too\n")).encode()
    assert lifted.conflicts == (40,)
    assert lifted.reason == "applies by git am, conflicts by git cherry-pick"


def test_where_am_mistakes_the_place_cherry_pick_counts(carry: Callable[..., tuple[Merged, ...]]) -> None:
    copy = "".join(f"line {number}\n" for number in range(46, 55))
    theirs = changed(("line 48\n", "theirs\n")) + copy
    lifted, demoted = carry(theirs)
    assert lifted.content == changed(("line 48\n", "theirs\n"), text=LIFTED).encode() + copy.encode()
    assert (lifted.fit, lifted.offset) == (Fit.MERGES, 0)
    assert lifted.reason == "git am and git cherry-pick put it in different places"
    assert demoted.fit is Fit.APPLIES


def test_commit_that_is_there_already_changes_nothing(carry: Callable[..., tuple[Merged, ...]]) -> None:
    lifted, demoted = carry(LIFTED)
    assert (lifted.fit, lifted.content) == (Fit.MERGES, LIFTED.encode())
    assert (demoted.fit, demoted.content) == (Fit.APPLIES, DEMOTED.encode())


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_bytes_stay_as_they_are(carry: Callable[..., tuple[Merged, ...]], ending: str) -> None:
    def shaped(text: str) -> bytes:
        return text.replace("\n", ending).removesuffix(ending).encode() + "\N{SNOWMAN}".encode()

    commits = [
        Commit(
            subject=commit.subject, body="", before=shaped(commit.before.decode()), after=shaped(commit.after.decode())
        )
        for commit in COMMITS
    ]
    beside = ("line 52\n", "theirs\n")
    merged = carry(shaped(changed(beside)), commits)
    assert [step.content for step in merged] == [shaped(changed(beside, text=text)) for text in (LIFTED, DEMOTED)]


def test_configuration_of_the_user_has_no_say(carry: Callable[..., tuple[Merged, ...]], sealed: Path) -> None:
    hooks = sealed / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {sealed}/ran\nexit 1\n")
        (hooks / name).chmod(0o755)
    attributes = sealed / "attributes"
    attributes.write_text("* merge=ours text eol=crlf\n")
    (sealed / ".gitconfig").write_text(
        f"[core]\n\thooksPath = {hooks}\n\tattributesFile = {attributes}\n\tautocrlf = true\n"
        '[commit]\n\tgpgSign = true\n[merge]\n\tconflictStyle = diff3\n[merge "ours"]\n\tdriver = false\n'
        "[diff]\n\talgorithm = patience\n"
    )
    beside = ("line 52\n", "theirs\n")
    assert texts(carry(changed(beside))) == [changed(beside, text=LIFTED), changed(beside, text=DEMOTED)]
    (step,) = carry(changed(("line 50\n", "theirs\n")))
    assert step.conflicts == (50,)
    assert not (sealed / "ran").exists()


@pytest.mark.parametrize(
    ("theirs", "picked", "mailed"),
    [
        (BEFORE, True, True),
        (changed(("line 10\n", "new\nnew\n")), True, True),
        (changed(("line 52\n", "theirs\n")), True, False),
        (changed(("line 50\n", "theirs\n")), False, False),
    ],
)
def test_answer_is_what_git_does_in_a_clone(  # noqa: PLR0913 - what is compared, and what with
    carry: Callable[..., tuple[Merged, ...]],
    new_repository: Callable[[str], Repository],
    target: PurePosixPath,
    tmp_path: Path,
    theirs: str,
    *,
    picked: bool,
    mailed: bool,
) -> None:
    clone = new_repository("clone")
    root = clone.commit({"README.md": "a\n"})
    clone.git("checkout", "--quiet", "-b", "ours")
    clone.commit({str(target): BEFORE})
    ids = [clone.commit({str(target): commit.after}) for commit in COMMITS]
    clone.git("checkout", "--quiet", "-b", "theirs", root)
    there = clone.commit({str(target): theirs})
    file = clone.path / target
    merged = carry(theirs)
    mails: list[Path] = []
    for patch in mailing.series(COMMITS, target).patches:
        mails.append(tmp_path / patch.name)
        mails[-1].write_bytes(patch.content)
    results: list[bool] = []
    for command in (["cherry-pick", *ids], ["am", *map(str, mails)]):
        clone.git("reset", "--quiet", "--hard", there)
        done = subprocess.run(["git", "-C", clone.path, *command], capture_output=True, check=False)
        results.append(done.returncode == 0)
        if done.returncode == 0:
            assert file.read_bytes() == merged[-1].content
        else:
            clone.git(command[0], "--abort")
    assert results == [picked, mailed]
    assert (merged[-1].content is not None) is picked
    assert all(step.fit is Fit.APPLIES for step in merged) is mailed
