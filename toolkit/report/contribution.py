"""What `unlet pr` did, as a JSON document and as lines for people; among it how far a series carries.

That is a row for each further branch, what stood in the way, and which backports to ask for. What is said of backports
are upstream's rules: CONTRIBUTING.md of nixpkgs, its workflows backport.yml and periodic-merge-*.yml, and
ci/github-script/commits.js, which looks at the commits of a backport.
"""

from __future__ import annotations

import re
from shlex import join, quote
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from toolkit import documents
from toolkit.model import Fit, Status
from toolkit.report import report
from toolkit.report.markdown import fence, table_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolkit.contribution import Made, Ported, PullRequest, Removed, Unchanged

SCHEMA = 1

FORK = "gh repo fork --remote --remote-name fork"
"""Adds a fork as a remote; gh takes no repository beside --remote."""


def to_json(done: PullRequest) -> bytes:
    """Return the document; `report` in it is that of `unlet propose --json`."""
    return documents.write(
        {
            "schema": SCHEMA,
            "clone": done.clone,
            "made": _made(done.made) if done.made is not None else None,
            "before": done.before,
            "range_diff": done.range_diff,
            "own_proofs": {proof.name: proof.status for proof in done.own_proofs},
            "onto": [document(each, repository=str(done.clone), branch=_branch(done)) for each in done.matrix],
            "warnings": done.warnings,
            "report": report.document(done.report),
        }
    )


def unchanged_to_json(unchanged: Unchanged) -> bytes:
    """Return the document about a branch that has nothing to move to."""
    base = {"name": unchanged.base_name, "commit": unchanged.base}
    same = {"branch": unchanged.branch, "commit": unchanged.commit, "base": base}
    return documents.write({"schema": SCHEMA, "clone": unchanged.clone, "unchanged": same})


def removed_to_json(removed: Removed) -> bytes:
    """Return the document about a branch that was removed."""
    gone = {"branch": removed.branch, "worktree": removed.worktree, "commit": removed.commit}
    return documents.write({"schema": SCHEMA, "clone": removed.clone, "removed": gone})


def steps(made: Made) -> dict[str, str]:
    """Return the commands to look at a branch, edit the text, push, and open the pull request, each for a shell.

    A branch that was pushed has its pull request: it is pushed again, over what was there, and none is opened.
    """
    kept, tree = made.contribution, str(made.worktree)
    base = kept.base_commit.short
    how = "--force-with-lease" if made.pushed else "--set-upstream"
    opening = [
        *("gh", "pr", "create", "--draft", "--repo", "NixOS/nixpkgs", "--base", made.target_branch),
        *("--head", made.head, "--title", made.title, "--body-file", str(made.text)),
    ]
    return {
        "look": join(["git", "-C", tree, "log", "--patch", "--reverse", "--color-moved=dimmed-zebra", f"{base}.."]),
        "edit": f"${{EDITOR:-vi}} {quote(str(made.text))}",
        "push": join(["git", "-C", tree, "push", how, made.push or "REMOTE", kept.branch]),
        **({} if made.pushed else {"open": join(opening)}),
    }


def lines(done: PullRequest) -> Iterator[str]:
    """Yield what was made, and what to do next."""
    made = done.made
    if made is None:
        stays = f"the branch stays at {done.before.short}" if done.before is not None else "no branch was made"
        yield f"{stays}: a proof failed"
        return
    kept = made.contribution
    base = "your checkout" if made.in_place else made.base_name
    yield f"branch    {kept.branch}, on {base} ({kept.base_commit.short}), by {made.author}"
    for oid, subject in zip(kept.commits, made.subjects, strict=True):
        yield f"  {oid.short}  {subject}"
    yield from (f"  {oid.short}  {subject} (yours)" for oid, subject in made.own)
    yield f"worktree  {made.worktree}"
    back = join(["git", "-C", str(made.worktree), "reset", "--keep", (done.before or kept.base_commit).short])
    tip = made.own[-1][0] if made.own else kept.commits[-1]
    if done.before is not None and done.before != tip and not made.in_place:
        yield f"before    {done.before.short}; {back} goes back"
        yield from (f"  {line}" for line in done.range_diff)
    yield f"text      {made.text}"
    if made.text_beside is not None:
        yield f"          yours; the new one is {made.text_beside.name}, beside it"
    yield f"boxes     {made.text.with_name('boxes.md')}: the boxes of the template that a proof backs"
    for proof in done.report.proofs:
        if proof.name == "format" and proof.status is Status.NOT_RUN:
            why = (proof.reason or "").removeprefix("because ")
            yield f"format    to be checked by you, as nixpkgs' CI does: {why}"
    for number in made.related:
        yield f"first     comment on NixOS/nixpkgs #{number}: it had the same goal, and only one of the two is needed"
    yield from (f"{name:<8}  {command}" for name, command in steps(made).items())
    if made.push is None:
        yield f"          no remote is yours: (cd {quote(str(done.clone))} && {FORK}) makes one"
    remove = f"unlet pr --repo {quote(str(done.clone))} --branch {quote(kept.branch)} --remove"
    yield f"undo      {back if made.in_place else remove}"


def branches(done: PullRequest) -> tuple[list[list[str]], list[str]]:
    """Return the table of the further branches, and what there is to say and to do about them."""
    if not done.matrix:
        return [], []
    labels = {each.branch: label(each) for each in done.matrix}
    commands = {each.branch: command(each, repository=str(done.clone), branch=_branch(done)) for each in done.matrix}
    advice = [f"{branch}: ask for the label '{label}'" for branch, label in labels.items() if label is not None]
    advice += [f"{branch}: {command}" for branch, command in commands.items() if command is not None]
    return table(done.matrix), [*notes(done.matrix), *advice]


def _branch(done: PullRequest) -> str | None:
    return done.made.contribution.branch if done.made is not None else None


def _made(made: Made) -> dict[str, object]:
    kept = made.contribution
    commits = zip(kept.commits, made.subjects, strict=True)
    return {
        "branch": kept.branch,
        "worktree": made.worktree,
        "base": {"name": made.base_name, "commit": kept.base_commit},
        "author": made.author,
        "commits": [{"id": oid, "subject": subject} for oid, subject in commits],
        "own": [{"id": oid, "subject": subject} for oid, subject in made.own],
        "with": kept.extras,
        "trailers": kept.trailers,
        "text": made.text,
        "text_beside": made.text_beside,
        "title": made.title,
        "next": steps(made),
    }


NO_REBUILD = "no-rebuild"

_NONE = "-"
_RULES = "https://github.com/NixOS/nixpkgs/blob/master/CONTRIBUTING.md"

# A paragraph is one line: GitHub breaks a line of a pull request wherever the text does.
_LABEL = (
    "A label works on a pull request to master, before or after that is merged. Once it is, a workflow picks its "
    "commits with `git cherry-pick -x` and opens a pull request to the branch. Only maintainers of nixpkgs can set "
    f"labels: ask for it in a comment ([how to backport]({_RULES}#how-to-backport-pull-requests))."
)

_OWN = (
    "The commits of a branch of its own are not cherry-picks. Upstream's check of backports expects each message to "
    "name the commit on master, as `cherry-pick -x` does, and shows reviewers how the two differ; or to end with a "
    "line `Not-cherry-picked-because: REASON`."
)


def table(matrix: Sequence[Ported]) -> list[list[str]]:
    """Return the table's rows, the first of which is its head; every row has as many cells."""
    return [
        ["branch", "release", "the series", "made afresh", "proofs"],
        *([each.branch, each.newest or _NONE, _fit(each), _afresh(each), _proofs(each)] for each in matrix),
    ]


def notes(matrix: Sequence[Ported]) -> list[str]:
    """Return what does not fit in a cell, a line each: what stood in the way, and why a proof failed."""
    lines: list[str] = []
    for each in matrix:
        if each.reason is not None:
            lines.append(f"{each.branch}: {each.reason}")
        failed: dict[str, list[str]] = {}
        for name, reason in _failures(each).items():
            # The place of the file is that of a copy, and another one for some proofs.
            failed.setdefault(re.sub(r"(?<![^\s'«])/\S*/(?=default\.nix\b)", "", reason), []).append(name)
        lines += [f"{each.branch}: {', '.join(names)} failed: {reason}" for reason, names in failed.items()]
    return lines


def markdown(matrix: Sequence[Ported]) -> list[str]:
    """Return table and notes as lines of Markdown, none where no branch was tried."""
    if not matrix:
        return []
    lines = table_lines(table(matrix))
    if said := notes(matrix):
        lines += ["", *(f"- {' '.join(line.split())}" for line in said)]
    return lines


def document(ported: Ported, *, repository: str, branch: str | None) -> dict[str, object]:
    """Return a branch in the JSON form: the fields of Ported, with `proofs` as statuses by name.

    `failures` are the reasons of those that failed. `label` is the one to ask for, `command` what makes a branch of its
    own; both are missing where neither is of use. `repository` and `branch` are those of `unlet pr`, for commands.
    """
    return {
        **asdict(ported),
        "proofs": {proof.name: proof.status for proof in ported.proofs},
        "failures": _failures(ported),
        "label": label(ported),
        "command": command(ported, repository=repository, branch=branch),
    }


def label(ported: Ported) -> str | None:
    """Return the label that makes upstream's workflow open a backport, where the commits can be picked as they are."""
    version = _release(ported.branch)
    return f"backport release-{version}" if version is not None and _carries(ported) else None


def command(ported: Ported, *, repository: str = "REPO", branch: str | None = None) -> str | None:
    """Return the command for a pull request of its own to a release branch that the commits cannot be picked on.

    None if the rewrite has nothing to offer either, or if there is no need. `branch` is what the first
    pull request's branch is called: this one needs another name.
    """
    version = _release(ported.branch)
    proven = ported.proofs and not _failures(ported)
    # What the rewrite makes there is something else, to be proven by that command, or it is what was proven.
    made = ported.afresh is False or (proven and (ported.afresh or ported.fit is Fit.CONFLICTS))
    if version is None or _carries(ported) or not made:
        return None
    named = ("--branch", f"{branch}-{version}") if branch is not None else ()
    return f"unlet pr {join(('--repo', repository, '--base', ported.branch, *named))}"


def backports(
    matrix: Sequence[Ported], behaviour: str, *, repository: str = "REPO", branch: str | None = None
) -> list[str]:
    """Return what to do about the branches as lines of Markdown, none if none of them takes a backport.

    `behaviour` names what the second commit changes for users. `repository` and `branch` are as for `document`.
    """
    said = [line for each in matrix for line in _advice(each, repository, branch)]
    if any(label(each) for each in matrix):
        said += ["", _LABEL]
    if any(command(each) for each in matrix):
        said += ["", _OWN]
    if any(_release(each.branch) for each in matrix):
        said += ["", *_acceptable(matrix, behaviour)]
    return said


def _acceptable(matrix: Sequence[Ported], behaviour: str) -> Iterator[str]:
    """Yield what upstream asks of a backport, and how the two commits stand to that."""
    yield (
        "Releases accept only changes that are compatible with earlier behaviour, and only while they are supported "
        f"([rules]({_RULES}#changes-acceptable-for-releases)):"
    )
    yield ""
    proven = [each.branch for each in matrix if _release(each.branch) and _passed(each, NO_REBUILD)]
    shown = f" That is proven on {', '.join(proven)}." if proven else " <!-- Not proven on any of them. -->"
    yield f"- Commit 1 is meant to rebuild nothing and to leave all overrides as they are.{shown}"
    yield f"- Commit 2 changes behaviour: {behaviour}. State that, or have only commit 1 backported."


def _advice(each: Ported, repository: str, branch: str | None) -> Iterator[str]:
    """Yield what to do about one branch."""
    name = each.branch.rpartition("/")[2]
    if re.fullmatch(r"(nixos|nixpkgs)-.+", name):
        yield f"- `{each.branch}` is a channel: it takes no pull requests, and follows master or `release-YY.MM`."
    elif (staging := re.fullmatch(r"staging(?:-next)?(-\d\d\.\d\d)?", name)) is not None:
        source = f"release{staging[1]}" if staging[1] else "master"
        clash = "" if _carries(each) or each.fit is Fit.UNNEEDED else " Somebody has to review that merge."
        yield (
            f"- `{each.branch}` is for mass rebuilds and needs no pull request: upstream merges `{source}` into it "
            f"regularly, directly or by staging-next.{clash}"
        )
    elif _release(each.branch) is not None:
        yield from _release_advice(each, repository, branch)


def _release_advice(each: Ported, repository: str, branch: str | None) -> Iterator[str]:
    if (wanted := label(each)) is not None:
        yield f"- `{each.branch}`: ask for the label `{wanted}`."
    elif each.fit is Fit.UNNEEDED:
        yield f"- `{each.branch}`: nothing to backport."
    elif (own := command(each, repository=repository, branch=branch)) is not None:
        why = "the commits cannot be picked there" if each.conflicts else "picked, the commits are wrong there"
        yield f"- `{each.branch}`: {why}. This makes a branch of its own:"
        yield ""
        yield from (f"  {line}" for line in fence((own,), "sh").splitlines())
        yield ""
    else:
        yield f"- `{each.branch}`: the commits cannot be picked, and no rewrite of its file is proven."


def _carries(each: Ported) -> bool:
    """Return whether the commits can be picked on the branch, and the result is proven."""
    return (
        each.fit in {Fit.APPLIES, Fit.MERGES}
        and not each.conflicts
        and bool(each.proofs)
        and not _failures(each)
        and _passed(each, NO_REBUILD)
    )


def _release(branch: str) -> str | None:
    """Return the version of a release branch, `YY.MM`, whatever remote it is of."""
    found = re.fullmatch(r"(?:.*/)?release-(\d\d\.\d\d)", branch)
    return found[1] if found is not None else None


def _passed(each: Ported, name: str) -> bool:
    return any(proof.name == name and proof.status is Status.PASSED for proof in each.proofs)


def _failures(each: Ported) -> dict[str, str]:
    return {proof.name: proof.reason or _NONE for proof in each.proofs if proof.status is Status.FAILED}


def _fit(each: Ported) -> str:
    where = f" at line {', '.join(map(str, each.conflicts))}" if each.conflicts else ""
    moved = f", moved by {each.offset} {'line' if each.offset == 1 else 'lines'}" if each.offset else ""
    if each.fit is Fit.CONFLICTS:
        return f"{each.fit}{where}"
    return f"{each.fit}{moved}{f', cherry-pick conflicts{where}' if where else ''}"


def _afresh(each: Ported) -> str:
    if each.afresh is None:
        return "instead" if each.fit is Fit.CONFLICTS and each.proofs else _NONE
    if each.afresh:
        return "the same"
    return "1 line differs" if each.differing == 1 else f"{each.differing} lines differ"


def _proofs(each: Ported) -> str:
    counts = {status: sum(proof.status is status for proof in each.proofs) for status in Status}
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count) or _NONE
