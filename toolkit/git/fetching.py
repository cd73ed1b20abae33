"""Fetch a few files of one commit from a remote, without the other files."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from toolkit import files
from toolkit.errors import (
    CommandError,
    ToolkitError,
    UnreachableError,
    without_passwords,
)
from toolkit.git import calls, reading
from toolkit.git.urls import RemoteUrl
from toolkit.model import Oid
from toolkit.writable import WritableRoot

_FILTER = "--filter=blob:none"

ALONE = ("--no-recurse-submodules", "--no-auto-maintenance")
"""The options of a fetch that has no further effects, such as fetching tags."""

_UNREACHABLE = re.compile(
    r"[Cc]ould not resolve|Name or service not known|Temporary failure in "
    r"name|[Cc]onnect|timed out|unreachable|"
    r"No route to host|Operation too slow|Proxy CONNECT|requested URL returned error: "
    r"(407|5\d\d)|unable to look up"
)


def resolve_remote(url: str, rev: str) -> Oid:
    """Return the current commit of `rev` on a remote: a branch, tag or full ref.

    Raise ToolkitError for an unknown name, or if the remote does not answer.
    """
    reading.check_rev(rev)
    url = RemoteUrl(url)
    # `^{}` is the commit of an annotated tag.
    names = (
        f"{rev}^{{}}",
        rev,
        f"refs/tags/{rev}^{{}}",
        f"refs/tags/{rev}",
        f"refs/heads/{rev}",
    )
    try:
        with files.temporary() as directory:
            listed = calls.run_network(
                directory, "ls-remote", "--quiet", "--", url, rev, f"{rev}^{{}}"
            ).text
    except CommandError as error:
        raise _explained(url, "HEAD", error.stderr) from error
    found = {
        name: oid
        for oid, _, name in (line.partition("\t") for line in listed.splitlines())
    }
    for name in names:
        if name in found:
            return Oid(found[name])
    raise _unknown(url, rev)


def fetch(
    url: str,
    rev: str,
    into: Path,
    paths: Sequence[PurePosixPath] | None = None,
    *,
    more: Sequence[Oid] = (),
) -> None:
    """Fetch the commit `rev` of a remote, with some `paths` (None: all).

    `into` becomes a bare repository whose HEAD is the commit; it does not remember the
    URL. `rev` is a full commit id, a branch, a tag or `HEAD`; `more` are further
    commits. The remote must serve objects by id (protocol version 2).

    Raise ToolkitError for an unknown rev, and if git cannot fetch; UnreachableError if
    the remote does not answer.
    """
    reading.check_rev(rev)
    url = RemoteUrl(url)
    settings = (
        "-c",
        f"remote.origin.url={url}",
        "-c",
        "fetch.negotiationAlgorithm=noop",
    )
    how = ("--quiet", "--no-tags", *ALONE)

    def run(*arguments: str, stdin: bytes | None = None) -> None:
        calls.run_network(into, *settings, "fetch", *how, *arguments, stdin=stdin)

    WritableRoot(into.parent).delete(into.name)
    into.mkdir(parents=True)
    calls.init(into, bare=True)
    without = [_FILTER] if paths is not None else []
    try:
        run("--depth=1", *without, "origin", rev, *more)
        commit = _head(url, rev, into)
        entries = reading.entries(into, commit, paths) if paths is not None else ()
        blobs = [entry.blob for entry in entries if not entry.is_submodule]
        if blobs:
            # As git itself does it for a checkout, all of them in one round trip.
            lines = "".join(f"{blob}\n" for blob in dict.fromkeys(blobs)).encode()
            options = (_FILTER, "--no-write-fetch-head", "--stdin")
            run(*options, "origin", stdin=lines)
    except CommandError as error:
        raise _explained(url, rev, error.stderr) from error


def _head(url: str, rev: str, into: Path) -> Oid:
    """Make HEAD of the repository the commit that was fetched."""
    asked = ("rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}")
    answer = calls.run_hermetic(into, *asked, ok=None)
    if answer.status != 0:
        raise _unknown(url, rev)
    commit = Oid(answer.text)
    calls.run_hermetic(into, "update-ref", "--no-deref", "HEAD", commit)
    return commit


def _unknown(url: str, rev: str) -> ToolkitError:
    hint = (
        "a remote accepts only a commit id of all 40 digits"
        if re.fullmatch(r"[0-9a-f]{4,39}", rev)
        else None
    )
    return ToolkitError(
        f"{without_passwords(url)}: has no commit, branch or tag '{rev}'", hint=hint
    )


def _explained(url: str, rev: str, said: str) -> ToolkitError:
    """Return the error for git's stderr about a remote."""
    if re.search(r"couldn't find remote ref|not our ref|no such remote ref", said):
        return _unknown(url, rev)
    fact = f"{without_passwords(url)}: git cannot fetch from it: {reading.fact(said)}"
    if _UNREACHABLE.search(said):
        hint = (
            "check the network; or use --offline for what was fetched before, or "
            "--nixpkgs with a directory or specimen"
        )
        return UnreachableError(fact, hint=hint)
    return ToolkitError(fact)
