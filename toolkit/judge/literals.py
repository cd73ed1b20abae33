"""Search the files of a nixpkgs for paths to other files, and for words.

The results are cached.
"""

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from posixpath import dirname, normpath
from typing import TypeVar

from toolkit import documents, process
from toolkit.cache import default_cache
from toolkit.git import calls, messages
from toolkit.sources.trees import NixpkgsTree

_SEARCHED = ("pkgs/*.nix", "lib/*.nix", "nixos/*.nix")
_LITERAL = r"\.\.?/[A-Za-z0-9_./+@-]*"
_PATH = re.compile(rf"(?<![\w.$}}-]){_LITERAL}")
_KIND = "path-literals"

V = TypeVar("V")


def index(tree: NixpkgsTree) -> Mapping[str, list[str]]:
    """Return the files of a tree that mention each path, by path."""
    return _cached(tree, "index", lambda: _indexed(tree.root), dict[str, list[str]])


def naming(tree: NixpkgsTree, words: str) -> list[str]:
    """Return the files of a tree in which a pattern matches a whole word.

    The pattern is an extended regular expression.
    """
    search, name = (
        ("-l", "-w", "-E", "-e", words),
        hashlib.sha256(words.encode()).hexdigest(),
    )
    return _cached(
        tree, name, lambda: _searched(tree.root, *search).split("\0")[:-1], list[str]
    )


def _cached(tree: NixpkgsTree, name: str, find: Callable[[], V], form: type[V]) -> V:
    document = f"{name}.json"
    if (content := default_cache().read(_KIND, tree.key, document)) is None:
        content = documents.write(find())
        default_cache().keep(_KIND, tree.key, document, content)
    return documents.read(content, form, document=document)


def find(file: str, text: str) -> Iterator[tuple[str, int]]:
    """Yield the paths that a file mentions, relative to the tree, and their offsets."""
    for match in _PATH.finditer(text):
        yield _resolved(file, match[0]), match.start()


def _searched(root: Path, *words: str) -> str:
    """Return the output of git-grep(1) for the files of a tree."""
    argv = (
        "git",
        "-C",
        str(root),
        "grep",
        "--no-index",
        "--no-color",
        "-I",
        "-z",
        *words,
        "--",
        *_SEARCHED,
    )
    env = {**calls.reading(), "GIT_CEILING_DIRECTORIES": str(root.parent)}
    return process.execute(
        process.Command(argv=argv, env=env, ok=(0, 1), shown=messages.known)
    ).text


def _indexed(root: Path) -> dict[str, list[str]]:
    referrers: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for line in _searched(root, "-o", "-E", "-e", _LITERAL).split("\n"):
        file, _, literal = line.partition("\0")
        if literal.count("/"):
            referrers[_resolved(file, literal)][file] = None
    for link in _links(root):
        if not (target := os.readlink(root / link)).startswith("/"):  # noqa: PTH115 - Path would normalise the target
            referrers[_resolved(link, target)][link] = None
    return {path: [*files] for path, files in referrers.items()}


def _links(root: Path) -> Iterator[str]:
    """Yield the symbolic links of a tree, as paths relative to its root."""
    waiting = [""]
    while waiting:
        place = waiting.pop()
        with os.scandir(root / place) as entries:
            for entry in entries:
                path = f"{place}/{entry.name}".lstrip("/")
                if entry.is_symlink():
                    yield path
                elif entry.is_dir() and entry.name != ".git":
                    waiting.append(path)


def _resolved(file: str, literal: str) -> str:
    return normpath(f"{dirname(file)}/{literal}")
