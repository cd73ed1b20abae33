"""What strangers put into a nixpkgs: a seeded corpus, made by code.

Each way to spoil something is a payload at a place. A payload is an expression, a whole file, or what stands where a
file should be; each can read, or try to read, the file with the secret.
"""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from msgspec import Struct

DOCKER = "pkgs/applications/virtualization/docker/default.nix"
NOTES = "pkgs/by-name/no/notes-server/package.nix"

EXPRESSIONS = {
    "readFile": "builtins.readFile {secret}",
    "readFile-string": 'builtins.readFile "{secret}"',
    "readFile-home": "builtins.readFile ~/secret",
    "readFile-up": 'builtins.readFile (./. + "/../../../../../../../../../../../..{secret}")',
    "readFile-root": 'builtins.readFile (/. + "{secret}")',
    "readFile-beside": "builtins.readFile ./beside",
    "interpolated": '"${{./beside}}"',
    "interpolated-root": '"${{/. + "{secret}"}}"',
    "import": "import {secret}",
    "import-beside": "import ./beside",
    "scoped": "builtins.scopedImport {{ }} {secret}",
    "readDir": "toString (builtins.attrNames (builtins.readDir {home}))",
    "readDir-root": "toString (builtins.attrNames (builtins.readDir /.))",
    "path": 'builtins.readFile "${{builtins.path {{ path = {secret}; name = "x"; }}}}"',
    "filterSource": 'builtins.readFile "${{builtins.filterSource (_: _: true) {home}}}/secret"',
    "hashFile": 'builtins.hashFile "sha256" {secret}',
    "toFile": 'builtins.readFile (builtins.toFile "x" (builtins.readFile {secret}))',
    "getEnv": 'builtins.getEnv "SECRET" + builtins.getEnv "HOME"',
    "nixPath": "builtins.readFile <secret/secret>",
    "nixPath-list": "toString (map (each: each.path) builtins.nixPath)",
    "findFile": 'builtins.readFile (builtins.findFile [ {{ prefix = "x"; path = "{home}"; }} ] "x/secret")',
    "fetchurl": 'builtins.readFile (builtins.fetchurl "file://{secret}")',
    "fetchurl-link": 'builtins.readFile (builtins.fetchurl "file://${{toString ./beside}}")',
    "fetchTarball": 'builtins.readFile (builtins.fetchTarball "file://{home}/x.tar")',
    "fetchGit": 'builtins.readFile "${{builtins.fetchGit {home}}}/secret"',
    "fetchTree": 'builtins.readFile "${{builtins.fetchTree {{ type = "path"; path = "{home}"; }}}}/secret"',
    "hg": "toString (builtins.fetchMercurial ./.).branch",
    "hg-string": 'toString (builtins.fetchMercurial "${{toString ./.}}").branch',
    "hg-rev": '(builtins.fetchMercurial {{ url = "${{toString ./.}}"; rev = builtins.substring 0 40 '
    '(builtins.hashString "sha256" "x"); }}).branch',
    "getFlake": '(builtins.getFlake "path:{home}").told',
    "getFlake-git": 'builtins.getFlake "git+file://{home}"',
    "git": 'builtins.readFile (./. + "/../../../../.git/config")',
    "git-here": "builtins.readFile ./.git/config",
    "storePath": "builtins.readFile (builtins.storePath {secret})",
    "exec": 'builtins.exec [ "cat" "{secret}" ]',
    "native": 'builtins.importNative {secret} "x"',
    "fifo": "builtins.readFile ./fifo",
    "proc": "builtins.readFile /proc/self/environ",
    "zero": "builtins.readFile /dev/zero",
    "built": 'builtins.readFile (derivation {{ name = "x"; system = builtins.currentSystem; builder = "/bin/sh"; '
    'args = [ "-c" "cat {secret} > $out" ]; }})',
    "trace": 'builtins.trace (builtins.readFile {secret}) "1"',
    "warn": '(builtins.warn or builtins.trace) (builtins.readFile {secret}) "1"',
    "throw": "throw (builtins.readFile {secret})",
    "abort": "abort (builtins.readFile {secret})",
    "context": 'builtins.addErrorContext (builtins.readFile {secret}) (throw "x")',
    "escape": 'throw "\\x1b[2J${{builtins.fromJSON "\\"\\\\u001b[31mred\\\\u202e\\""}}"',
    "long": 'throw (builtins.concatStringsSep "" (builtins.genList (_: "x") 5000))',
    "lines": 'throw (builtins.concatStringsSep "\\n" (builtins.genList toString 5000))',
    "undefined": "nothing.of.this.name",
    "recursion": "let x = x; in x",
    "deep": "let f = n: 1 + f (n + 1); in toString (f 0)",
    "loop": "let f = n: f (n + 1); in f 0",
    "closure": "toString (builtins.genericClosure "
    "{{ startSet = [ {{ key = 0; }} ]; operator = e: [ {{ key = e.key + 1; }} ]; }})",
    "memory": "toString (builtins.deepSeq (builtins.genList (n: [ n (toString n) ]) 300000000) 1)",
    "text": 'let d = s: "${{s}}${{s}}"; in builtins.foldl\' (s: _: d s) "x" (builtins.genList (n: n) 40)',
    "exponential": "let a0 = {{ x = 1; }}; a = n: if n == 0 then a0 else {{ l = a (n - 1); r = a (n - 1); }}; in a 60",
    "regex": 'toString (builtins.match "(x+x+)+y" (builtins.concatStringsSep "" (builtins.genList (_: "x") 40)))',
    "number": "toString (9223372036854775807 + 1)",
    "function": "x: x",
    "null": "null",
    "list": "[ 1 2 3 ]",
}
"""What stands in the place of a string; `secret` and `home` are filled in."""


def _nested(open_: str, close: str, times: int) -> bytes:
    return (open_ * times + "1" + close * times).encode()


CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "nul": b"{ }: { a = \0; }\n",
    "latin": b'{ }: { a = "\xe9"; }\n',
    "bom": b"\xef\xbb\xbf{ }: { }\n",
    "crlf": b"{ }:\r\n{ }\r\n",
    "binary": bytes(range(256)) * 16,
    "no-end": b"{ }: { a = ",
    "conflict": b"<<<<<<< HEAD\n{ }: { }\n=======\n{ }: 1\n>>>>>>> x\n",
    "text": b"hello\n",
    "number": b"1\n",
    "function": b"x: y: z: x\n",
    "parentheses": _nested("(", ")", 20_000),
    "brackets": _nested("[", "]", 20_000),
    "braces": _nested("{ a = ", "; }", 20_000),
    "lets": _nested("let a = 1; in ", "", 20_000),
    "strings": _nested('"${', '}"', 5_000),
    "indented": _nested("''${", "}''", 5_000),
    "lambdas": _nested("x: ", "", 20_000),
    "minus": _nested("-", "", 20_000),
    "path-of-attributes": b"a" + b".a" * 100_000,
    "path-bound": b"{ a" + b".a" * 50_000 + b" = 1; }",
    "long-path": b"{ }: { a = ./" + b"a" * 5_000 + b"; }",
    "long-name": b"{ " + b"a" * 100_000 + b" }: 1",
    "many": b"{ }: {\n" + b"".join(b"  a%d = %d;\n" % (n, n) for n in range(30_000)) + b"}\n",
    "comment": b"/*" + b"*" * 900_000,
    "line": b"# " + b"x" * 900_000 + b"\n{ }: { }\n",
    "words": b"x " * 400_000,
    "too-big": b"# " + b"x" * (1 << 20) + b"\n",
    "escape": b'# \x1b[2J\x1b]0;x\x07 \xe2\x80\xae\n{ }: throw "\x1b[31m"\n',
    "docker-twice": b"{ callPackage }: rec { dockerGen = { version }: 1; docker_1 = dockerGen { }; docker_1 = 1; }\n",
}
"""Whole files."""


def _link(to: str) -> Callable[[Path, Path], None]:
    def make(place: Path, secret: Path) -> None:
        place.symlink_to(to.format(secret=secret, home=secret.parent))

    return make


def _fifo(place: Path, _: Path) -> None:
    os.mkfifo(place)


def _socket(place: Path, _: Path) -> None:
    # A name in such a socket has at most 107 characters.
    directory = os.open(place.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{directory}/{place.name}")
    finally:
        os.close(directory)


def _sparse(place: Path, _: Path) -> None:
    with place.open("wb") as file:
        file.truncate(3 << 30)


def _directory(place: Path, _: Path) -> None:
    place.mkdir()


def _closed(place: Path, _: Path) -> None:
    place.write_text("{ }: { }\n")
    place.chmod(0)


INSTEAD: dict[str, Callable[[Path, Path], None]] = {
    "link": _link("{secret}"),
    "link-home": _link("{home}"),
    "link-root": _link("/"),
    "link-itself": _link("default.nix"),
    "link-nowhere": _link("nowhere"),
    "link-environ": _link("/proc/self/environ"),
    "link-kmsg": _link("/proc/kmsg"),
    "link-zero": _link("/dev/zero"),
    "link-stdin": _link("/dev/stdin"),
    "link-shadow": _link("/etc/shadow"),
    "link-proc": _link("/proc"),
    "link-up": _link("../../../../../.."),
    "fifo": _fifo,
    "socket": _socket,
    "sparse": _sparse,
    "directory": _directory,
    "closed": _closed,
}
"""What stands where a file should be."""

PLACES = (
    DOCKER,
    NOTES,
    ".version",
    "lib",
    "lib/default.nix",
    "pkgs/top-level/all-packages.nix",
    "pkgs/applications/virtualization/docker/update.sh",
    "pkgs/applications/virtualization/docker/cli-plugin-dirs-from-environment.patch",
    "pkgs/by-name/no/notes-server",
    "pkgs/by-name/no",
    ".github/PULL_REQUEST_TEMPLATE.md",
    "pkgs/stdenv/default.nix",
)


class Spoiling(Struct, frozen=True, kw_only=True):
    """One way to spoil a tree; `spoil` gets its root and the file with the secret."""

    name: str
    spoil: Callable[[Path, Path], None]


def _replaced(root: Path, place: str, make: Callable[[Path, Path], None], secret: Path) -> None:
    path = root / place
    if path.is_dir() and not path.is_symlink():
        path.rename(root.parent / f"taken-{path.name}")
    else:
        path.unlink(missing_ok=True)
    make(path, secret)


def _edited(text: str, expression: str, turn: int) -> str:
    """Put an expression into a file of a package: where one of a few strings is."""
    # The first expression of the file, the version of a release, a value of meta, a line of a build step.
    found = [text.find('version = "'), text.find('description = "'), text.rfind('version = "'), text.find("''\n")]
    places = [place for place in found if place >= 0]
    place = places[turn % len(places)]
    if text.startswith("''", place):
        return f"{text[:place]}''\n    ${{{expression}}}\n{text[place + 3 :]}"
    begin = text.index('"', place)
    end = text.index('"', begin + 1) + 1
    return f"{text[:begin]}({expression}){text[end:]}"


def spoilings(random: Random) -> Iterator[Spoiling]:
    """Yield all ways to spoil a tree, in the same order for the same seed."""
    for number, (name, expression) in enumerate(EXPRESSIONS.items()):
        for place in (DOCKER, NOTES):
            for turn in random.sample(range(4), 1):
                yield Spoiling(name=f"{name}-{place.split('/')[-2]}-{turn}", spoil=_with(expression, place, turn))
        if number % 3 == 0:
            yield Spoiling(name=f"{name}-lib", spoil=_in_lib(expression))
    for name, content in CONTENTS.items():
        for place in (DOCKER, random.choice(PLACES[1:])):
            yield Spoiling(name=f"{name}-{place.replace('/', '_')}", spoil=_written(place, content))
    for name, make in INSTEAD.items():
        for place in (DOCKER, *random.sample(PLACES[1:], 3)):
            yield Spoiling(name=f"{name}-{place.replace('/', '_')}", spoil=_put(place, make))


def lay_out(directory: Path, expression: str, secret: Path) -> None:
    """Make what an expression names beside its file."""
    if "./beside" in expression:
        (directory / "beside").symlink_to(secret)
    if "./fifo" in expression:
        os.mkfifo(directory / "fifo")
    if "Mercurial" in expression:
        (directory / ".hg").mkdir()


def _with(expression: str, place: str, turn: int) -> Callable[[Path, Path], None]:
    def spoil(root: Path, secret: Path) -> None:
        path = root / place
        filled = expression.format(secret=secret, home=secret.parent)
        path.write_text(_edited(path.read_text(), filled, turn))
        lay_out(path.parent, expression, secret)

    return spoil


def _in_lib(expression: str) -> Callable[[Path, Path], None]:
    def spoil(root: Path, secret: Path) -> None:
        path = root / "lib/default.nix"
        path.write_text(f"builtins.seq ({expression.format(secret=secret, home=secret.parent)}) (\n{path.read_text()})")
        (path.parent / "beside").symlink_to(secret)

    return spoil


def _written(place: str, content: bytes) -> Callable[[Path, Path], None]:
    def write(path: Path, _: Path) -> None:
        path.write_bytes(content)

    return _put(place, write)


def _put(place: str, make: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
    return lambda root, secret: _replaced(root, place, make, secret)
