"""What `unlet pr` did, as a JSON document and as lines for people."""

from __future__ import annotations

from shlex import join, quote
from typing import TYPE_CHECKING

from toolkit import documents
from toolkit.model import Status
from toolkit.report import matrix, report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.model import Made, Oid, PullRequest, Removed

SCHEMA = 1

_FORMAT = "format"


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
            "onto": [matrix.document(each, repository=str(done.clone), branch=_branch(done)) for each in done.matrix],
            "warnings": done.warnings,
            "report": report.document(done.report),
        }
    )


def removed_to_json(removed: Removed) -> bytes:
    """Return the document about a branch that was removed."""
    gone = {"branch": removed.branch, "worktree": removed.worktree, "commit": removed.commit}
    return documents.write({"schema": SCHEMA, "clone": removed.clone, "removed": gone})


def steps(made: Made) -> dict[str, str]:
    """Return the commands to look at a branch, edit the text, push, and open the pull request, each for a shell."""
    kept, tree = made.contribution, str(made.worktree)
    base = kept.base_commit.short
    return {
        "look": join(["git", "-C", tree, "log", "--patch", "--reverse", "--color-moved=dimmed-zebra", f"{base}.."]),
        "edit": f"${{EDITOR:-vi}} {quote(str(made.text))}",
        "push": join(["git", "-C", tree, "push", "--set-upstream", made.push or "REMOTE", kept.branch]),
        "open": join(
            [
                *("gh", "pr", "create", "--draft", "--repo", "NixOS/nixpkgs", "--base", made.target_branch),
                *("--head", made.head, "--title", made.title, "--body-file", str(made.text)),
            ]
        ),
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
    if done.before is not None and done.before != _tip(made) and not made.in_place:
        yield f"before    {done.before.short}; {back} goes back"
        yield from (f"  {line}" for line in done.range_diff)
    yield f"text      {made.text}"
    if made.text_beside is not None:
        yield f"          yours; the new one is {made.text_beside.name}, beside it"
    yield f"boxes     {made.text.with_name('boxes.md')}: which boxes of the template the proofs tick"
    for proof in done.report.proofs:
        if proof.name == _FORMAT and proof.status is Status.NOT_RUN:
            why = (proof.reason or "").removeprefix("because ")
            yield f"format    to be checked by you, as nixpkgs' CI does: {why}"
    for number in made.related:
        yield f"first     comment on NixOS/nixpkgs #{number}: it had the same goal, and only one of the two is needed"
    yield from (f"{name:<8}  {command}" for name, command in steps(made).items())
    if made.push is None:
        yield "          no remote is yours: gh repo fork NixOS/nixpkgs --remote, in the clone, makes one"
    remove = f"unlet pr --repo {quote(str(done.clone))} --branch {quote(kept.branch)} --remove"
    yield f"undo      {back if made.in_place else remove}"


def branches(done: PullRequest) -> tuple[list[list[str]], list[str]]:
    """Return the table of the further branches, and what there is to say and to do about them."""
    if not done.matrix:
        return [], []
    labels = {each.branch: matrix.label(each) for each in done.matrix}
    commands = {
        each.branch: matrix.command(each, repository=str(done.clone), branch=_branch(done)) for each in done.matrix
    }
    advice = [f"{branch}: ask for the label '{label}'" for branch, label in labels.items() if label is not None]
    advice += [f"{branch}: {command}" for branch, command in commands.items() if command is not None]
    return matrix.table(done.matrix), [*matrix.notes(done.matrix), *advice]


def _branch(done: PullRequest) -> str | None:
    return done.made.contribution.branch if done.made is not None else None


def _tip(made: Made) -> Oid:
    return made.own[-1][0] if made.own else made.contribution.commits[-1]


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
