"""Sources on this machine: a file, a directory, a clone, `<nixpkgs>`, the specimen.

unlet writes to none of them. In a clone, the commit counts, not the worktree, because a
patch series applies to a commit. A warning tells if the target has uncommitted changes.
"""

from contextlib import suppress
from pathlib import Path, PurePosixPath
from shlex import quote

from msgspec.structs import replace

from toolkit import files, inside, process
from toolkit.environment import BUILDING, variables
from toolkit.errors import CommandError, ToolkitError
from toolkit.git import reading
from toolkit.git.reading import Located
from toolkit.model import Source
from toolkit.nix import stores
from toolkit.sources import commits
from toolkit.sources.commits import Wanted

BELOW = (".", "nixpkgs", "nixos", "nixos/nixpkgs")
"""Where a channel, or a profile of channels, has its nixpkgs."""

_VERSION_BYTES = 256


def top(given: Path, file: PurePosixPath | str) -> Path | None:
    """Return the nixpkgs root that has `file`, in a directory or a channel, or None.

    A channel is a link into the Nix store; any other link out of the directory does not
    count.
    """
    given = given.resolve()
    for below in BELOW:
        real = inside.within(given, below)
        place = given / real if real is not None else (given / below).resolve()
        if (real is not None or place.is_relative_to(stores.STORE)) and inside.exists(
            place, file
        ):
            return place
    return None


def directory_source(given: Path, wanted: Wanted) -> Source:
    """Return a directory as a source: a nixpkgs, or a channel that contains one."""
    root = top(given, wanted.target)
    if root is None:
        locks = ("flake.lock", "npins/sources.json")
        lock = next(
            (given / lock for lock in locks if inside.is_file(given, lock)), None
        )
        hint = (
            f"to use the nixpkgs that it pins: --nixpkgs {quote(str(lock))}"
            if lock is not None
            else "a nixpkgs tree contains that file"
        )
        raise ToolkitError(f"{given}: has no '{wanted.target}'", hint=hint)
    content = inside.read(root, wanted.target)
    files.check_content(str(root / wanted.target), content)
    version = _version(root)
    return Source(
        origin=f"{given} ({version})" if version else str(given),
        content=content,
        directory=(root / wanted.target).parent,
        root=root,
    )


def clone_source(directory: Path, rev: str | None, wanted: Wanted) -> Source:
    """Return a commit of a clone, a worktree or a bare repository as a source.

    `rev` None means HEAD. Write the files to the cache.
    """
    located = reading.locate(directory, rev or "HEAD")

    def locate(_: Path) -> Located:
        wanted.progress.step(f"reading {located.commit.short} from {directory}")
        return located

    found = commits.checked_out(located.commit, wanted, locate, name=str(directory))
    return replace(
        found,
        origin=f"{directory} at {located.commit.named(rev or 'HEAD')}",
        repository=located.repository,
        warnings=_uncommitted(directory, found.content, wanted) if rev is None else (),
    )


def find_in_nix_path(name: str) -> Path:
    """Return the path that `<name>` means in Nix.

    Raise ToolkitError if it is not in NIX_PATH.
    """
    search, named = ("--find-file", name), variables(BUILDING)
    try:
        try:
            # A directory needs no store, and a store may be out of reach; a URL in
            # NIX_PATH needs one.
            return Path(
                process.run(
                    ("nix-instantiate", "--store", "dummy://", *search), env=named
                ).text
            )
        except CommandError as error:
            if "was not found in the Nix search path" in error.stderr:
                raise
        return Path(process.run(("nix-instantiate", *search), env=named).text)
    except CommandError as error:
        hint = f"add {name}=DIRECTORY to NIX_PATH, or name the directory itself"
        raise ToolkitError(
            f"<{name}>: cannot be found: {reading.fact(error.stderr)}", hint=hint
        ) from error


def _uncommitted(directory: Path, content: bytes, wanted: Wanted) -> tuple[str, ...]:
    try:
        there = inside.find(directory, wanted.target)
    except ToolkitError:
        there = b""
    # In a bare repository and in a sparse checkout there is nothing that anybody has
    # changed.
    if there is None or there == content:
        return ()
    return (
        (
            f"{directory / wanted.target}: has uncommitted changes, which unlet "
            "ignores; commit them to include them"
        ),
    )


def _version(root: Path) -> str:
    """Return the version that a tree states.

    Each nixpkgs has `.version`; a channel also has its suffix.
    """
    names = (".version", ".version-suffix")
    with suppress(ToolkitError, UnicodeDecodeError):
        return "".join(
            (inside.find(root, name, most=_VERSION_BYTES) or b"").decode().strip()
            for name in names
        )
    return ""
