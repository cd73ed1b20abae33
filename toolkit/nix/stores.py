"""Choose the Nix store: the machine's, or the user's own if that is read-only."""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from errno import EACCES
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, quote

from toolkit import files, process
from toolkit.cache import default_cache
from toolkit.environment import BUILDING, variables
from toolkit.errors import CommandError, ToolkitError

STORE = Path("/nix/store")
STATE = Path("/nix/var/nix")

_SOCKET = STATE / "daemon-socket/socket"
_NOWHERE = STORE / f"{'0' * 32}-unlet"
"""A path that no store has: nobody can choose a content with this hash."""

_passing: ContextVar[Path | None] = ContextVar("_passing", default=None)

_PATIENCE_SECONDS = 20.0


def environment() -> Mapping[str, str]:
    """Return the environment of the user's Nix, with a writable store.

    Raise ToolkitError if no store is writable.
    """
    return variables(BUILDING, store_variables())


@cache
def store_variables() -> Mapping[str, str]:
    """Return the environment variables that give Nix a writable store.

    Return none if `NIX_REMOTE` names a store, if the machine's store is writable
    (create it if needed), or if the daemon accepts the user. Otherwise, use the user's
    own store in a user namespace (Nix manual, "Local Store", root): its paths are as in
    /nix/store, its files in the cache, see `physical`. Raise ToolkitError if none of
    these is possible.
    """
    # Whoever starts a Nix that is not installed reports it.
    if "NIX_REMOTE" in os.environ or process.find("nix-store") is None:
        return {}
    if _may_write(STATE / "db"):
        _make(STATE, remote="local")
        return {}
    if (refusal := _refusal()) is None:
        return {}
    try:
        process.run(["unshare", "--user", "--map-root-user", "--mount", "true"])
    except ToolkitError as error:
        raise ToolkitError(
            f"nix: {refusal}, and this user cannot create a private store without "
            "user namespaces",
            hint=(
                "start the nix-daemon (Debian, Ubuntu: apt install "
                "nix-setup-systemd), and add yourself to the group nix-users"
            ),
        ) from error
    return {"NIX_REMOTE": remote(own())}


def own() -> Path:
    """Return the root of the user's own store in the cache; create it if needed.

    In a block of `passing`, return the temporary store. Any user can create derivations
    there; builds need a user namespace.
    """
    if (passing_root := _passing.get()) is not None:
        return passing_root
    cache = default_cache()
    cache.use("nix")
    root = cache.root / "nix"
    try:
        _make(root / "nix/var/nix", remote=remote(root))
        if not _may_write(root / "nix/var/nix/db"):
            raise PermissionError(EACCES, os.strerror(EACCES))
    except OSError as error:
        raise cache.unwritable(error) from error
    return root


@contextmanager
def passing() -> Generator[Path]:
    """Let `own` return a new store in the block, which is deleted at its end.

    Nothing remains that a stranger's file makes Nix write.
    """
    with files.temporary() as root:
        _make(root / "nix/var/nix", remote=remote(root))
        token = _passing.set(root)
        try:
            yield root
        finally:
            _passing.reset(token)


def remote(root: Path) -> str:
    """Return the NIX_REMOTE of a store with its own root."""
    return f"local?root={quote(str(root))}"


def written() -> tuple[Path, ...] | None:
    """Return the directories that a Nix writes to when it adds to its store.

    Return None if writing to directories is not enough: for a store on another machine,
    and for one that is mounted read-only, which Nix remounts.
    """
    remote = environment().get("NIX_REMOTE", "")
    if remote == "daemon":
        return ()
    own = _root(remote)
    if own is not None:
        return (own,)
    if remote not in {"", "auto", "local"}:
        return None
    if not _may_write(STATE / "db"):
        return ()
    return None if os.statvfs(STORE).f_flag & os.ST_RDONLY else (STORE, STATE)


def _root(remote: str) -> Path | None:
    """Return the root directory that a store's URL names, or None."""
    root = parse_qs(remote.partition("?")[2]).get("root")
    return Path(root[0]) if root else None


def physical(path: Path) -> Path:
    """Return the readable path of a store path, whose store may be elsewhere.

    Raise ToolkitError for a path outside the store: a builder's link may point
    anywhere.
    """
    remote = environment().get("NIX_REMOTE", "")
    own = _root(remote) or Path("/")
    place = own / path.relative_to("/")
    real = place.resolve()
    if not any(
        real.is_relative_to(store.resolve())
        for store in (own / STORE.relative_to("/"), STORE)
    ):
        raise ToolkitError(f"{path}: points outside the Nix store, to '{real}'")
    return place


def of_content(sri: str) -> Path | None:
    """Return the source directory in the store whose archive (NAR) has this hash.

    Return None if the store has none.
    """
    asked = ("nix-store", "--print-fixed-path", "--recursive", "sha256", sri, "source")
    with suppress(ToolkitError):
        place = physical(Path(process.run(asked, env=environment()).text))
        return place if place.is_dir() else None
    return None


def _may_write(directory: Path) -> bool:
    """Return whether this user may write to a directory, or create it."""
    there = next(
        path for path in (directory, *directory.parents) if os.access(path, os.F_OK)
    )
    return os.access(there, os.W_OK | os.X_OK)


def _make(state: Path, *, remote: str) -> None:
    """Create a local store unless one exists; only one Nix program may do so."""
    schema = state / "db/schema"  # is written last
    if schema.exists():
        return
    state.mkdir(parents=True, exist_ok=True)
    with files.locked(state):
        if not schema.exists():
            process.run(
                ["nix-store", "--init"], env=variables(BUILDING, {"NIX_REMOTE": remote})
            )


def _refusal() -> str | None:
    """Return why this user cannot use the daemon, or None if they can.

    An open socket is not enough: the daemon's setting `allowed-users` decides.
    """
    socket = Path(os.environ.get("NIX_DAEMON_SOCKET_PATH") or _SOCKET)
    if not os.access(socket, os.W_OK):
        closed = os.access(socket.parent, os.F_OK) and not os.access(
            socket.parent, os.X_OK
        )
        return (
            f"this user may not open '{socket.parent}'"
            if closed
            else "no daemon answers"
        )
    question = [
        "nix-store",
        "--store",
        "daemon",
        "--check-validity",
        "--print-invalid",
        str(_NOWHERE),
    ]
    try:
        process.run(question, env=variables(BUILDING), timeout=_PATIENCE_SECONDS)
    except CommandError:
        return "the Nix daemon does not serve this user"
    return None
