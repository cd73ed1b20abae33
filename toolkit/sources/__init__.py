"""Turn the user's source into the target's bytes and the tree around them, by `resolve`.

It distinguishes the kinds of sources, and compares the content with the known pins.
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from shlex import quote

from msgspec import Struct

from toolkit import patches
from toolkit.errors import ToolkitError, UsageError, without_passwords
from toolkit.git import reading
from toolkit.model import Pin, Progress, Source, SourceRequest
from toolkit.nix import stores
from toolkit.sources import commits, local, locks

# git's two forms of a remote: a URL, and ssh's `[USER@]HOST:PATH`.
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://.+|([\w.-]+@)?[\w.-]+\.[\w.-]+:[^/].*|[\w.-]+@[\w.-]+:.+")


TEMPLATE = ".github/PULL_REQUEST_TEMPLATE.md"
"""Where nixpkgs has its template for pull requests."""


def resolve(request: SourceRequest, *, target: PurePosixPath, sparse: Sequence[str], progress: Progress) -> Source:
    """Return the source that `request` names.

    `target` is the file's path in nixpkgs, `sparse` the nixpkgs paths needed besides its directory (a slash at either
    end is ignored). `request.offline` forbids network access.

    `request.nixpkgs` may be a lock file with `#NAME`, for a pin other than `nixpkgs`, and a channel's or profile's
    directory that has nixpkgs one level down. A git clone counts by its commit, not its worktree.

    Raise UsageError for contradicting options or an unknown name, ToolkitError if a source cannot be read or fetched,
    or a known pin's file differs from the recorded one.
    """
    _check(request)
    upstream = patches.upstream()
    # Of a commit there is one checkout in the cache, which runs for other targets share.
    beside = (PurePosixPath(path.strip("/")) for path in (TEMPLATE, *sparse))
    asked = commits.Wanted(
        target=target,
        paths=tuple(sorted({target.parent, *beside})),
        remote=upstream.remote,
        offline=request.offline,
        progress=progress,
    )
    source = _Kinds(asked=asked, pinned=request.pinned).of(request)
    if target == upstream.file:
        _check_pins(source, target, upstream.pins)
    return source


class _Kinds(Struct, frozen=True, kw_only=True):
    """The kinds of sources, each tried in its turn."""

    asked: commits.Wanted
    pinned: bool

    def of(self, request: SourceRequest) -> Source:
        if request.file is not None:
            return local.file_source(request.file)
        if request.nixpkgs is None:
            if request.rev is not None:
                return commits.at_rev(self.asked.remote, request.rev, self.asked)
            pin = patches.pin(request.pin)
            origin = f"nixpkgs {pin.commit.short} (pin {pin.name})"
            return commits.at_commit(self.asked.remote, pin.commit, self.asked, origin=origin)
        return self._named(request.nixpkgs, request.rev)

    def _named(self, name: str, rev: str | None) -> Source:
        if name == "specimen":
            _refuse_rev(rev, "the specimen")
            return local.specimen_source(self.asked)
        if found := re.fullmatch(r"<([^<>]+)>", name):
            return self._path(local.find_in_nix_path(found[1]), rev)
        path = Path(name).expanduser()
        if path.exists():
            return self._path(path, rev)
        lock, _, entry = name.rpartition("#")
        if lock and entry and Path(lock).expanduser().is_file():
            _refuse_rev(rev, "a lock file")
            return self._lock(Path(lock).expanduser(), entry)
        if _REMOTE.fullmatch(name):
            return commits.at_rev(name, rev or "HEAD", self.asked)
        if (flake := re.fullmatch(r"github:([\w.-]+/[\w.-]+)(?:/(.+))?", name)) is not None:
            hint = f"--nixpkgs https://github.com/{flake[1]} --rev {quote(flake[2] or rev or 'BRANCH')}"
            raise ToolkitError(f"{name}: flake references are not read", hint=hint)
        hint = "a directory, a git URL, '<nixpkgs>', a flake.lock, an npins sources.json, or specimen"
        raise ToolkitError(f"{name}: no such file or directory", hint=f"--nixpkgs takes {hint}")

    def _path(self, path: Path, rev: str | None) -> Source:
        if not path.is_dir():
            _refuse_rev(rev, "a lock file")
            return self._lock(path, "nixpkgs")
        if reading.is_repository(path):
            return local.clone_source(path, rev, self.asked)
        _refuse_rev(rev, f"'{path}', which is not a git clone")
        return local.directory_source(path, self.asked)

    def _lock(self, path: Path, entry: str) -> Source:
        locked = locks.read(path, entry)
        if self.pinned:
            if locked.content is not None and (place := stores.of_content(locked.content)) is not None:
                return local.directory_source(place, self.asked)
            if not isinstance(locked, locks.AtCommit) or re.fullmatch(r"[0-9a-f]{40}", locked.rev) is None:
                raise ToolkitError(f"{path}: input '{entry}' is not pinned by its content, or not in the store")
        match locked:
            case locks.AtCommit():
                return commits.at_rev(locked.url or self.asked.remote, locked.rev, self.asked)
            case locks.AtPath():
                if not locked.path.is_dir():
                    raise ToolkitError(f"{path}: input '{entry}' is '{locked.path}', which is not a directory")
                return self._path(locked.path, None)
            case locks.AtRelease():
                commit = commits.commit_of(locked.url, self.asked)
                origin = commit.named(without_passwords(locked.url))
                return commits.at_commit(self.asked.remote, commit, self.asked, origin=origin)


def _check(request: SourceRequest) -> None:
    """Raise UsageError for a request that names two sources."""
    given = {"--file": request.file, "--nixpkgs": request.nixpkgs, "--pin": request.pin}
    named = [option for option, value in given.items() if value is not None]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)}: name one source, not {len(named)}")
    if request.rev is not None and named in (["--file"], ["--pin"]):
        raise UsageError(f"--rev: cannot be combined with {named[0]}")


def _refuse_rev(rev: str | None, what: str) -> None:
    if rev is not None:
        raise UsageError(f"--rev: cannot be combined with {what}", hint="it names a commit of a git clone or a git URL")


def _check_pins(source: Source, target: PurePosixPath, pins: Sequence[Pin]) -> None:
    """Raise ToolkitError where the source is a known pin with another file than the recorded one."""
    for pin in pins:
        if pin.blob is None or pin.commit != source.commit:
            continue
        blob = reading.blob_id(source.content)
        if blob != pin.blob:
            fact = f"'{target}' is blob {blob.short}, recorded is {pin.blob.short}"
            raise ToolkitError(f"pin {pin.name}: {fact}", hint="the record in patches/ or the source is wrong")
