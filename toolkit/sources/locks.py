"""Lock files: which nixpkgs a flake.lock or npins' sources.json pins.

The formats: "Lock files" in the Nix manual's page on flakes, and src/ of npins (versions 3 to 7).
"""

import re
from pathlib import Path
from shlex import quote
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

from toolkit import documents, files
from toolkit.errors import ToolkitError, without_passwords

_OLDEST_FLAKE_LOCK = 5
_OLDEST_NPINS = 3
_FULL_ID = re.compile(r"[0-9a-f]{40}")


class AtCommit(Struct, frozen=True, kw_only=True):
    """The pin is a commit; `url` is None for nixpkgs itself, `content` the hash of its files if the lock has one."""

    url: str | None
    rev: str
    content: str | None = None


class AtPath(Struct, frozen=True, kw_only=True):
    """The pin is a directory."""

    path: Path
    content: str | None = None


class AtRelease(Struct, frozen=True, kw_only=True):
    """The pin is a channel's tarball; a file `git-revision` beside it names the commit."""

    url: str
    content: str | None = None


Locked = AtCommit | AtPath | AtRelease


_HOSTS = {"github": "github.com", "gitlab": "gitlab.com", "sourcehut": "git.sr.ht"}


class _Locked(Struct, frozen=True, kw_only=True):
    """A locked input in a flake.lock; the fields depend on the type."""

    type: str
    host: str | None = None
    owner: str | None = None
    repo: str | None = None
    rev: str | None = None
    url: str | None = None
    path: str | None = None
    id: str | None = None
    content: str | None = field(name="narHash", default=None)


class _Repository(Struct, frozen=True, kw_only=True):
    """Where npins has a commit from."""

    type: str
    url: str | None = None
    server: str | None = None
    owner: str | None = None
    repo: str | None = None
    repo_path: str | None = None


class _Pin(Struct, frozen=True, kw_only=True):
    """A pin of npins; the fields depend on the type."""

    type: str
    repository: _Repository | None = None
    revision: str | None = None
    url: str | None = None
    locked_url: str | None = None


class _Node(Struct, frozen=True, kw_only=True):
    """An input of a flake: a name of another node, or the way to one from the root, by the names of its own inputs."""

    inputs: dict[str, str | tuple[str, ...]] | None = None
    locked: dict[str, Any] | None = None


class _File(Struct, frozen=True, kw_only=True):
    """A flake.lock has `nodes` and their `root`, npins' sources.json has `pins`, looked into when asked for."""

    version: int
    root: str = ""
    nodes: dict[str, _Node] | None = None
    pins: dict[str, dict[str, Any]] | None = None


def read(path: Path, name: str = "nixpkgs") -> Locked:
    """Return the lock file's pin `name`: the root flake's input, or the npins entry, of that name.

    Raise ToolkitError if the file is not a lock file or lacks the name, or the pin's kind holds no nixpkgs.
    """
    content = files.read(path)
    try:
        known = documents.read(content, dict[str, Any], document=str(path))
    except documents.BrokenError:
        hint = "--nixpkgs takes a directory, a flake.lock or npins' sources.json; use --file for a single Nix file"
        raise ToolkitError(f"{path}: is not a lock file: not JSON", hint=hint) from None
    if not {"nodes", "pins"} & known.keys():
        hint = "a flake.lock has 'nodes', npins' sources.json has 'pins'"
        raise ToolkitError(f"{path}: is neither a flake.lock nor npins' sources.json", hint=hint)
    lock = documents.convert(known, _File, document=str(path))
    if lock.nodes is not None:
        return _flake(lock.version, lock.nodes, lock.root, path, name)
    return _npins(lock.version, lock.pins or {}, path, name)


def _flake(version: int, nodes: dict[str, _Node], root: str, path: Path, name: str) -> Locked:
    if version < _OLDEST_FLAKE_LOCK:
        raise ToolkitError(f"{path}: version {version} is too old; {_OLDEST_FLAKE_LOCK} and later are known")
    node = _follow(nodes, root, (name,), path)
    locked = _node(nodes, node, path).locked
    if locked is None:
        raise ToolkitError(f"{path}: input '{name}' is not locked", hint="nix flake lock")
    place = f"{path}: input '{name}'"
    found = documents.convert(locked, _Locked, document=place)
    return replace(_at(found, path, place), content=found.content)


def _at(found: _Locked, path: Path, place: str) -> Locked:
    match found:
        case _Locked(type="github" | "gitlab" | "sourcehut", owner=str(owner), repo=str(repo), rev=str(rev)):
            return AtCommit(url=f"https://{found.host or _HOSTS[found.type]}/{owner}/{repo}", rev=rev)
        case _Locked(type="git", url=str(url), rev=str(rev)):
            return AtCommit(url=url.removeprefix("git+"), rev=rev)
        case _Locked(type="path", path=str(there)):
            return AtPath(path=path.parent / there)
        case _Locked(type="indirect", id="nixpkgs", rev=str(rev)) | _Locked(type="tarball", rev=str(rev)):
            return AtCommit(url=None, rev=rev)
        case _Locked(type="tarball", url=str(url)):
            return _tarball(url, place)
        case _:
            raise _unknown(place, found.type, "github, gitlab, sourcehut, git, path, tarball, indirect (nixpkgs alone)")


def _node(nodes: dict[str, _Node], name: str, path: Path) -> _Node:
    if name not in nodes:
        raise ToolkitError(f"{path}: has no node '{name}'")
    return nodes[name]


def _follow(nodes: dict[str, _Node], root: str, names: tuple[str, ...], path: Path, depth: int = 0) -> str:
    """Return the name of the node that the inputs `names` lead to, one after the other, from the root."""
    if depth > len(nodes):
        raise ToolkitError(f"{path}: input '{'/'.join(names)}' follows itself")
    node = root
    for name in names:
        inputs = _node(nodes, node, path).inputs or {}
        if name not in inputs:
            known = ", ".join(inputs) or "none"
            hint = f"name a different input with {quote(str(path))}#NAME"
            raise ToolkitError(f"{path}: has no input '{'/'.join(names)}'; inputs are {known}", hint=hint)
        led = inputs[name]
        node = led if isinstance(led, str) else _follow(nodes, root, led, path, depth + 1)
    return node


def _npins(version: int, pins: dict[str, dict[str, Any]], path: Path, name: str) -> Locked:
    if version < _OLDEST_NPINS:
        fact = f"version {version} is too old; {_OLDEST_NPINS} and later are known"
        raise ToolkitError(f"{path}: {fact}", hint="npins upgrade")
    if name not in pins:
        known = ", ".join(pins) or "none"
        hint = f"name a different pin with {quote(str(path))}#NAME"
        raise ToolkitError(f"{path}: has no pin '{name}'; pins are {known}", hint=hint)
    place = f"{path}: pin '{name}'"
    match found := documents.convert(pins[name], _Pin, document=place):
        case _Pin(type="Git" | "GitRelease", repository=_Repository() as repository, revision=str(rev)):
            return AtCommit(url=_address(repository, place), rev=rev)
        case _Pin(type="Tarball", locked_url=str(url)) | _Pin(type="Channel" | "Tarball", url=str(url)):
            return _tarball(url, place)
        case _:
            raise _unknown(place, found.type, "Git, GitRelease, Channel, Tarball")


def _address(repository: _Repository, place: str) -> str:
    """Return the URL of a repository for git."""
    match repository:
        case _Repository(type="Git", url=str(url)):
            return url
        case _Repository(type="GitHub", owner=str(owner), repo=str(repo)):
            return f"https://github.com/{owner}/{repo}"
        case _Repository(type="Forgejo", server=str(server), owner=str(owner), repo=str(repo)):
            return f"{server.rstrip('/')}/{owner}/{repo}"
        case _Repository(type="GitLab", server=str(server), repo_path=str(repo_path)):
            return f"{server.rstrip('/')}/{repo_path}"
        case _:
            raise _unknown(f"{place}: its repository", repository.type, "Git, GitHub, GitLab, Forgejo")


def _unknown(place: str, kind: str, known: str) -> ToolkitError:
    return ToolkitError(f"{place}: is of no known type, or lacks a field: '{kind}'", hint=f"known are {known}")


def _tarball(url: str, place: str) -> Locked:
    """Return the commit that a tarball's URL holds, or the release that it is from."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ToolkitError(f"{place}: '{without_passwords(url)}' is not a URL") from None
    rev = parse_qs(parts.query).get("rev", [""])[0]
    if _FULL_ID.fullmatch(rev):
        return AtCommit(url=None, rev=rev)
    if found := re.search(r"/([0-9a-f]{40})(?:\.tar\.\w+|\.zip)?$", parts.path):
        # https://HOST/OWNER/REPO/archive/COMMIT.tar.gz, as GitHub and those like it have it
        project = re.fullmatch(r"/([^/]+/[^/]+?)(?:\.git)?/archive/.*", parts.path)
        return AtCommit(url=f"{parts.scheme}://{parts.netloc}/{project[1]}" if project else None, rev=found[1])
    if re.search(r"/nixexprs\.tar\.\w+$", parts.path):
        return AtRelease(url=url)
    raise ToolkitError(f"{place}: '{without_passwords(url)}' contains no commit")
