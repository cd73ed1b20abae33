"""Fetch a few files of one commit from a remote: depth 1, without blobs, then the blobs of some paths."""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct

from toolkit import files
from toolkit.errors import CommandError, ToolkitError, UnreachableError, without_passwords
from toolkit.git import calls, reading
from toolkit.model import Oid

_FILTER = "--filter=blob:none"
_UNREACHABLE = "cannot be reached"

# A phrase about a fetch that is under way comes at most this often.
_PROGRESS_SECONDS = 5.0

ALONE = ("--no-recurse-submodules", "--no-auto-maintenance")
"""The options of a fetch that does nothing besides."""

# What git says, and what that means to the user; the first match counts.
_MEANINGS: tuple[tuple[tuple[str, ...], str, str | None], ...] = (
    (
        (
            r"could not read (Username|Password)|Authentication failed|terminal prompts disabled",
            r"Permission denied|requested URL returned error: (401|403)|Host key verification failed",
        ),
        "authentication failed, or there is no such repository",
        "git's credential helpers and ssh's agent are used; questions at a terminal are off",
    ),
    (
        (
            r"[Cc]ould not resolve (host|proxy)|Name or service not known|Temporary failure in name resolution",
            r"Couldn't connect|[Ff]ailed to connect|Connection refused|Connection reset|unable to connect",
            r"timed out|Network is unreachable|No route to host|Operation too slow|Proxy CONNECT aborted",
            r"requested URL returned error: (407|5\d\d)|unable to look up",
        ),
        _UNREACHABLE,
        "check the network; --offline uses what was fetched before, --nixpkgs a directory or the specimen",
    ),
    (
        (
            r"not found|does not appear to be a git repository|not a git repository|valid repository name",
            r"No such file or directory|does not exist|requested URL returned error: 404",
            r"access denied or repository not exported",
        ),
        "is not a git repository",
        None,
    ),
    ((r"dubious ownership",), "belongs to another user", "git's safe.directory lists the trusted ones"),
    ((r"dumb http transport|unadvertised object",), "does not serve objects by their ids", None),
    ((r"SSL|certificate",), "its certificate is not accepted", "GIT_SSL_CAINFO names an authority to accept"),
    ((r"No space left on device",), "the disk is full", "UNLET_CACHE_DIR sets a different directory for the cache"),
)


class Fetched(Struct, frozen=True, kw_only=True):
    """The result of a fetch: the commit, and the bytes that it added to the object store on disk."""

    commit: Oid
    bytes: int


def resolve_remote(url: str, rev: str) -> Oid:
    """Ask a remote for the current commit of `rev`: a branch, a tag, `HEAD` or a full ref name.

    Raise ToolkitError for an unknown name and for a remote that does not answer.
    """
    reading.check_rev(rev)
    # `^{}` is the commit of an annotated tag.
    names = (f"{rev}^{{}}", rev, f"refs/tags/{rev}^{{}}", f"refs/tags/{rev}", f"refs/heads/{rev}")
    try:
        with files.temporary() as directory:
            listed = calls.run_network(directory, "ls-remote", "--quiet", "--", url, rev, f"{rev}^{{}}").text
    except CommandError as error:
        raise _explained(url, "HEAD", error.stderr) from error
    found = {name: oid for oid, _, name in (line.partition("\t") for line in listed.splitlines())}
    for name in names:
        if name in found:
            return Oid(found[name])
    raise _unknown(url, rev)


def fetch(  # noqa: PLR0913 - what, from where, to where, and who is told
    url: str,
    rev: str,
    into: Path,
    paths: Sequence[PurePosixPath] | None = None,
    *,
    more: Sequence[Oid] = (),
    on_progress: Callable[[str], None] | None = None,
) -> Fetched:
    """Fetch the commit `rev` of a remote, with the blobs at and below `paths` (None: all), into the directory `into`.

    `into` becomes a bare repository whose HEAD is the commit; it does not remember the URL. `rev` is a full commit id,
    a branch, a tag or `HEAD`; `more` are further commits. The remote must serve objects by id, as every server with
    protocol version 2 does. `on_progress` gets phrases for people.

    Raise ToolkitError for an unknown rev, an unreachable remote, one that is not a repository, and for refused
    credentials.
    """
    reading.check_rev(rev)
    report = _progress(on_progress)
    settings = ("-c", f"remote.origin.url={url}", "-c", "fetch.negotiationAlgorithm=noop")
    quiet = ("--quiet" if report is None else "--progress", "--no-tags", *ALONE)

    def run(*arguments: str, stdin: bytes | None = None) -> None:
        calls.run_network(into, *settings, "fetch", *quiet, *arguments, stdin=stdin, on_stderr=report)

    files.remove(into)
    into.mkdir(parents=True)
    calls.init(into, bare=True)
    try:
        run("--depth=1", *([_FILTER] if paths is not None else []), "origin", rev, *more)
        found = calls.run_hermetic(into, "rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}", ok=None)
        if found.status != 0:
            raise _unknown(url, rev)
        commit = Oid(found.text)
        calls.run_hermetic(into, "update-ref", "--no-deref", "HEAD", commit)
        entries = reading.entries(into, commit, paths) if paths is not None else ()
        if wanted := dict.fromkeys(f"{entry.blob}\n" for entry in entries if not entry.is_submodule):
            # As git itself does it for a checkout, all of them in one round trip.
            run(_FILTER, "--no-write-fetch-head", "--stdin", "origin", stdin="".join(wanted).encode())
    except CommandError as error:
        raise _explained(url, rev, error.stderr) from error
    stored = (path.stat().st_size for path in (into / "objects").rglob("*") if path.is_file())
    return Fetched(commit=commit, bytes=sum(stored))


def _unknown(url: str, rev: str) -> ToolkitError:
    hint = "a remote needs all 40 digits of a commit id" if re.fullmatch(r"[0-9a-f]{4,39}", rev) else None
    return ToolkitError(f"{without_passwords(url)}: has no commit, branch or tag '{rev}'", hint=hint)


def _explained(url: str, rev: str, said: str) -> ToolkitError:
    """Return the error for what git said on stderr about a remote."""
    if re.search(r"couldn't find remote ref|not our ref|no such remote ref", said):
        return _unknown(url, rev)
    for patterns, meaning, hint in _MEANINGS:
        if any(re.search(pattern, said) for pattern in patterns):
            kind = UnreachableError if meaning == _UNREACHABLE else ToolkitError
            return kind(f"{without_passwords(url)}: {meaning}: {reading.fact(said)}", hint=hint)
    return ToolkitError(f"{without_passwords(url)}: git cannot fetch from it: {reading.fact(said)}")


def _progress(on_progress: Callable[[str], None] | None) -> Callable[[str], None] | None:
    """Return what turns git's progress lines into phrases such as `receiving objects, 45 %, 1.20 MiB`."""
    if on_progress is None:
        return None
    # It costs a tenth of a second to import, and only a fetch needs it.
    from git import RemoteProgress  # noqa: PLC0415

    tell = on_progress

    class Phrases(RemoteProgress):
        last = time.monotonic()

        def update(
            self, op_code: int, cur_count: str | float, max_count: str | float | None = None, message: str = ""
        ) -> None:
            is_due = op_code & self.END or time.monotonic() - self.last >= _PROGRESS_SECONDS
            if op_code & self.OP_MASK == self.RECEIVING and max_count and is_due:
                self.last = time.monotonic()
                share = 100 * float(cur_count) / float(max_count)
                tell(f"receiving objects, {share:.0f} %" + (f", {message}" if message else ""))

    return Phrases().new_message_handler()
