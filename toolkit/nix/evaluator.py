"""Evaluate and build with Nix.

Builds run in a sandbox and never wait for a binary cache, because none has these
outputs.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from msgspec import Struct

from toolkit import landlock, process
from toolkit.environment import BUILDING, variables
from toolkit.errors import ToolkitError
from toolkit.nix.derivations import Derivation
from toolkit.nix.limits import is_sealed, restrict
from toolkit.nix.stores import STORE, environment, own, physical, remote, written
from toolkit.process import Command

_NIX_COMMAND = ("--extra-experimental-features", "nix-command")
OFFLINE = ("--option", "substituters", "")
SANDBOXED = ("--option", "sandbox", "true", "--option", "sandbox-fallback", "false")
_KEEPING = ("--read-write-mode", "--option", "fsync-metadata", "false")
_BUILD_SECONDS = "300"


class Tools(Struct, frozen=True, kw_only=True):
    """Store paths of programs for the sandbox: a bash and a busybox."""

    shell: str
    busybox: str


def evaluate_command(
    expression: Path,
    arguments: Mapping[str, str],
    *,
    attribute: str | None = None,
    keeps: bool = False,
) -> Command:
    """Return the command that evaluates `expression`, or an attribute of it, to JSON.

    `expression` is a function of strings.

    A sealed evaluation neither writes to a store nor reads from one. With `keeps`, it
    writes its derivations to the user's own store in the cache, see `stores.own`.
    """
    chosen = ("-A", attribute) if attribute is not None else ()
    store, env = (
        (_KEEPING, variables(BUILDING, {"NIX_REMOTE": remote(own())}))
        if keeps
        else _store()
    )
    argv = (
        "nix-instantiate",
        "--eval",
        "--strict",
        "--json",
        *store,
        *_arguments(expression, arguments),
        *chosen,
    )
    return restrict(
        Command(argv=argv, env=env),
        *_named(expression, arguments),
        writes=(own(),) if keeps else (),
    )


def search_command(
    expression: Path, arguments: Mapping[str, str], attribute: str
) -> Command:
    """Return the command that evaluates each derivation in a set of `expression`.

    The command skips derivations that fail.
    """
    store, env = _store()
    argv = (
        "nix",
        *_NIX_COMMAND,
        "search",
        "--quiet",
        "--json",
        "--show-trace",
        *store,
        "--file",
    )
    command = Command(
        argv=(*argv, *_arguments(expression, arguments), attribute, "^-$"), env=env
    )
    return restrict(command, *_named(expression, arguments))


def _store() -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Return the options and variables of an evaluation; if sealed, it has no store."""
    return (("--store", "dummy://"), {}) if is_sealed() else ((), environment())


def evaluate(
    expression: Path, arguments: Mapping[str, str], *, attribute: str | None = None
) -> object:
    """Evaluate `expression`, a function of strings, or one of its attributes, to JSON.

    Raise CommandError with Nix's message if the evaluation fails or is killed.
    """
    return answer(evaluate_command(expression, arguments, attribute=attribute))


def answer(command: Command) -> object:
    """Run a command of `evaluate_command` and return its result.

    Raise as `evaluate` does.
    """
    completed = process.execute(command)
    try:
        result: object = json.loads(completed.stdout)
    except (ValueError, RecursionError) as error:
        raise ToolkitError(
            f"nix-instantiate: its output is not JSON: {error}"
        ) from error
    return result


def build_line(
    expression: Path, arguments: Mapping[str, str], attributes: Sequence[str]
) -> str:
    """Return the commands that `build` runs, as one line."""
    return (
        f"{_realise(()).line} $({_instantiate(expression, arguments, attributes).line})"
    )


def build(
    expression: Path, arguments: Mapping[str, str], attributes: Sequence[str]
) -> tuple[Path, ...]:
    """Build attributes and return the store paths of their `out` outputs, in order.

    The evaluation obeys the limits of the block; the build obeys the user's Nix
    configuration. If sealed, raise ToolkitError for derivations whose build may use the
    network.
    """
    derivations = instantiate(expression, arguments, attributes)
    if is_sealed():
        require_no_network(derivations)
    return _paths(_realise(f"{path}!out" for path in derivations))


def instantiate(
    expression: Path, arguments: Mapping[str, str], attributes: Sequence[str]
) -> tuple[Path, ...]:
    """Write the derivations of attributes to the store; return the paths in order."""
    return _paths(_instantiate(expression, arguments, attributes))


def _instantiate(
    expression: Path, arguments: Mapping[str, str], attributes: Sequence[str]
) -> Command:
    selected = [word for attribute in attributes for word in ("-A", attribute)]
    command = Command(
        argv=("nix-instantiate", *_arguments(expression, arguments), *selected),
        env=environment(),
    )
    return restrict(command, *_named(expression, arguments), writes=written())


def _realise(derivations: Iterable[str]) -> Command:
    limit = ("--option", "timeout", _BUILD_SECONDS)
    argv = ("nix-build", "--no-out-link", *OFFLINE, *SANDBOXED, *limit, *derivations)
    return Command(argv=argv, env=environment())


def requisites_command(*derivations: Path) -> Command:
    """Return the command that lists all inputs of derivations."""
    return Command(
        argv=("nix-store", "--query", "--requisites", *map(str, derivations)),
        env=environment(),
    )


def requisites(*derivations: Path) -> frozenset[Path]:
    """Return derivations with all their direct and indirect input derivations."""
    return frozenset(
        path
        for path in _paths(requisites_command(*derivations))
        if path.suffix == ".drv"
    )


def _paths(command: Command) -> tuple[Path, ...]:
    return tuple(Path(line) for line in process.execute(command).text.splitlines())


def require_no_network(derivations: Sequence[Path]) -> None:
    """Raise ToolkitError for a build that may use the network: fixed or impure.

    This checks the derivation's outputs, because a single variable, `__json`, may hide
    all the others.
    """
    for path in sorted(requisites(*derivations)):
        if Derivation(path.name, physical(path).read_bytes()).hash:
            raise ToolkitError(
                f"{path.name[33:]}: unlet does not build this, because a fixed-output "
                "derivation can use the network"
            )


def tools() -> Tools:
    """Return a bash and a busybox in the Nix store, to build with.

    Add static ones of this machine to the store; otherwise use those that the store
    already has, as on NixOS. Raise ToolkitError if neither exists.
    """
    found = [_find_tool("bash", "bash-static"), _find_tool("busybox", "busybox-static")]
    foreign = tuple(str(path) for path in found if not path.is_relative_to(STORE))
    stored = dict(
        zip(foreign, _added(foreign, environment().get("NIX_REMOTE")), strict=True)
    )
    shell, busybox = (stored.get(str(path), str(path)) for path in found)
    return Tools(shell=shell, busybox=busybox)


@cache
def _added(paths: Sequence[str], place: str | None) -> Sequence[str]:
    add = Command(
        argv=("nix-store", "--add", *paths),
        env=variables(BUILDING, {"NIX_REMOTE": place} if place is not None else {}),
    )
    return process.execute(add).text.splitlines() if paths else []


def _find_tool(program: str, package: str) -> Path:
    """Return a program that runs in the sandbox: a static one, or one in the store."""
    for name in (f"{program}-static", program):
        path = process.find(name)
        real = path.resolve() if path is not None else None
        if real is not None and (
            real.is_relative_to(STORE) or landlock.interpreter(real) == ""
        ):
            return real
    raise ToolkitError(
        f"{program}: there is no statically linked {program} on PATH or in the Nix "
        "store",
        hint=f"Debian, Ubuntu: apt install {package}; elsewhere: nix-shell -p "
        f"{program}",
    )


def _arguments(expression: Path, arguments: Mapping[str, str]) -> list[str]:
    return [
        str(expression),
        *(
            word
            for name, value in arguments.items()
            for word in ("--argstr", name, value)
        ),
    ]


def _named(expression: Path, arguments: Mapping[str, str]) -> list[Path]:
    """Return the paths that an evaluation reads.

    They include the file of a question in JSON, beside the files that it is about.
    """
    paths = [Path(value) for value in arguments.values() if value.startswith("/")]
    return [
        expression.parent,
        *(path.parent if path.suffix == ".json" else path for path in paths),
    ]
