"""Strangers' files, drawn at random by a grammar, and the commands that read them.

`strangers.toml` has the grammar. A stranger is a clone, a lock of a nixpkgs, an overlay
or a patch. The same seed gives the same strangers.
"""

import hashlib
import json
import re
import subprocess
import zlib
from base64 import b85encode
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import cycle, islice
from pathlib import Path
from random import Random

from msgspec import Struct

from tests import cases
from tests.clones import TARGET, edit, git
from tests.effects.runs import Stage

NOWHERE = "127.0.0.1:9"
_MIB = 1 << 20


class _Settings(Struct, frozen=True, kw_only=True):
    keys: list[str]
    values: list[str]
    weight: int = 1


class _Locks(Struct, frozen=True, kw_only=True):
    nodes: dict[str, str]
    pins: dict[str, str]
    links: list[str]
    schemes: list[str]
    more: list[str]
    values: list[str]
    commands: list[str]


class _Overlays(Struct, frozen=True, kw_only=True):
    packages: list[str]
    hungry: list[str]
    arguments: list[str]


class _Patches(Struct, frozen=True, kw_only=True):
    good: str
    paths: list[str]
    headers: list[str]
    contents: list[str]
    mails: list[str]
    commands: list[str]


class _Grammar(Struct, frozen=True, kw_only=True):
    programs: list[str]
    places: list[str]
    urls: list[str]
    settings: dict[str, _Settings]
    files: dict[str, list[str]]
    beside: dict[str, list[str]]
    readers: dict[str, list[str]]
    locks: _Locks
    overlays: _Overlays
    patches: _Patches


GRAMMAR = cases.read(__file__, _Grammar)


class Stranger(Struct, frozen=True, kw_only=True):
    """A stranger's files, and the command line that reads them."""

    name: str
    command: str
    """Its name in the table."""
    line: str
    make: Callable[[Stage, Random], None]
    """Make the files; the same random numbers give the same ones."""
    seed: str
    inside: str = "{here}"
    has_branch: bool = False
    """Whether `pr` has made a branch before."""

    def lay_out(self, stage: Stage) -> None:
        """Make the files in a stage."""
        _make_theirs(stage)
        self.make(stage, _random(self.seed))


def strangers(seed: int, count: int) -> list[Stranger]:
    """Return so many strangers; the overlays among 200 call every builtin."""
    families = cycle(("clone", "overlay", "clone", "patch", "clone", "lock"))
    counted = list(islice(families, count))
    makers: dict[str, Iterator[Stranger]] = {
        "clone": _clones(seed),
        "lock": _locks(seed),
        "overlay": _overlays(seed, counted.count("overlay")),
        "patch": _patches(seed),
    }
    return [next(makers[family]) for family in counted]


def _random(seed: str) -> Random:
    return Random(seed)  # noqa: S311 - it decides nothing that has to be secret


def _make_theirs(stage: Stage) -> None:
    """Make what all strangers may name: a program, a link, and another clone."""
    theirs = stage.theirs
    (theirs / "run").write_text("#!/bin/sh\nexit 1\n")
    (theirs / "run").chmod(0o755)
    (theirs / "link").symlink_to(stage.home)
    (stage.home / "named").write_text("[core]\n\tfsmonitor = hg\n\tworktree = /\n")
    (theirs / "o.nix").write_text("final: prev: { notes-server = prev.docker; }\n")
    other = stage.top / "other"
    other.mkdir()
    (other / "mine").write_text("the user's work\n")
    git(other, "init", "--quiet", "--initial-branch=master")
    git(other, "add", "--all")
    git(other, "commit", "--quiet", "--message=mine")


def _filled(text: str, stage: Stage, random: Random, **more: str) -> str:
    """Return a text with what its names stand for."""
    given = {
        "run": str(stage.theirs / "run"),
        "link": str(stage.theirs / "link"),
        "secret": str(stage.home / "secret"),
        "named": str(stage.home / "named"),
        "other": str(stage.top / "other"),
        "nowhere": NOWHERE,
        "program": random.choice(GRAMMAR.programs),
        "place": random.choice(GRAMMAR.places),
        "url": random.choice(GRAMMAR.urls),
        **more,
    }
    # What is drawn has names, too.
    for _ in range(3):
        for name, value in given.items():
            text = text.replace(f"{{{name}}}", value)
    return stage.filled(text)


def _clones(seed: int) -> Iterator[Stranger]:
    # What `pr` itself has written.
    near = [name for name in GRAMMAR.files if re.match("unlet|worktrees/nix", name)]
    for number in range(1 << 30):
        name = f"clone-{number}"
        random = _random(f"{seed} {name}")
        reader = random.choice(list(GRAMMAR.readers))
        is_ours = reader.startswith("pr")
        kinds = [
            kind for kind in GRAMMAR.settings if not is_ours or kind != "contributing"
        ]
        yield Stranger(
            name=f"{name}-{reader.replace(' ', '')}",
            command=reader.removesuffix(" here"),
            line=random.choice(GRAMMAR.readers[reader]),
            make=partial(_clone, kinds=kinds, near=near if is_ours else ()),
            seed=f"{seed} {name}",
            inside="{clone}" if reader.endswith("here") else "{here}",
            has_branch=reader in {"pr --update", "pr --remove"},
        )


def _clone(
    stage: Stage, random: Random, kinds: Sequence[str], near: Sequence[str]
) -> None:
    """Spoil a clone: settings, files of git's of which some are `near`, others."""
    edit(stage.clone, "MINIMAL=ON", "MINIMAL=OFF", TARGET)
    weights = [GRAMMAR.settings[kind].weight for kind in kinds]
    for kind in random.choices(kinds, weights, k=random.randint(0, 6)):
        group = GRAMMAR.settings[kind]
        words = random.choice(group.keys), random.choice(group.values)
        argv = ["git", "config", "--file", str(stage.clone / ".git/config")]
        # Some are no keys.
        subprocess.run(
            [*argv, *(_filled(word, stage, random) for word in words)],
            check=False,
            capture_output=True,
        )
    for below, grammar, most in (
        ("", GRAMMAR.beside, 1),
        (".git/", GRAMMAR.files, 2),
        (".git/", {name: GRAMMAR.files[name] for name in near}, 2),
    ):
        count = random.randint(0, min(most, len(grammar)))
        for name, contents in random.sample(sorted(grammar.items()), count):
            path = stage.clone / _filled(f"{below}{name}", stage, random)
            content = _filled(_content(random, contents), stage, random)
            # One may be below a link of another one, which leads anywhere.
            if path.parent.resolve().is_relative_to(stage.top):
                _put(path, content)


def _content(random: Random, contents: Sequence[str]) -> str:
    """Draw a content, seldom a link: many links are refused before all else."""
    plain = [content for content in contents if not content.startswith("link:")]
    return random.choice(contents if not plain or random.random() < 0.2 else plain)


def _put(path: Path, content: str) -> None:
    """Put a file, a link or a directory in the place of what is there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            path.rename(path.with_name(f"{path.name}-before"))
    except OSError:
        # Another one stands in the way.
        return
    if content.startswith("link:"):
        path.symlink_to(content.removeprefix("link:") or "none")
    elif content.startswith("tree:"):
        path.mkdir()
        if content == "tree:link":
            (path / "link").symlink_to("../../../../../other")
    else:
        path.write_text(f"{content}\n")
        if path.parent.name == "hooks":
            path.chmod(0o755)


def _locks(seed: int) -> Iterator[Stranger]:
    for number in range(1 << 30):
        name = f"lock-{number}"
        random = _random(f"{seed} {name}")
        file = random.choice(["flake.lock", "sources.json"])
        line = random.choice(GRAMMAR.locks.commands)
        yield Stranger(
            name=f"{name}-{file}",
            command=f"{line.split()[0]} --nixpkgs LOCK",
            line=line.replace("{lock}", f"{{here}}/{file}"),
            make=partial(_lock, file=file),
            seed=f"{seed} {name}",
        )


def _lock(stage: Stage, random: Random, file: str) -> None:
    """Lock a nixpkgs in a way of which some values are drawn."""
    grammar = GRAMMAR.locks
    forms = grammar.nodes if file == "flake.lock" else grammar.pins
    text = _filled(
        random.choice(sorted(forms.values())),
        stage,
        random,
        link=random.choice(grammar.links),
        scheme=random.choice(grammar.schemes),
        hash=random.choice([f"sha256-{'A' * 43}=", "x"]),
    )
    locked: dict[str, object] = json.loads(text)
    for name in random.sample(grammar.more, random.randint(0, 2)):
        locked[name] = _filled(random.choice(grammar.values), stage, random)
    nodes = {
        "root": {"inputs": {"nixpkgs": "nixpkgs"}},
        "nixpkgs": {"locked": locked, "original": {"type": "indirect", "id": "x"}},
    }
    document: object = (
        {"version": 7, "root": "root", "nodes": nodes}
        if file == "flake.lock"
        else {"version": random.choice([3, 5, 6]), "pins": {"nixpkgs": locked}}
    )
    (stage.here / file).write_text(json.dumps(document))


@cache
def builtins() -> tuple[str, ...]:
    """Return the names of all builtins that this Nix may have."""
    features = "flakes fetch-tree fetch-closure dynamic-derivations ca-derivations"
    argv = [
        *("nix-instantiate", "--store", "dummy://", "--eval", "--strict", "--json"),
        *("--option", "extra-experimental-features", features),
        *("--expr", "builtins.attrNames builtins"),
    ]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    return tuple(json.loads(done.stdout))


def _overlays(seed: int, count: int) -> Iterator[Stranger]:
    random = _random(f"{seed} overlays")
    grammar = GRAMMAR.overlays
    hungry, names = (
        random.sample(texts, len(texts)) for texts in (grammar.hungry, builtins())
    )
    # One of six takes much; the others call all builtins, if there are enough of them.
    share = min(-(-len(names) // max(count - count // 6, 1)), len(grammar.packages))
    called = cycle(names)
    for number in range(count):
        calls = [f"builtins.{name}" for name in islice(called, share)]
        whole = hungry[number // 6 % len(hungry)] if number % 6 == 5 else None
        yield Stranger(
            name=f"overlay-{number}",
            command="reach --sealed",
            line="reach --sealed {here}/o.nix --nixpkgs {tree}",
            make=partial(_overlay, whole=whole, calls=calls),
            seed=f"{seed} overlay-{number}",
        )


def _overlay(
    stage: Stage, random: Random, whole: str | None, calls: Sequence[str]
) -> None:
    """Write an overlay that calls builtins with arguments which they may not have."""
    grammar = GRAMMAR.overlays
    expressions = [
        f"{call} {' '.join(random.choices(grammar.arguments, k=random.randint(1, 3)))}"
        for call in calls
    ]
    lines = [
        f"  {package} = prev.{package}.overrideAttrs (old: {{ "
        f'note = builtins.seq ({expression}) "x"; }});'
        for package, expression in zip(
            grammar.packages,
            expressions if whole is None else [whole],
            strict=False,
        )
    ]
    text = "\n".join(("final: prev: {", *lines, "}", ""))
    (stage.here / "o.nix").write_text(_filled(text, stage, random))


def _patches(seed: int) -> Iterator[Stranger]:
    for number in range(1 << 30):
        name = f"patch-{number}"
        line = _random(f"{seed} {name}").choice(GRAMMAR.patches.commands)
        yield Stranger(
            name=name,
            command="check",
            line=line.replace("{patch}", "{here}/theirs.patch"),
            make=_patch,
            seed=f"{seed} {name}",
        )


def _patch(stage: Stage, random: Random) -> None:
    """Write a patch of files with odd paths, headers and contents."""
    grammar = GRAMMAR.patches
    lines = [_filled(random.choice(grammar.mails), stage, random)]
    if random.random() < 0.5:
        lines.append(_filled(grammar.good.strip(), stage, random))
    for _ in range(random.randint(0 if lines[1:] else 1, 2)):
        path = random.choice(grammar.paths)
        headers = random.sample(grammar.headers, random.randint(0, 2))
        content = random.choice(grammar.contents)
        text = "\n".join((f"diff --git a/{path} b/{path}", *headers, content))
        if content == "{bomb}":
            text = _bomb(path, copies=random.choice([2, 200]))
        lines.append(_filled(text, stage, random, path=path))
    (stage.here / "theirs.patch").write_text("\n".join((*lines, "")))


@cache
def _zeros() -> bytes:
    return bytes(16 * _MIB)


def _bomb(path: str, copies: int) -> str:
    """Return a patch of some kB that unpacks to 16 MiB, then to `copies` of that."""
    zeros = _zeros()
    name = hashlib.sha1(b"blob %d\0" % len(zeros) + zeros).hexdigest()  # noqa: S324 - as git does
    # A delta (gitformat-pack(5)): both sizes, then copies from offset 0.
    delta = (
        _size(len(zeros))
        + _size(copies * (len(zeros) - 1))
        + b"\xf0\xff\xff\xff" * copies
    )
    return "\n".join(
        (
            f"diff --git a/{path}x b/{path}x",
            *("new file mode 100644", f"index {'0' * 40}..{name}"),
            *(
                "GIT binary patch",
                _encoded("literal", zeros),
                "literal 0",
                "HcmV?d00001",
                "",
            ),
            f"diff --git a/{path}x b/{path}x",
            *(f"index {name}..{'1' * 40} 100644", "GIT binary patch"),
            *(_encoded("delta", delta), "delta 0", "HcmV?d00001", ""),
        )
    )


def _size(number: int) -> bytes:
    digits = bytearray()
    while number >= 0x80:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def _encoded(kind: str, content: bytes) -> str:
    """Return a part of a binary patch, as git writes it: 52 bytes a line."""
    packed = zlib.compress(content, 9)
    lines = [f"{kind} {len(content)}"]
    for at in range(0, len(packed), 52):
        piece = packed[at : at + 52]
        length = chr(len(piece) + (64 if len(piece) <= 26 else 70))
        lines.append(f"{length}{b85encode(piece, pad=True).decode()}")
    return "\n".join((*lines, ""))
