"""The path literals of a nixpkgs: the path in the tree that each names, and the files that contain it."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from posixpath import dirname, normpath

from toolkit import documents, process
from toolkit.cache import default_cache
from toolkit.git import calls, messages
from toolkit.sources.trees import NixpkgsTree

_SEARCHED = ("pkgs/*.nix", "lib/*.nix", "nixos/*.nix")
_LITERAL = r"\.\.?/[A-Za-z0-9_./+@-]*"
_PATH = re.compile(rf"(?<![\w.$}}-]){_LITERAL}")
_KIND = "path-literals"
_DOCUMENT = "index.json"


def index(tree: NixpkgsTree) -> Mapping[str, list[str]]:
    """Return for each path in a tree the files that name it; the index is cached."""
    if (content := default_cache().read(_KIND, tree.key, _DOCUMENT)) is None:
        content = documents.write(_indexed(tree.root))
        default_cache().keep(_KIND, tree.key, _DOCUMENT, content)
    return documents.read(content, dict[str, list[str]], document=_DOCUMENT)


def find(file: str, text: str) -> Iterator[tuple[str, int]]:
    """Yield the paths in the tree that a file's literals name, each with its offset."""
    for match in _PATH.finditer(text):
        yield _resolved(file, match[0]), match.start()


def searched(root: Path, *words: str) -> str:
    """Return the output of git-grep(1) about the files of a tree."""
    argv = ("git", "-C", str(root), "grep", "--no-index", "--no-color", "-I", "-z", *words, "--", *_SEARCHED)
    env = {**calls.reading(), "GIT_CEILING_DIRECTORIES": str(root.parent)}
    return process.execute(process.Command(argv=argv, env=env, ok=(0, 1), shown=messages.known)).stdout.decode(
        "utf-8", "replace"
    )


def _indexed(root: Path) -> dict[str, list[str]]:
    referrers: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for line in searched(root, "-o", "-E", "-e", _LITERAL).split("\n"):
        file, _, literal = line.partition("\0")
        if literal.count("/"):
            referrers[_resolved(file, literal)][file] = None
    for link in _links(root):
        if not (target := os.readlink(root / link)).startswith("/"):  # noqa: PTH115 - as in toolkit.sources.trees
            referrers[_resolved(link, target)][link] = None
    return {path: [*files] for path, files in referrers.items()}


def _links(root: Path) -> Iterator[str]:
    """Yield the links of a tree, as paths in it."""
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
