"""What `unlet pr` did, as a JSON document and as lines for people."""

from __future__ import annotations

import json
from dataclasses import asdict
from shlex import join, quote
from typing import TYPE_CHECKING

from toolkit.model import Status
from toolkit.report import matrix, report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from toolkit.model import Made, Oid, PullRequest, Removed

SCHEMA = 1

_FORMAT = "format"


def to_json(done: PullRequest) -> bytes:
    """Return the document; `report` in it is that of `unlet propose --json`."""
    branch = done.made.contribution.branch if done.made is not None else None
    value = {
        "schema": SCHEMA,
        "clone": str(done.clone),
        "made": _made(done.made) if done.made is not None else None,
        "before": str(done.before) if done.before is not None else None,
        "range_diff": list(done.range_diff),
        "own_proofs": {proof.name: proof.status for proof in done.own_proofs},
        "onto": [asdict(each) for each in matrix.documents(done.matrix, repository=str(done.clone), branch=branch)],
        "warnings": list(done.warnings),
        "report": json.loads(report.to_json(done.report)),
    }
    return _bytes(value)


def removed_to_json(removed: Removed) -> bytes:
    """Return the document about a branch that was removed."""
    value = {
        "schema": SCHEMA,
        "clone": str(removed.clone),
        "removed": {
            "branch": removed.branch,
            "worktree": str(removed.worktree) if removed.worktree is not None else None,
            "commit": str(removed.commit) if removed.commit is not None else None,
        },
    }
    return _bytes(value)


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
    branch = done.made.contribution.branch if done.made is not None else None
    documents = matrix.documents(done.matrix, repository=str(done.clone), branch=branch)
    advice = [f"{each.branch}: ask for the label '{each.label}'" for each in documents if each.label is not None]
    advice += [f"{each.branch}: {each.command}" for each in documents if each.command is not None]
    return matrix.table(done.matrix), [*matrix.notes(done.matrix), *advice]


def _tip(made: Made) -> Oid:
    return made.own[-1][0] if made.own else made.contribution.commits[-1]


def _made(made: Made) -> dict[str, object]:
    kept = made.contribution
    return {
        "branch": kept.branch,
        "worktree": str(made.worktree),
        "base": {"name": made.base_name, "commit": str(kept.base_commit)},
        "author": made.author,
        "commits": [
            {"id": str(oid), "subject": subject} for oid, subject in zip(kept.commits, made.subjects, strict=True)
        ],
        "own": [{"id": str(oid), "subject": subject} for oid, subject in made.own],
        "with": list(kept.extras),
        "trailers": list(kept.trailers),
        "text": str(made.text),
        "text_beside": str(made.text_beside) if made.text_beside is not None else None,
        "title": made.title,
        "next": steps(made),
    }


def _bytes(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode(errors="backslashreplace")
