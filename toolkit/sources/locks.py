"""Lock files: find the nixpkgs that a flake.lock or a sources.json of npins pins.

The formats: "Lock files" in the Nix manual's page on flakes, and src/ of npins
(versions 3 to 7).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from toolkit import documents, files
from toolkit.errors import ToolkitError, without_passwords
from toolkit.git.urls import STRANGERS, RemoteUrl


class AtCommit(Struct, frozen=True, kw_only=True):
    """The pin is a commit.

    `url` is None for nixpkgs itself, `content` the hash of its files if the lock has
    one.
    """

    url: RemoteUrl | None
    rev: str
    content: str | None = None


class AtPath(Struct, frozen=True, kw_only=True):
    """The pin is a directory."""

    path: Path
    content: str | None = None


class AtRelease(Struct, frozen=True, kw_only=True):
    """The pin is a channel's tarball.

    A file `git-revision` beside it names the commit.
    """

    url: RemoteUrl
    content: str | None = None


Locked = AtCommit | AtPath | AtRelease


class _Node(Struct, frozen=True, kw_only=True):
    """An input of a flake: a node's name, or the names that lead to it from the root.

    Each of these names is an input of the node before.
    """

    inputs: dict[str, str | tuple[str, ...]] | None = None
    locked: dict[str, Any] | None = None


class _File(Struct, frozen=True, kw_only=True):
    """A lock file.

    A flake.lock has `nodes` and their `root`; a sources.json of npins has `pins`.
    """

    root: str = ""
    nodes: dict[str, _Node] | None = None
    pins: dict[str, dict[str, Any]] | None = None


def read(path: Path, name: str = "nixpkgs") -> Locked:
    """Return the lock file's pin `name`.

    It is the root flake's input, or the npins entry, of that name. Raise ToolkitError
    if the file is not a lock file or lacks the name, or if the pin cannot be a nixpkgs.
    """
    hint = (
        "--nixpkgs takes a directory, a flake.lock or npins' sources.json; use "
        "--file for a single Nix file"
    )
    try:
        lock = documents.read(files.read(path), _File, document=str(path))
    except documents.BrokenError:
        raise ToolkitError(
            f"{path}: is not a lock file: it is not JSON", hint=hint
        ) from None
    if lock.nodes is not None:
        locked = _node(
            lock.nodes, _follow(lock.nodes, lock.root, (name,), path), path
        ).locked
        if locked is None:
            raise ToolkitError(
                f"{path}: the lock file has no entry for input '{name}'",
                hint="nix flake lock",
            )
        found, content = (
            _input(locked, path, f"{path}: input '{name}'"),
            locked.get("narHash"),
        )
        return replace(found, content=content) if isinstance(content, str) else found
    if lock.pins is None:
        raise ToolkitError(
            f"{path}: is neither a flake.lock nor a sources.json of npins", hint=hint
        )
    if name not in lock.pins:
        raise _absent(path, "pin", name, lock.pins)
    return _pin(lock.pins[name], f"{path}: pin '{name}'")


def _input(locked: Mapping[str, Any], path: Path, place: str) -> Locked:
    match locked:
        case {
            "type": "github",
            "owner": str(owner),
            "repo": str(repo),
            "rev": str(rev),
        }:
            host = locked.get("host") or "github.com"
            return AtCommit(url=_url(f"https://{host}/{owner}/{repo}", place), rev=rev)
        case {"type": "git", "url": str(url), "rev": str(rev)}:
            return AtCommit(url=_url(url.removeprefix("git+"), place), rev=rev)
        case {"type": "path", "path": str(there)}:
            return AtPath(path=path.parent / there)
        case {"type": "indirect", "id": "nixpkgs", "rev": str(rev)} | {
            "type": "tarball",
            "rev": str(rev),
        }:
            return AtCommit(url=None, rev=rev)
        case {"type": "tarball", "url": str(url)}:
            return _tarball(url, place)
        case _:
            raise _unknown(
                place,
                locked,
                "use github, git, path, tarball, or (for nixpkgs alone) indirect",
            )


def _node(nodes: Mapping[str, _Node], name: str, path: Path) -> _Node:
    if name not in nodes:
        raise ToolkitError(f"{path}: lacks the node '{name}' that another node names")
    return nodes[name]


def _follow(
    nodes: Mapping[str, _Node],
    root: str,
    names: tuple[str, ...],
    path: Path,
    depth: int = 0,
) -> str:
    """Return the name of the node that the inputs `names` lead to from the root."""
    if depth > len(nodes):
        raise ToolkitError(f"{path}: input '{'/'.join(names)}' follows itself")
    node = root
    for name in names:
        inputs = _node(nodes, node, path).inputs or {}
        if name not in inputs:
            raise _absent(path, "input", "/".join(names), inputs)
        led = inputs[name]
        node = (
            led if isinstance(led, str) else _follow(nodes, root, led, path, depth + 1)
        )
    return node


def _pin(pin: Mapping[str, Any], place: str) -> Locked:
    match pin:
        case {"repository": {"type": "Git", "url": str(url)}, "revision": str(rev)}:
            return AtCommit(url=_url(url, place), rev=rev)
        case {
            "repository": {"type": "GitHub", "owner": str(owner), "repo": str(repo)},
            "revision": str(rev),
        }:
            url = _url(f"https://github.com/{owner}/{repo}", place)
            return AtCommit(url=url, rev=rev)
        case {"type": "Tarball", "locked_url": str(url)} | {
            "type": "Channel" | "Tarball",
            "url": str(url),
        }:
            return _tarball(url, place)
        case _:
            raise _unknown(
                place,
                pin,
                "use Git or GitRelease of GitHub or a URL, Channel, or Tarball",
            )


def _absent(
    path: Path, what: str, name: str, known: Mapping[str, object]
) -> ToolkitError:
    hint = f"name a different {what} with {quote(str(path))}#NAME"
    return ToolkitError(
        f"{path}: has no {what} '{name}'; {what}s are {', '.join(known) or 'none'}",
        hint=hint,
    )


def _unknown(place: str, pin: Mapping[str, Any], known: str) -> ToolkitError:
    fact = f"has an unknown type, or lacks a field: '{pin.get('type')}'"
    return ToolkitError(f"{place}: {fact}", hint=f"known are {known}")


def _url(url: str, place: str) -> RemoteUrl:
    """Return the URL in a lock file; raise ToolkitError for any other protocol."""
    try:
        return RemoteUrl(url, protocols=STRANGERS)
    except ToolkitError as error:
        raise ToolkitError(f"{place}: {error.message}", hint=error.hint) from None


def _tarball(url: str, place: str) -> Locked:
    """Return the commit in a tarball's URL, or the release that it belongs to."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ToolkitError(
            f"{place}: '{without_passwords(url)}' is not a URL"
        ) from None
    rev = parse_qs(parts.query).get("rev", [""])[0]
    if re.fullmatch(r"[0-9a-f]{40}", rev):
        return AtCommit(url=None, rev=rev)
    if found := re.search(r"/([0-9a-f]{40})(?:\.tar\.\w+|\.zip)?$", parts.path):
        # https://HOST/OWNER/REPO/archive/COMMIT.tar.gz, as GitHub and those like it
        # have it
        project = re.fullmatch(r"/([^/]+/[^/]+?)(?:\.git)?/archive/.*", parts.path)
        if project is None:
            return AtCommit(url=None, rev=found[1])
        repository = f"{parts.scheme}://{parts.netloc}/{project[1]}"
        return AtCommit(url=_url(repository, place), rev=found[1])
    if re.search(r"/nixexprs\.tar\.\w+$", parts.path):
        return AtRelease(url=_url(url, place))
    raise ToolkitError(f"{place}: '{without_passwords(url)}' contains no commit")
