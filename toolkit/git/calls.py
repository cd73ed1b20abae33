"""How git is called: its environment and configuration in each of four ways.

- On repositories of our own (`hermetic`): the configuration is hermetic.gitconfig and
nothing else, identity and dates are fixed, no hook runs, so the same input gives the
same bytes everywhere. Needs git 2.32. - On the user's repositories (`reading`): no
program that their configuration names, whoever wrote that, and no network, not even for
what a partial clone lacks, since that would write to it (GIT_NO_LAZY_FETCH is known
from git 2.44 on, the protocol `none` has the same effect before). The rest of the
user's configuration stays, as it is there that `safe.directory` names which foreign
repositories are trusted. - On remotes (`network`): the user's configuration and
variables for proxies, ssh and credentials stay; questions at a terminal are off. - On a
clone of the user's that gets a branch (`contributing`): identity and signing are the
user's, and nothing is made up in their place. No hook runs, and nothing but what is
asked for is written.

The objects of a repository are read by GitPython (`objects`).
"""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TypedDict, Unpack

from msgspec.structs import replace

from toolkit import environment, files, inside, process, writable
from toolkit.errors import CommandError, FullError, LimitError, ToolkitError
from toolkit.git import messages, urls

# As in hermetic.gitconfig: who commits in repositories that live for a block.
IDENTITY = "unlet <unlet@localhost.invalid>"

PLACEHOLDER = "YOUR NAME <YOU@EXAMPLE.ORG>"
"""The author of mails if git knows no name and address."""

AUTHOR = r"[^<>\n]*[^<>\s] <[^<>@\s]+@[^<>@\s]+>"
"""The form `NAME <EMAIL>` of an author."""

# The date of what has none of its own: 2000-01-01.
EPOCH = 946684800

_CONTRIBUTING = {
    # A hook could change what was proven.
    "core.hooksPath": os.devnull,
    "user.useConfigOnly": "true",
    # Files as they are in the commit: Nix hashes them.
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.attributesFile": os.devnull,
    "i18n.commitEncoding": "UTF-8",
    # What git otherwise does on the way: a daemon, housekeeping, files beside the
    # index.
    "core.commitGraph": "false",
    "core.multiPackIndex": "false",
    "core.fsmonitor": "false",
    "core.splitIndex": "false",
    "core.untrackedCache": "false",
    "index.sparse": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "log.showSignature": "false",
    "advice.detachedHead": "false",
}

# Settings with which a read-only git command starts a program (git-config(1)):
# filters have names of their own, see `_filters`, and a submodule has a configuration
# of its own. All others need a terminal, a network, or a patch that is shown; what
# shows one says --no-ext-diff and --no-textconv.
_READING = {
    # git does not verify these two files about the parents and trees of commits.
    "core.commitGraph": "false",
    "core.multiPackIndex": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.attributesFile": os.devnull,
    "log.showSignature": "false",
    "log.mailmap": "false",
    "mailmap.file": "",
    "mailmap.blob": "",
    "log.showRoot": "true",
    "i18n.logOutputEncoding": "UTF-8",
    "diff.ignoreSubmodules": "all",
    "submodule.recurse": "false",
}
_NO_FILTER = {"clean": "", "smudge": "", "process": "", "required": "false"}

# A pipe in place of a file of git's would be waited for until somebody writes to it.
_READING_SECONDS = 60.0

# A hook does not run, and what a configuration includes may be elsewhere anyway.
_LINKS = frozenset(["config", "config.worktree", "hooks"])
_READ_BY_GIT = (
    "info",
    "logs",
    "objects/info",
    "objects/pack",
    "refs",
    "reftable",
    "worktrees",
)
_PATH_BYTES = 1 << 16

_PLAIN = {"LC_ALL": "C", "TZ": "UTC"}
_ALONE = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}
# Else a clone's refs/replace and info/grafts put other objects in the place of those
# that were asked for (git-replace(1), gitrepository-layout(5)).
_AS_NAMED = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": f"{os.devnull}/none"}

_MEMORY_MIB = 1024
"""The limit of git's memory in MiB; packs that git maps do not count."""

_NO_MEMORY = re.compile(
    r"^(?:fatal|error): .*(?:[Oo]ut of memory|[Cc]annot allocate memory)", re.MULTILINE
)

_WRITTEN_MIB = 512
"""How many MiB git may write in our repositories: several times a whole nixpkgs."""

_FETCHED_MIB = 4096
"""How many MiB a fetch may write; nixpkgs with all of its history is smaller."""

_HERMETIC = Path(__file__).with_name("hermetic.gitconfig")


def hermetic(*, date: int | None = None) -> Mapping[str, str]:
    """Return git's environment for our own repositories.

    `date` is the author's and committer's date in seconds since the epoch, for a
    command that commits.
    """
    when = (
        {}
        if date is None
        else {
            "GIT_AUTHOR_DATE": f"@{date} +0000",
            "GIT_COMMITTER_DATE": f"@{date} +0000",
        }
    )
    sealed = {
        "GIT_CONFIG_GLOBAL": str(_HERMETIC),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
    }
    return environment.variables(environment.TOOLS, {**sealed, **when, **_PLAIN})


def reading(settings: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Return git's environment for reading a user's repository.

    `settings` are additional.
    """
    first = os.environ.get("GIT_CONFIG_COUNT", "")
    count = int(first) if first.isdecimal() else 0
    named: dict[str, str] = {}
    # Of the names that users give a setting, the last one counts.
    for name, value in {**_READING, **(settings or {})}.items():
        named |= {f"GIT_CONFIG_KEY_{count}": name, f"GIT_CONFIG_VALUE_{count}": value}
        count += 1
    return environment.variables(
        environment.READING,
        {
            **named,
            "GIT_CONFIG_COUNT": str(count),
            **_ALONE,
            **_AS_NAMED,
            "GIT_OPTIONAL_LOCKS": "0",
            **_PLAIN,
        },
    )


def network() -> Mapping[str, str]:
    """Return git's environment for a remote."""
    patience = {
        name: value
        for name, value in (
            ("GIT_HTTP_LOW_SPEED_LIMIT", "1"),
            ("GIT_HTTP_LOW_SPEED_TIME", "60"),
        )
        if name not in os.environ
    }
    return environment.variables(
        environment.FETCHING,
        {
            **patience,
            "GIT_ALLOW_PROTOCOL": ":".join(urls.USERS),
            "GIT_TERMINAL_PROMPT": "0",
            "GCM_INTERACTIVE": "never",
            **_PLAIN,
        },
    )


def contributing() -> Mapping[str, str]:
    """Return git's environment for adding a branch to a user's clone."""
    return environment.variables(
        environment.COMMITTING,
        {**_ALONE, **_AS_NAMED, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
    )


class CallFields(TypedDict, total=False):
    """The options of a run of git, as in process.Command."""

    stdin: bytes | None
    ok: Collection[int] | None


def run_hermetic(
    directory: Path,
    *arguments: str,
    date: int | None = None,
    alone: bool = False,
    **fields: Unpack[CallFields],
) -> process.Completed:
    """Run git in our own directory.

    With `alone`, do not search for a repository in or above it.
    """
    ceiling = (
        {"GIT_CEILING_DIRECTORIES": str(directory.resolve().parent)} if alone else {}
    )
    try:
        done = _bounded(
            process.Command(
                argv=("git", "-C", str(directory), *arguments),
                env={**hermetic(date=date), **ceiling},
                writes=_WRITTEN_MIB,
                **fields,
            )
        )
    except CommandError as error:
        _require_space(error.stderr)
        raise
    if done.status:
        _require_space(done.stderr)
    return done


def _require_space(said: str) -> None:
    if found := re.search(
        r"^(?:fatal|error): .*(No space left on device|Disk quota exceeded|Out of "
        r"diskspace)$",
        said,
        re.MULTILINE,
    ):
        raise FullError(
            f"git: {found[1].lower()}",
            hint="free some space there, or set TMPDIR to another directory",
        )


def run_reading(
    place: Path, *arguments: str, found: bool = True, **fields: Unpack[CallFields]
) -> process.Completed:
    """Run git to read from a user's repository.

    `place` is the git directory. Without `found`, git searches from there, and decides
    whether to trust the owner.
    """
    if not found:
        _refuse_links(place)
    where = (f"--git-dir={place}",) if found else ("-C", str(place))
    return _read((*where, *arguments), reading(), **fields)


def _read(
    words: Sequence[str], env: Mapping[str, str], **fields: Unpack[CallFields]
) -> process.Completed:
    """Run git on a clone that may be a stranger's."""
    argv = ("git", *words)
    return _bounded(
        process.Command(
            argv=argv, env=env, timeout=_READING_SECONDS, shown=messages.known, **fields
        )
    )


def _bounded(command: process.Command) -> process.Completed:
    """Run git with limited memory; raise LimitError if it needs more."""
    try:
        return process.execute(replace(command, memory=_MEMORY_MIB))
    except CommandError as error:
        if _NO_MEMORY.search(error.stderr) is None:
            raise
        raise LimitError(
            error.argv,
            status=error.status,
            stderr="",
            limit=f"git needs more than {_MEMORY_MIB} MiB of memory",
        ) from error


@cache
def _refuse_links(place: Path) -> None:
    """Raise ToolkitError if a link would make git read a file outside the clone.

    git could quote the file's content in a message.
    """
    top = next(
        (
            each
            for each in (place, *place.absolute().parents)
            if os.path.lexists(each / ".git")
        ),
        None,
    )
    directories = [place if top is None else top / ".git"]
    if top is not None and not directories[0].is_dir():
        named = (
            os.fsdecode(inside.read(top, ".git", most=_PATH_BYTES))
            .removeprefix("gitdir:")
            .strip()
        )
        directories = [top / named]
    if (
        common := inside.find(directories[0], "commondir", most=_PATH_BYTES)
    ) is not None:
        directories.append(directories[0] / os.fsdecode(common).strip())
    for root in filter(Path.is_dir, directories):
        for entry in chain(
            inside.listed(root),
            *(inside.entries(root, below) for below in _READ_BY_GIT),
        ):
            is_link = entry.kind is inside.EntryKind.LINK and entry.path not in _LINKS
            if is_link and inside.leads_out(root, entry.path):
                raise ToolkitError(
                    f"{root / entry.path}: is a link that points outside the clone's "
                    "git directory"
                )


def worktree(directory: Path) -> Path:
    """Return the top of the worktree around a directory.

    Raise ToolkitError if core.worktree points to another directory.
    """
    asked = ("rev-parse", "--path-format=absolute", "--show-toplevel")
    top = Path(run_reading(directory, *asked, found=False).names)
    if not directory.resolve().is_relative_to(top.resolve()):
        raise ToolkitError(
            f"{directory}: its core.worktree points to another directory, '{top}'"
        )
    return top


def run_comparing(top: Path, command: str, *arguments: str) -> process.Completed:
    """Run git to compare files of a worktree, without its filters.

    Git updates the index even if it may not lock it, so it works on a copy. The copy
    keeps the index's date: git rereads files that are not older, since they may differ
    although they look the same.
    """
    index = Path(
        run_reading(
            top,
            "rev-parse",
            "--path-format=absolute",
            "--git-path",
            "index",
            found=False,
        ).names
    )
    settings = _filters(top)
    with files.temporary() as directory:
        if index.is_file():
            writable.copy(index, directory / "index")
        env = {**reading(settings), "GIT_INDEX_FILE": str(directory / "index")}
        # A clone's own settings of each submodule take precedence over that of all, and
        # a submodule has filters.
        return _read(
            ("-C", str(top), command, "--ignore-submodules=all", *arguments), env
        )


def run_listing_new(top: Path) -> process.Completed:
    """Run git to list the new files of a worktree that the user does not ignore.

    It does not read a file of patterns that the clone's own configuration names.
    """
    asked = ("config", "-z", "--show-scope", "--type=path", "--get-all")
    listed = run_reading(top, *asked, "core.excludesFile", found=False, ok=(0, 1)).names
    fields = listed.split("\0")
    of_user = [
        path
        for scope, path in zip(fields[::2], fields[1::2], strict=False)
        if scope in {"system", "global", "command"}
    ]
    default = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config") / "git/ignore"
    excludes = of_user[-1] if of_user else str(default.expanduser())
    return _read(
        ("-C", str(top), "ls-files", "-z", "--others", "--exclude-standard"),
        reading({"core.excludesFile": excludes}),
    )


def _filters(top: Path) -> Mapping[str, str]:
    """Return the settings that keep a repository's filters from running."""
    asked = ("config", "-z", "--name-only", "--get-regexp", r"^filter\.")
    listed = run_reading(top, *asked, found=False, ok=(0, 1)).names
    names = {name.rpartition(".")[0] for name in listed.split("\0") if name}
    return {
        f"{name}.{key}": value
        for name in sorted(names)
        for key, value in _NO_FILTER.items()
    }


def run_contributing(
    place: Path,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    **fields: Unpack[CallFields],
) -> process.Completed:
    """Run git to add a branch to a user's clone.

    `place` is its top, a worktree, or its git directory.
    """
    settings = [
        word
        for name, value in _CONTRIBUTING.items()
        for word in ("-c", f"{name}={value}")
    ]
    argv = ("git", "-C", str(place), *settings, *arguments)
    return process.run(argv, env={**contributing(), **(env or {})}, **fields)


def run_network(
    directory: Path, *arguments: str, **fields: Unpack[CallFields]
) -> process.Completed:
    """Run git against a remote, in a `directory` of ours."""
    argv = ("git", "-C", str(directory), "-c", "core.hooksPath=/dev/null", *arguments)
    return process.execute(
        process.Command(argv=argv, env=network(), writes=_FETCHED_MIB, **fields)
    )


def author() -> str:
    """Return the `NAME <EMAIL>` of a commit's author here, PLACEHOLDER if unknown."""
    argv = ("git", "-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT")
    asked = process.run(argv, env=contributing(), ok=None)
    known = asked.text.rsplit(" ", 2)[0] if asked.status == 0 else ""
    return known if re.fullmatch(AUTHOR, known) else PLACEHOLDER


def init(directory: Path, *, bare: bool = False) -> None:
    """Make `directory` an empty repository, without the user's templates."""
    kind = ("--bare",) if bare else ()
    run_hermetic(
        directory, "init", "--quiet", "--template=", "--initial-branch=main", *kind
    )
