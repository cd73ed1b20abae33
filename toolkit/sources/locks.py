"""Lock files: which nixpkgs a flake.lock or npins' sources.json pins.

The formats: "Lock files" in the Nix manual's page on flakes, and src/ of npins (versions 3 to 7).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from toolkit.errors import ToolkitError, without_passwords
from toolkit.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_OLDEST_FLAKE_LOCK = 5
_OLDEST_NPINS = 3
_FULL_ID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AtCommit:
    """The pin is a commit; `url` is None for nixpkgs itself."""

    url: str | None
    rev: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AtPath:
    """The pin is a directory."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class AtRelease:
    """The pin is a channel's tarball, beside which a file `git-revision` says the commit."""

    url: str


Locked = AtCommit | AtPath | AtRelease


def read(path: Path, name: str = "nixpkgs") -> Locked:
    """Return what the lock file pins as `name`: the root flake's input, or the npins entry, of that name.

    Raises ToolkitError for a file that is no lock file or lacks the name, and for a kind of pin that holds no nixpkgs.
    """
    try:
        value: object = json.loads(path.read_bytes())
    except OSError as error:
        raise ToolkitError(f"{path}: cannot be read: {(error.strerror or '').lower()}") from None
    except (ValueError, RecursionError):
        hint = "--nixpkgs takes a directory, a flake.lock or npins' sources.json; use --file for a single Nix file"
        raise ToolkitError(f"{path}: is not a lock file: not JSON", hint=hint) from None
    record = Record(value, document=str(path))
    if "nodes" in record:
        return _flake(record, path, name)
    if "pins" in record:
        return _npins(record, path, name)
    hint = "a flake.lock has 'nodes', npins' sources.json has 'pins'"
    raise ToolkitError(f"{path}: is neither a flake.lock nor npins' sources.json", hint=hint)


def _flake(lock: Record, path: Path, name: str) -> Locked:
    if (version := lock.integer("version")) < _OLDEST_FLAKE_LOCK:
        raise lock.error("version", f"is {version}; {_OLDEST_FLAKE_LOCK} and later are known")
    nodes = lock.record("nodes")
    node = nodes.record(_follow(nodes, lock.text("root"), (name,), path))
    if "locked" not in node:
        raise ToolkitError(f"{path}: input '{name}' is not locked", hint="nix flake lock")
    locked = node.record("locked")
    kind = locked.text("type")
    reader = _FLAKE_TYPES.get(kind)
    if reader is None:
        raise locked.error("type", f"is '{kind}'; known are {', '.join(_FLAKE_TYPES)}")
    return reader(locked, path)


def _follow(nodes: Record, root: str, names: tuple[str, ...], path: Path, depth: int = 0) -> str:
    """Return the name of the node that the inputs `names` lead to, one after the other, from the root."""
    if depth > len(tuple(nodes.names())):
        raise ToolkitError(f"{path}: input '{'/'.join(names)}' follows itself")
    node = root
    for name in names:
        record = nodes.record(node)
        inputs = record.record("inputs") if "inputs" in record else None
        if inputs is None or name not in inputs:
            known = ", ".join(inputs.names()) if inputs is not None else "none"
            hint = f"name a different input with {quote(str(path))}#NAME"
            raise ToolkitError(f"{path}: has no input '{'/'.join(names)}'; inputs are {known}", hint=hint)
        try:
            node = inputs.text(name)
        except ToolkitError:
            node = _follow(nodes, root, inputs.texts(name), path, depth + 1)
    return node


def _forge(host: str, project: str = "{owner}/{repo}") -> Callable[[Record, Path], Locked]:
    def read_forge(locked: Record, _: Path) -> Locked:
        at = locked.text("host") if "host" in locked else host
        where = project.format(owner=locked.text("owner"), repo=locked.text("repo"))
        return AtCommit(url=f"https://{at}/{where}", rev=locked.text("rev"))

    return read_forge


def _flake_git(locked: Record, _: Path) -> Locked:
    return AtCommit(url=locked.text("url").removeprefix("git+"), rev=locked.text("rev"))


def _flake_path(locked: Record, path: Path) -> Locked:
    return AtPath(path=path.parent / locked.text("path"))


def _flake_indirect(locked: Record, _: Path) -> Locked:
    if (name := locked.text("id")) != "nixpkgs":
        raise locked.error("id", f"is '{name}', which only the flake registry knows")
    return AtCommit(url=None, rev=locked.text("rev"))


def _flake_tarball(locked: Record, _: Path) -> Locked:
    if "rev" in locked:
        return AtCommit(url=None, rev=locked.text("rev"))
    return _tarball(locked, "url")


_FLAKE_TYPES: dict[str, Callable[[Record, Path], Locked]] = {
    "github": _forge("github.com"),
    "gitlab": _forge("gitlab.com"),
    "sourcehut": _forge("git.sr.ht"),
    "git": _flake_git,
    "path": _flake_path,
    "tarball": _flake_tarball,
    "indirect": _flake_indirect,
}


def _npins(sources: Record, path: Path, name: str) -> Locked:
    if (version := sources.integer("version")) < _OLDEST_NPINS:
        raise sources.error("version", f"is {version}; {_OLDEST_NPINS} and later are known (npins upgrade)")
    pins = sources.record("pins")
    if name not in pins:
        known = ", ".join(pins.names()) or "none"
        hint = f"name a different pin with {quote(str(path))}#NAME"
        raise ToolkitError(f"{path}: has no pin '{name}'; pins are {known}", hint=hint)
    pin = pins.record(name)
    match kind := pin.text("type"):
        case "Git" | "GitRelease":
            return AtCommit(url=_npins_url(pin.record("repository")), rev=pin.text("revision"))
        case "Channel":
            return _tarball(pin, "url")
        case "Tarball":
            return _tarball(pin, "locked_url" if "locked_url" in pin else "url")
        case _:
            raise pin.error("type", f"is '{kind}'; known are Git, GitRelease, Channel, Tarball")


def _npins_url(repository: Record) -> str:
    match kind := repository.text("type"):
        case "Git":
            return repository.text("url")
        case "GitHub":
            return f"https://github.com/{repository.text('owner')}/{repository.text('repo')}"
        case "GitLab":
            return f"{repository.text('server').rstrip('/')}/{repository.text('repo_path')}"
        case "Forgejo":
            server = repository.text("server").rstrip("/")
            return f"{server}/{repository.text('owner')}/{repository.text('repo')}"
        case _:
            raise repository.error("type", f"is '{kind}'; known are Git, GitHub, GitLab, Forgejo")


def _tarball(record: Record, field: str) -> Locked:
    """Return the commit that a tarball's URL holds, or the release that it is from."""
    url = record.text(field)
    parts = urlsplit(url)
    rev = parse_qs(parts.query).get("rev", [""])[0]
    if _FULL_ID.fullmatch(rev):
        return AtCommit(url=None, rev=rev)
    if found := re.search(r"/([0-9a-f]{40})(?:\.tar\.\w+|\.zip)?$", parts.path):
        # https://HOST/OWNER/REPO/archive/COMMIT.tar.gz, as GitHub and those like it have it
        project = re.fullmatch(r"/([^/]+/[^/]+?)(?:\.git)?/archive/.*", parts.path)
        return AtCommit(url=f"{parts.scheme}://{parts.netloc}/{project[1]}" if project else None, rev=found[1])
    if re.search(r"/nixexprs\.tar\.\w+$", parts.path):
        return AtRelease(url=url)
    raise record.error(field, f"contains no commit: '{without_passwords(url)}'")
