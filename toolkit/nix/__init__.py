"""Ask Nix: parse, evaluate, build. Nothing here guesses what Nix would say.

Needs Nix 2.18, the oldest that nixpkgs itself still supports (its lib/minver.nix). Builds are sandboxed and
never wait for a substituter, since nothing that is built here is in any.
"""

from __future__ import annotations

import json
import re
import signal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.version import InvalidVersion, Version

from toolkit import process
from toolkit.errors import CommandError, NixSyntaxError, RefusalError, ToolkitError, excerpt
from toolkit.nix.seal import is_sealed, restrict
from toolkit.nix.stores import STORE, environment, physical
from toolkit.process import Command

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


MINIMUM = Version("2.18")
OFFLINE = ("--option", "substituters", "")
SANDBOXED = ("--option", "sandbox", "true", "--option", "sandbox-fallback", "false")
_BUILD_SECONDS = "300"
_PARSE_SECONDS = 5.0


class Tools(Struct, frozen=True, kw_only=True):
    """Store paths of the programs inside of the sandbox: a bash and a busybox."""

    shell: str
    busybox: str


@cache
def version() -> Version:
    """Return the version of the Nix on PATH.

    Raise ToolkitError where there is none, or one older than MINIMUM.
    """
    said = process.run(["nix-instantiate", "--version"]).text
    found = re.search(r"\(Nix\) (\d+(?:\.\d+)+)", said)
    try:
        number = Version(found[1]) if found else None
    except InvalidVersion:
        number = None
    if number is None:
        raise ToolkitError(f"nix-instantiate: cannot read its version from '{said}'")
    if number < MINIMUM:
        raise ToolkitError(f"nix: version {number} is too old", hint=f"install Nix {MINIMUM} or newer")
    return number


def parse_command(paths: Sequence[Path]) -> Command:
    """Return the command that parses files."""
    return Command(argv=("nix-instantiate", "--store", "dummy://", "--parse", *map(str, paths)))


def parse(paths: Sequence[Path]) -> None:
    """Parse files; raise NixSyntaxError at the first that Nix rejects."""
    try:
        process.execute(parse_command(paths))
    except CommandError as error:
        raise _syntax_error(error) or error from error


def parse_text(content: bytes, *, name: str) -> None:
    """Parse a content; raise NixSyntaxError where Nix rejects it, with `name` as the file's name.

    Needs no store, so that a user without one can ask.
    """
    parsed(content, name=name)


def parsed(content: bytes, *, name: str) -> str:
    """Return what Nix reads in a content, printed in its own form: without comments, attributes in their order.

    Relative paths are those of the working directory. Raise NixSyntaxError as `parse_text` does, RefusalError for a
    content that takes Nix too long: it needs the square of the length of some words.
    """
    argv = ("nix-instantiate", "--store", "dummy://", "--parse", "-")
    try:
        return process.run(argv, stdin=content, timeout=_PARSE_SECONDS).text
    except CommandError as error:
        if error.status == -signal.SIGTERM:
            raise RefusalError(f"{name}: Nix does not parse this within {_PARSE_SECONDS:g} s") from error
        raise _syntax_error_at(error, r"«stdin»", name, content) or error from error


def evaluate_command(expression: Path, arguments: Mapping[str, str], *, attribute: str | None = None) -> Command:
    """Return the command that evaluates `expression`, a function of strings, or an attribute of it, to JSON.

    Sealed it needs no store: none is written to, and no path of one can be read.
    """
    chosen = ("-A", attribute) if attribute is not None else ()
    store = ("--store", "dummy://") if is_sealed() else ()
    argv = ("nix-instantiate", "--eval", "--strict", "--json", *store, *_arguments(expression, arguments), *chosen)
    env = {"NIX_REMOTE": None} if store else environment()
    return restrict(Command(argv=argv, env=env), *_named(expression, arguments))


def walk_command(expression: Path, arguments: Mapping[str, str], *, attribute: str) -> Command:
    """Return the command that evaluates each element below `legacyPackages.NAME` of an attribute, and prints `{}`.

    `nix search`, with a word that nothing matches, is what catches every error, and goes on behind it.
    """
    argv = ("nix", "--extra-experimental-features", "nix-command", "search", "--quiet", "--json", "--file")
    return Command(argv=(*argv, *_arguments(expression, arguments), attribute, "^-$"), env=environment())


def evaluate(expression: Path, arguments: Mapping[str, str], *, attribute: str | None = None) -> object:
    """Evaluate `expression`, a function of strings, or an attribute of it, to JSON and return what that says.

    Raise CommandError with Nix's own words where the evaluation fails or is killed.
    """
    return answer(evaluate_command(expression, arguments, attribute=attribute))


def answer(command: Command) -> object:
    """Run a command of `evaluate_command` and return what it says; raise as `evaluate` does."""
    completed = process.execute(command)
    try:
        result: object = json.loads(completed.stdout)
    except (ValueError, RecursionError) as error:
        raise ToolkitError(f"nix-instantiate: its output is not JSON: {error}") from error
    return result


def build_line(expression: Path, arguments: Mapping[str, str], attributes: Sequence[str]) -> str:
    """Return the commands of `build` as one line."""
    return f"{_realise(()).line} $({_instantiate(expression, arguments, attributes).line})"


def build(expression: Path, arguments: Mapping[str, str], attributes: Sequence[str]) -> tuple[Path, ...]:
    """Build attributes and return the store paths of their outputs `out`, in the order of `attributes`.

    Evaluated as it has to be here, then built as the user's Nix is configured. If sealed, raise ToolkitError for what
    would have the network while it is built.
    """
    derivations = instantiate(expression, arguments, attributes)
    if is_sealed():
        _require_no_network(derivations)
    return tuple(
        Path(line) for line in process.execute(_realise(f"{path}!out" for path in derivations)).text.splitlines()
    )


def instantiate(expression: Path, arguments: Mapping[str, str], attributes: Sequence[str]) -> tuple[Path, ...]:
    """Write the derivations of attributes to the store and return their paths, in the order of `attributes`."""
    return tuple(
        Path(line) for line in process.execute(_instantiate(expression, arguments, attributes)).text.splitlines()
    )


def _instantiate(expression: Path, arguments: Mapping[str, str], attributes: Sequence[str]) -> Command:
    selected = [word for attribute in attributes for word in ("-A", attribute)]
    command = Command(argv=("nix-instantiate", *_arguments(expression, arguments), *selected), env=environment())
    return restrict(command, *_named(expression, arguments))


def _realise(derivations: Iterable[str]) -> Command:
    limit = ("--option", "timeout", _BUILD_SECONDS)
    argv = ("nix-build", "--no-out-link", *OFFLINE, *SANDBOXED, *limit, *derivations)
    return Command(argv=argv, env=environment())


def requisites_command(*derivations: Path) -> Command:
    """Return the command that lists all that derivations are built from."""
    return Command(argv=("nix-store", "--query", "--requisites", *map(str, derivations)), env=environment())


def requisites(*derivations: Path) -> frozenset[Path]:
    """Return the derivations that some derivations need, direct and indirect, themselves among them."""
    return frozenset(path for path in _paths(requisites_command(*derivations)) if path.suffix == ".drv")


def _paths(command: Command) -> tuple[Path, ...]:
    return tuple(Path(line) for line in process.execute(command).text.splitlines())


def _require_no_network(derivations: Sequence[Path]) -> None:
    """Raise ToolkitError for a fixed-output derivation: the sandbox leaves the machine's network to it."""
    for path in sorted(requisites(*derivations)):
        if b'("outputHash",' in physical(path).read_bytes():
            raise ToolkitError(f"{path.name[33:]}: is not built, since a fixed-output derivation can use the network")


def reason(error: CommandError) -> str:
    """Return the one line of Nix's stderr that says what is wrong."""
    lines = [line.strip() for line in error.stderr.splitlines() if line.strip()]
    if error.status in {-9, -6}:
        return f"the evaluation was killed by signal {-error.status}: probably out of memory"
    if lines and lines[-1].startswith("still running after "):
        return lines[-1]
    if (failed := _failed_build(lines)) is not None:
        return failed
    said = [line.removeprefix("error:").strip() for line in lines if line.startswith("error:")]
    # Some messages begin on the line after a bare `error:`.
    bare = [after for line, after in pairwise(lines) if line == "error:" and not after.startswith("…")]
    return next((line for line in reversed(said + bare[-1:]) if line), lines[-1] if lines else error.message)


_ANNOUNCED = re.compile(r"building '|copying path '|/nix/store/\S+$|(this|these) .*(derivation|path)s? will be ")
"""What Nix says of its own before a builder says anything."""


def _failed_build(lines: Sequence[str]) -> str | None:
    """Name the first derivation that could not be built, with the last that its builder said before."""
    for index, line in enumerate(lines):
        if found := re.match(r"error: (?:builder for|Cannot build) '[^']*/[0-9a-z]{32}-([^']+)\.drv'", line):
            said = [before for before in lines[:index] if not _ANNOUNCED.match(before)]
            if killed := re.search(r"failed due to (signal \d+)", line):
                return f"{found[1]} cannot be built: its builder was killed by {killed[1]}"
            return f"{found[1]} cannot be built: {said[-1] if said else 'its builder printed nothing'}"
    return None


NO_NIXFMT = "nixfmt is not installed; 'nix-shell -p nixfmt' has it"


@cache
def tools() -> Tools:
    """Return a bash and a busybox in the Nix store, to build with.

    Static ones of the host are added to the store; else those of a store that already has them, as on NixOS.
    Raise ToolkitError where neither is there.
    """
    found = [_find_tool("bash", "bash-static"), _find_tool("busybox", "busybox-static")]
    foreign = [str(path) for path in found if not path.is_relative_to(STORE)]
    add = Command(argv=("nix-store", "--add", *foreign), env=environment())
    added = process.execute(add).text.splitlines() if foreign else []
    stored = dict(zip(foreign, added, strict=True))
    shell, busybox = (stored.get(str(path), str(path)) for path in found)
    return Tools(shell=shell, busybox=busybox)


def nixfmt() -> Path | None:
    """Return nixfmt from PATH, else the newest of nixfmt's RFC 166 form that the store happens to have."""
    there = (path for path in STORE.glob("*-nixfmt*/bin/nixfmt") if "classic" not in path.parts[-3])
    return process.find("nixfmt") or max(there, key=lambda path: path.parts[-3].partition("-nixfmt")[2], default=None)


def _find_tool(program: str, package: str) -> Path:
    """Return where a program is that runs in the sandbox: static, or in the store with what it needs."""
    for name in (f"{program}-static", program):
        path = process.find(name)
        real = path.resolve() if path is not None else None
        if real is not None and (real.is_relative_to(STORE) or _is_static(real)):
            return real
    raise ToolkitError(
        f"{program}: no statically linked {program} on PATH, and none in the Nix store",
        hint=f"Debian, Ubuntu: apt install {package}; elsewhere: nix-shell -p {program}",
    )


def _is_static(path: Path) -> bool:
    """Tell whether an ELF file asks for no dynamic loader: it has no PT_INTERP program header (elf(5))."""
    with path.open("rb") as file:
        head = file.read(64)
        if head[:5] != b"\x7fELF\x02":
            return False
        offset = int.from_bytes(head[32:40], "little")
        size = int.from_bytes(head[54:56], "little")
        count = int.from_bytes(head[56:58], "little")
        file.seek(offset)
        headers = file.read(size * count)
    return all(headers[i * size : i * size + 4] != b"\x03\x00\x00\x00" for i in range(count))


def _arguments(expression: Path, arguments: Mapping[str, str]) -> list[str]:
    return [str(expression), *(word for name, value in arguments.items() for word in ("--argstr", name, value))]


def _named(expression: Path, arguments: Mapping[str, str]) -> list[Path]:
    """Return what an evaluation has to read: a question in JSON stands beside the files that it is about."""
    paths = [Path(value) for value in arguments.values() if value.startswith("/")]
    return [expression.parent, *(path.parent if path.suffix == ".json" else path for path in paths)]


def _syntax_error(error: CommandError) -> NixSyntaxError | None:
    """Turn Nix's report of a syntax error in a file into one line with its place."""
    named = re.search(r"at (/\S+?):\d+:\d+", error.stderr)
    if named is None:
        return None
    return _syntax_error_at(error, re.escape(named[1]), named[1], Path(named[1]).read_bytes())


def _syntax_error_at(error: CommandError, pattern: str, name: str, content: bytes) -> NixSyntaxError | None:
    place = re.search(rf"at {pattern}:(\d+):(\d+)", error.stderr)
    if place is None:
        return None
    line, column = int(place[1]), int(place[2])
    lines = content.decode("utf-8", "replace").splitlines()
    shown = lines[line - 1] if line <= len(lines) else ""
    return NixSyntaxError(f"{name}:{line}:{column}: {reason(error)}", excerpt=excerpt(shown, column))
