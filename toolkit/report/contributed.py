"""Format the result of `unlet pr` as JSON and as lines for people."""

from collections.abc import Iterator
from shlex import join, quote

from msgspec.structs import asdict

from toolkit import documents
from toolkit.contribution import MadeBranch, PullRequest, Removed
from toolkit.model import Status
from toolkit.report import report

SCHEMA = 4


def to_json(done: PullRequest | Removed) -> bytes:
    """Return the result of `unlet pr` as a JSON document.

    For one package, `report` has the form of `unlet propose --json`. A batch has the
    list `packages`.
    """
    if isinstance(done, Removed):
        return documents.write({"schema": SCHEMA, "removed": done})
    made = (
        {**asdict(done.made), "next": steps(done.made)}
        if done.made is not None
        else None
    )
    packages = [
        {"target": each.target, **report.outcome(each.result)} for each in done.attempts
    ]
    value = {name: each for name, each in asdict(done).items() if name != "attempts"}
    single = packages[0].get("report") if len(packages) == 1 else None
    return documents.write(
        {
            "schema": SCHEMA,
            **value,
            "made": made,
            "report": single,
            "packages": packages,
        }
    )


def steps(made: MadeBranch) -> dict[str, str]:
    """Return the commands that show a branch, edit its text, push it, and open it.

    The keys are `look`, `edit`, `push` and `open`. A branch that the remote already has
    is pushed with --force-with-lease, and `open` is left out.
    """
    kept, tree = made.contribution, str(made.worktree)
    base = kept.base_commit.short
    how = "--force-with-lease" if made.pushed else "--set-upstream"
    opening = [
        *(
            "gh",
            "pr",
            "create",
            "--draft",
            "--repo",
            "NixOS/nixpkgs",
            "--base",
            made.target_branch,
        ),
        *("--head", made.head, "--title", made.title, "--body-file", str(made.text)),
    ]
    return {
        "look": join(
            [
                "git",
                "-C",
                tree,
                "log",
                "--patch",
                "--reverse",
                "--color-moved=dimmed-zebra",
                f"{base}..",
            ]
        ),
        "edit": f"${{EDITOR:-vi}} {quote(str(made.text))}",
        "push": join(
            ["git", "-C", tree, "push", how, made.push or "REMOTE", kept.branch]
        ),
        **({} if made.pushed else {"open": join(opening)}),
    }


def lines(done: PullRequest) -> Iterator[str]:
    """Yield lines for people about the branch, and about the next steps."""
    made = done.made
    if made is None:
        yield _nothing(done)
        return
    kept, clone = made.contribution, quote(str(done.clone))
    yield (
        f"branch    {kept.branch}, on {made.base_name} ({kept.base_commit.short}), "
        f"by {made.author}"
    )
    for oid, subject in zip(kept.commits, made.subjects, strict=True):
        yield f"  {oid.short}  {subject}"
    yield from (f"  {oid.short}  {subject} (yours)" for oid, subject in made.own)
    yield f"worktree  {made.worktree}"
    tip = made.own[-1][0] if made.own else kept.commits[-1]
    if done.before is not None and done.before != tip:
        tree = str(made.worktree)
        back = join(["git", "-C", tree, "reset", "--keep", done.before.short])
        yield f"before    {done.before.short}; {back} goes back"
    yield f"text      {made.text}"
    if made.text_beside is not None:
        yield (
            "          you edited it, so the new text is beside it: "
            f"{made.text_beside.name}"
        )
    yield from _unformatted(done)
    for number in made.related:
        yield (
            f"first     comment on NixOS/nixpkgs #{number}: it has the same goal, and "
            "nixpkgs needs only one of the two"
        )
    yield from (f"{name:<8}  {command}" for name, command in steps(made).items())
    if made.push is None:
        # gh accepts no repository together with --remote.
        fork = "gh repo fork --remote --remote-name fork"
        yield (
            "          none of the clone's remotes is yours; create one: (cd "
            f"{clone} && {fork})"
        )
    undo = ["unlet", "pr", "--repo", str(done.clone), "--branch", kept.branch]
    yield f"undo      {join(undo)} --remove"


def _nothing(done: PullRequest) -> str:
    """Return a line that explains why no branch was created."""
    if not done.failed:
        return "no branch was created: no package remains"
    if done.before is None:
        return "no branch was created: a proof failed"
    return f"the branch stays at {done.before.short}, because a proof failed"


def _unformatted(done: PullRequest) -> Iterator[str]:
    """Yield the reasons why the format was not checked, each as a line."""
    proofs = [proof for report in done.reports for proof in report.proofs]
    reasons = {
        proof.reason or "": None
        for proof in proofs
        if (proof.name, proof.status) == ("format", Status.NOT_RUN)
    }
    for why in reasons:
        fact = why.removeprefix("because ")
        yield (
            "format    run nixfmt yourself, because nixpkgs' CI checks the "
            f"format: {fact}"
        )


def removed(done: Removed) -> str:
    """Return a line that confirms the removal of a branch."""
    was = f" (was {done.commit.short})" if done.commit is not None else ""
    at = f" and its worktree {done.worktree}" if done.worktree is not None else ""
    return f"removed branch {done.branch}{was}{at} from {done.clone}"
