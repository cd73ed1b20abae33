"""A user's clone: its remotes, its branches, its authors, and fetches into it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from toolkit import inside
from toolkit.errors import CommandError, ToolkitError, UsageError
from toolkit.git import calls, fetching, reading
from toolkit.model import Oid

_OWNER_AND_NAME = re.compile(r"[/:]([^/:]+/[^/]+?)(?:\.git)?/?$")


class Clone(Struct, frozen=True, kw_only=True):
    """A user's repository.

    `top` is the worktree's top directory, or the git directory of a bare repository;
    `common` is the git directory that all its worktrees share. `remotes` maps names to
    URLs; `upstream` names the one that is `OWNER/NAME` on GitHub. A `partial` clone
    lacks objects, and fetches them on demand.
    """

    top: Path
    common: Path
    remotes: Mapping[str, str]
    upstream: str | None
    partial: bool


class Base(Struct, frozen=True, kw_only=True):
    """A commit on which a branch starts.

    `name` is its usual name, such as `origin/master`.

    `branch` is its name on its `remote`, or in the clone if `remote` is None; None if
    the base is not a branch.
    """

    name: str
    commit: Oid
    branch: str | None = None
    remote: str | None = None


class Branches(Struct, frozen=True, kw_only=True):
    """The branches of a clone by name, and the git directory that has them.

    If several remotes have the name, `upstream`'s branch wins, then that of a remote
    called upstream, then `origin`'s, then a local one, which may be outdated; `refs`
    has the full names. `fetched` is the time of the last fetch, in seconds since the
    epoch, or None.
    """

    repository: Path
    commits: Mapping[str, Oid]
    refs: Mapping[str, str]
    fetched: int | None
    shallow: frozenset[str]


def open_clone(directory: Path, remote: str) -> Clone:
    """Open the clone around `directory`; `remote` is an upstream URL.

    Raise ToolkitError if it is not a git repository, or the user may not read it.
    """
    if not directory.is_dir():
        raise ToolkitError(
            f"{directory}: no such directory",
            hint="name your clone of nixpkgs with --repo",
        )
    with reading.explaining(directory):
        asked = ("--path-format=absolute", "--git-common-dir", "--is-bare-repository")
        common, bare = calls.run_reading(
            directory, "rev-parse", *asked, found=False
        ).names.rsplit("\n", 1)
        top = Path(common) if bare == "true" else calls.worktree(directory)
        configured = settings(Path(common))
    urls = {name: url for name, key, url in configured if key == "url"}
    wanted = owner_and_name(remote)
    return Clone(
        top=top,
        common=Path(common),
        remotes=urls,
        upstream=next(
            (name for name, url in urls.items() if owner_and_name(url) == wanted), None
        ),
        partial=any(
            key in {"promisor", "partialclonefilter"} for _, key, _ in configured
        ),
    )


def branches(directory: Path, upstream: str) -> Branches:
    """Return the branches of the clone at `directory`.

    `upstream` is `OWNER/NAME` on GitHub. Raise ToolkitError if it is not a repository.
    """
    with reading.explaining(directory):
        head, common = (
            calls.run_reading(
                directory, "rev-parse", "--path-format=absolute", what, found=False
            ).names
            for what in ("--git-dir", "--git-common-dir")
        )
        repository = Path(common)
        listed = calls.run_reading(
            repository,
            "for-each-ref",
            "--format=%(objectname) %(refname)",
            "refs/heads",
            "refs/remotes",
            "refs/pull",
        ).text
        urls = ((name, url) for name, key, url in settings(repository) if key == "url")
        ours = {name for name, url in urls if owner_and_name(url) == upstream.lower()}
    best: dict[str, tuple[int, Oid, str]] = {}
    for line in listed.splitlines():
        oid, name = line.split(" ", 1)
        rank, short = _rank(name, ours)
        if short != "HEAD" and rank < best.get(short, (9,))[0]:
            best[short] = rank, Oid(oid), name
    times = [
        path.stat().st_mtime
        for path in {Path(head) / "FETCH_HEAD", repository / "FETCH_HEAD"}
        if path.is_file()
    ]
    shallow = inside.find(repository, "shallow") or b""
    return Branches(
        repository=repository,
        commits={name: oid for name, (_, oid, _) in best.items()},
        refs={name: ref for name, (_, _, ref) in best.items()},
        fetched=int(max(times)) if times else None,
        shallow=frozenset(shallow.decode("ascii", "replace").split()),
    )


def find_base(clone: Clone, name: str) -> Base:
    """Return the commit of a branch, or of any other name of a commit.

    A branch of upstream has precedence. Raise ToolkitError if the clone does not know
    the name.
    """
    upstream = (
        owner_and_name(clone.remotes[clone.upstream])
        if clone.upstream is not None
        else None
    )
    known = branches(clone.common, upstream or "/")
    commit = known.commits.get(name)
    if commit is not None:
        ref = known.refs[name]
        short = ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")
        remote = (
            short.removesuffix(f"/{name}") if ref.startswith("refs/remotes/") else None
        )
        return Base(name=short, commit=commit, branch=name, remote=remote)
    remote = next((each for each in clone.remotes if name.startswith(f"{each}/")), None)
    branch = name.removeprefix(f"{remote}/") if remote is not None else None
    try:
        return Base(
            name=name,
            commit=reading.locate(clone.common, name).commit,
            branch=branch,
            remote=remote,
        )
    except UsageError:
        raise UsageError(f"--base: {name!r} is not a commit, branch or tag") from None
    except ToolkitError as error:
        hint = "name one that exists with --base NAME, or add --fetch to download it"
        raise ToolkitError(
            f"{clone.top}: has no branch, tag or commit '{name}'", hint=hint
        ) from error


def fetch_branches(clone: Clone, names: Sequence[str]) -> None:
    """Fetch branches from the remotes that their names begin with, else from upstream.

    Only these remote-tracking branches move in the clone. Raise ToolkitError if the
    fetch fails.
    """
    preferred = _home(clone)
    if preferred is None:
        raise ToolkitError(
            f"{clone.top}: has no remote to fetch from",
            hint="git remote add upstream URL",
        )
    wanted: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        remote = next(
            (each for each in clone.remotes if name.startswith(f"{each}/")), preferred
        )
        branch = name.removeprefix(f"{remote}/")
        wanted.setdefault(remote, []).append(
            f"+refs/heads/{branch}:refs/remotes/{remote}/{branch}"
        )
    for remote, refs in wanted.items():
        _fetch(clone, remote, *refs)


def fetch_files(clone: Clone, commit: Oid) -> None:
    """Fetch the objects that `reading.missing_files` returns.

    Raise ToolkitError if the fetch fails.
    """
    missing = reading.missing_files(clone.common, commit)
    if not missing:
        return
    # As git itself gets the objects that a promisor remote has promised.
    options = ("--quiet", "--filter=blob:none", "--no-write-fetch-head", "--stdin")
    _fetch(
        clone,
        clone.upstream or "origin",
        *options,
        stdin="".join(f"{oid}\n" for oid in missing).encode(),
    )


def _fetch(clone: Clone, remote: str, *words: str, stdin: bytes | None = None) -> None:
    settings = ("-c", "fetch.negotiationAlgorithm=noop") if stdin is not None else ()
    try:
        calls.run_network(
            clone.top,
            *settings,
            "fetch",
            "--no-tags",
            *fetching.ALONE,
            remote,
            *words,
            stdin=stdin,
        )
    except CommandError as error:
        raise ToolkitError(
            f"{clone.top}: cannot fetch from '{remote}': {reading.fact(error.stderr)}"
        ) from error


def people(clone: Clone) -> Mapping[str, str]:
    """Return the `author` and the `committer` of future commits in the clone.

    Raise ToolkitError if git does not know the user, or if nixpkgs' CI would reject the
    address.
    """
    found: dict[str, str] = {}
    hint = (
        "git config --global user.name 'YOUR NAME' and git config --global "
        "user.email YOU@EXAMPLE.ORG"
    )
    for who in ("author", "committer"):
        asked = calls.run_contributing(
            clone.top, "var", f"GIT_{who.upper()}_IDENT", ok=None
        )
        if asked.status != 0 or "<>" in asked.text:
            raise ToolkitError(
                f"{clone.top}: git has no name and address for the commits", hint=hint
            )
        found[who] = asked.text.rsplit(" ", 2)[0]
        if not re.search(r"<.+@.*>$", found[who]):
            # As nixpkgs' CI sees it (ci/github-script/lint-commits.js there).
            raise ToolkitError(
                f"{clone.top}: the email address of the {who} '{found[who]}' has no @",
                hint=hint,
            )
    return found


def branch_commit(clone: Clone, branch: str) -> Oid | None:
    """Return the commit of a local branch, or None if the branch does not exist.

    Raise UsageError for an invalid branch name.
    """
    if calls.run_reading(
        clone.common, "check-ref-format", "--branch", branch, ok=None
    ).status != 0 or (branch.startswith(("-", "@{"))):
        raise UsageError(f"--branch: {branch!r} is not a valid name for a branch")
    asked = calls.run_reading(
        clone.common,
        "rev-parse",
        "--verify",
        "--quiet",
        f"refs/heads/{branch}",
        ok=(0, 1),
    )
    return Oid(asked.text) if asked.status == 0 else None


def is_pushed(clone: Clone, commit: Oid) -> bool:
    """Return whether a remote branch has the commit, as far as the clone knows."""
    listed = (
        "for-each-ref",
        "--count=1",
        "--format=%(refname)",
        f"--contains={commit}",
        "refs/remotes",
    )
    return bool(calls.run_reading(clone.common, *listed).text)


def has_branch(clone: Clone, remote: str, branch: str) -> bool:
    """Return whether a remote has a branch, as far as the clone knows."""
    asked = ("show-ref", "--verify", "--quiet", f"refs/remotes/{remote}/{branch}")
    return calls.run_reading(clone.common, *asked, ok=(0, 1)).status == 0


def push_remote(clone: Clone, base: Base) -> str | None:
    """Return the remote to push a branch to: the configured one, `origin` or any.

    It is never the base's repository, by whatever URL, unless that is a fork on GitHub.
    """
    own = base.remote or _home(clone)
    forked = (
        own != clone.upstream
        and github_owner(clone.remotes.get(own or "", "")) is not None
    )
    theirs = {
        _place(clone.remotes.get(name or "", ""))
        for name in (clone.upstream, None if forked else own)
    }
    asked = calls.run_reading(
        clone.common, "config", "--get", "remote.pushDefault", ok=(0, 1)
    ).text
    others = [name for name, url in clone.remotes.items() if _place(url) not in theirs]
    if asked and (asked in others or asked not in clone.remotes):
        return asked
    return "origin" if "origin" in others else next(iter(others), None)


def _place(url: str) -> str:
    return owner_and_name(url) or url


def _home(clone: Clone) -> str | None:
    """Return the remote that has upstream's branches; None without remotes."""
    named = (
        name for name in ("upstream", "origin", *clone.remotes) if name in clone.remotes
    )
    return clone.upstream or next(named, None)


def settings(repository: Path) -> list[tuple[str, str, str]]:
    """Return the configuration of a clone's remotes as (remote, key, value)."""
    listed = calls.run_reading(
        repository, "config", "-z", "--get-regexp", r"^remote\..*\.", ok=(0, 1)
    ).text
    found: list[tuple[str, str, str]] = []
    for entry in filter(None, listed.split("\0")):
        variable, _, value = entry.partition("\n")
        name, _, key = variable.removeprefix("remote.").rpartition(".")
        found.append((name, key, value))
    return found


def owner_and_name(url: str) -> str | None:
    """Return `owner/name` from a URL, in lower case.

    None if it does not end like that.
    """
    found = _OWNER_AND_NAME.search(url)
    return found[1].lower() if found is not None else None


def github_owner(url: str) -> str | None:
    """Return the owner of a repository on GitHub, None if it is elsewhere."""
    found = re.search(r"(?:^|[/@.])github\.com[/:]([^/:]+)/", url, re.IGNORECASE)
    return found[1] if found is not None else None


def _rank(name: str, ours: set[str]) -> tuple[int, str]:
    """Return how far a ref can be trusted (less is more), and the branch's name."""
    if name.startswith("refs/remotes/"):
        remote, _, short = name.removeprefix("refs/remotes/").partition("/")
        return 0 if remote in ours else {"upstream": 1, "origin": 2}.get(
            remote, 4
        ), short
    if name.startswith("refs/pull/"):
        return 0, name.removeprefix("refs/")
    return 3, name.removeprefix("refs/heads/")
