"""Turn the user's source into the bytes of the target and the tree around it.

It distinguishes the kinds of sources, and compares the content with the known pins.
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from shlex import quote

from msgspec.structs import replace

from toolkit import files, patches, specimen
from toolkit.errors import ToolkitError, UsageError, without_passwords
from toolkit.git import reading
from toolkit.model import Progress, Source, SourceRequest
from toolkit.nix import stores
from toolkit.sources import commits, local, locks

# git's two forms of a remote: a URL, and ssh's `[USER@]HOST:PATH`.
_REMOTE = re.compile(
    r"[a-z][a-z0-9+.-]*://.+|([\w.-]+@)?[\w.-]+\.[\w.-]+:[^/].*|[\w.-]+@[\w.-]+:.+"
)


TEMPLATE = ".github/PULL_REQUEST_TEMPLATE.md"
"""The path of nixpkgs' template for pull requests."""


def resolve(
    request: SourceRequest,
    *,
    target: PurePosixPath,
    sparse: Sequence[str],
    progress: Progress,
) -> Source:
    """Return the source that `request` names.

    `target` is the file's path in nixpkgs, `sparse` the nixpkgs paths needed besides
    its directory (a slash at either end is ignored). `request.offline` forbids network
    access.

    `request.nixpkgs` may also be a lock file with `#NAME`, for a pin other than
    `nixpkgs`, or a directory of a channel or profile that has nixpkgs one level below.
    In a git clone, the commit counts, not the worktree.

    Raise UsageError for a `rev` of a source that is not a git clone. Raise ToolkitError
    if a source cannot be read or fetched, or a known pin's file differs from the
    recorded one.
    """
    upstream = patches.upstream()
    # Of a commit there is one checkout in the cache, which runs for other targets
    # share.
    beside = (PurePosixPath(path.strip("/")) for path in (TEMPLATE, *sparse))
    wanted = commits.Wanted(
        target=target,
        paths=tuple(sorted({target.parent, *beside})),
        remote=upstream.remote,
        offline=request.offline,
        progress=progress,
    )
    source = _found(request, wanted)
    for pin in upstream.pins if target == upstream.file else ():
        blob = reading.blob_id(source.content)
        if pin.commit == source.commit and pin.blob not in {None, blob}:
            fact = (
                f"'{target}' is blob {blob.short}, but the record says "
                f"{str(pin.blob)[:12]}"
            )
            raise ToolkitError(
                f"pin {pin.name}: {fact}",
                hint="either the record in patches/ or the source is wrong",
            )
    return source


def _found(request: SourceRequest, wanted: commits.Wanted) -> Source:
    if (path := request.file) is not None:
        content = files.read(path)
        files.check_content(str(path), content)
        return Source(
            origin=str(path), content=content, directory=path.resolve().parent
        )
    if request.nixpkgs is None and request.rev is not None:
        return commits.at_rev(wanted.remote, request.rev, wanted)
    if request.nixpkgs is None:
        pin = patches.upstream().pins[-1]
        origin = f"nixpkgs {pin.commit.short} (pin {pin.name})"
        return commits.at_commit(wanted.remote, pin.commit, wanted, origin=origin)
    return _named(request.nixpkgs, request.rev, wanted, pinned=request.pinned)


def _named(
    name: str, rev: str | None, wanted: commits.Wanted, *, pinned: bool
) -> Source:
    if name == "specimen":
        _refuse_rev(rev, "the specimen")
        return replace(
            local.directory_source(specimen.path(), wanted),
            origin="the embedded specimen",
        )
    found = re.fullmatch(r"<([^<>]+)>", name)
    path = (
        local.find_in_nix_path(found[1])
        if found is not None
        else Path(name).expanduser()
    )
    lock, _, entry = (
        (str(path), "", "nixpkgs") if path.exists() else name.rpartition("#")
    )
    if path.is_dir():
        return _directory(path, rev, wanted)
    if lock and entry and (file := Path(lock).expanduser()).is_file():
        _refuse_rev(rev, "a lock file")
        return _locked(file, entry, wanted, pinned=pinned)
    if _REMOTE.fullmatch(name):
        return commits.at_rev(name, rev or "HEAD", wanted)
    if (flake := re.fullmatch(r"github:([\w.-]+/[\w.-]+)(?:/(.+))?", name)) is not None:
        hint = (
            f"--nixpkgs https://github.com/{flake[1]} --rev "
            f"{quote(flake[2] or rev or 'BRANCH')}"
        )
        raise ToolkitError(f"{name}: unlet cannot read a flake reference", hint=hint)
    hint = (
        "name a directory, a git URL, '<nixpkgs>', a flake.lock, an npins "
        "sources.json, or specimen"
    )
    raise ToolkitError(
        f"{name}: no such file or directory", hint=f"--nixpkgs takes {hint}"
    )


def _directory(path: Path, rev: str | None, wanted: commits.Wanted) -> Source:
    if reading.is_repository(path):
        return local.clone_source(path, rev, wanted)
    _refuse_rev(rev, f"'{path}', which is not a git clone")
    return local.directory_source(path, wanted)


def _locked(path: Path, entry: str, wanted: commits.Wanted, *, pinned: bool) -> Source:
    locked = locks.read(path, entry)
    if pinned:
        if (
            locked.content is not None
            and (place := stores.of_content(locked.content)) is not None
        ):
            return local.directory_source(place, wanted)
        if (
            not isinstance(locked, locks.AtCommit)
            or re.fullmatch(r"[0-9a-f]{40}", locked.rev) is None
        ):
            raise ToolkitError(
                f"{path}: input '{entry}' has no hash that pins its content, or is "
                "not in the store"
            )
    match locked:
        case locks.AtCommit():
            return commits.at_rev(locked.url or wanted.remote, locked.rev, wanted)
        case locks.AtPath():
            if not locked.path.is_dir():
                raise ToolkitError(
                    f"{path}: input '{entry}' is '{locked.path}', which is not a "
                    "directory"
                )
            return _directory(locked.path, None, wanted)
        case locks.AtRelease():
            commit = commits.commit_of(locked.url, wanted)
            origin = commit.named(without_passwords(locked.url))
            return commits.at_commit(wanted.remote, commit, wanted, origin=origin)


def _refuse_rev(rev: str | None, what: str) -> None:
    if rev is not None:
        raise UsageError(
            f"--rev: does not apply to {what}",
            hint="--rev names a commit of a git clone or a git URL",
        )
