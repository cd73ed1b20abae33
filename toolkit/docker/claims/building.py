"""The claims about moby's install phase: its text may change in one place, and a sandboxed build gives the right PATH.

The change is one flag of the command that makes the rootless wrapper. The text is read for each release and system,
since only one of them is built.
"""

import hashlib
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from toolkit import inside
from toolkit.docker import PREFIX_ENTRY, meaning
from toolkit.docker.case import DockerCase, require_linux
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.steps import Demotion
from toolkit.errors import CommandError, NotRunError, ToolkitError
from toolkit.nix import evaluator, program, stores, wrappers
from toolkit.nix.wrappers import PathOrder
from toolkit.proposal import outputs
from toolkit.proposal.prove import Finding
from toolkit.sources import trees
from toolkit.track.readings import PathPlace

EXPRESSION = EXPRESSIONS / "dockers.nix"
WRAPPER = Path("bin/dockerd-rootless")

_MADE = re.compile(r"\S*/bin/dockerd-rootless\"?")


def builds(case: DockerCase) -> Finding:
    """Build the newest release's moby before and after, and read PATH back."""
    if not case.before.file.releases():
        return Finding(covers="nothing", failures=("the file exports no docker release",))
    if meaning.of(case.before.file).reading.rootlesskit is PathPlace.NO_WRAPPER:
        raise NotRunError("the file makes no dockerd-rootless wrapper")
    changed = trees.changed(case.ground.stand_in, {case.target: case.after.content})
    arguments = dockers(case, series=str(changed.root))
    names = ("plain.moby", "series.moby", "series")
    before, after, docker = build(arguments, names, unchanged=("plain.moby", "plain"))
    try:
        old = read_wrapper(before)
    except ToolkitError as error:
        raise NotRunError(error.message) from error
    new = read_wrapper(after)
    failures = [*path_changes(old, new, demotion=case.demotion if case.demoted else None)]
    failures += [f"{name} differs" for name in _other_changes(before, after)]
    link = stores.physical(docker) / WRAPPER
    linked = link.readlink() if link.is_symlink() else None
    if linked != after / WRAPPER:
        failures.append(f"docker's {WRAPPER} is {f'a link to {linked}' if linked else 'no link to that of moby'}")
    return Finding(
        covers=f"{arguments['attribute']}, {len(names)} builds",
        failures=tuple(failures),
        evidence=(f"before: {show(old)}", f"after: {show(new)}"),
        commands=(
            evaluator.build_line(EXPRESSION, arguments, names),
            shlex.join(["cat", *(str(stores.physical(moby) / WRAPPER) for moby in (before, after))]),
        ),
    )


def dockers(case: DockerCase, **others: str) -> dict[str, str]:
    """Return the arguments of dockers.nix for the newest release; raise NotRunError if it cannot be built here."""
    require_linux()
    tree = case.ground.stand_in
    try:
        tools = outputs.tools(tree)
    except ToolkitError as error:
        raise NotRunError(error.message, hint=error.hint) from error
    return {"tree": str(tree.root), "attribute": case.before.file.newest_release().attr, "tools": tools, **others}


def build(arguments: Mapping[str, str], names: Sequence[str], *, unchanged: Sequence[str]) -> tuple[Path, ...]:
    """Build attributes of dockers.nix; `unchanged` ones come from the original file.

    Raise NotRunError if the unchanged ones fail or Nix has no sandbox; CommandError if others fail.
    """
    try:
        outputs = evaluator.build(EXPRESSION, arguments, names)
    except CommandError as error:
        # What a builder says of a sandbox is a builder's failure.
        if "sandbox" in (why := program.reason(error)) and "cannot be built: " not in why:
            raise NotRunError(f"Nix cannot build in a sandbox here: {why}") from error
        if error.status < 0:
            raise
        try:
            evaluator.build(EXPRESSION, arguments, unchanged)
        except CommandError as same:
            why = program.reason(same)
            raise NotRunError(
                f"the file cannot be built in the stand-in tree: {why}; '--tier build' builds the real packages"
            ) from same
        raise
    if len(outputs) != len(names):
        raise ToolkitError(f"nix-build: gave {len(outputs)} results instead of {len(names)}")
    return outputs


def show(order: PathOrder) -> str:
    """Write a PATH as one line, with package names for store paths."""
    return _joined([*order.prefix, "<PATH>", *order.suffix])


def _joined(entries: Iterable[str]) -> str:
    return ":".join(map(wrappers.short, entries))


def read_wrapper(package: Path) -> PathOrder:
    """Read PATH from a package's dockerd-rootless without running it; raise ToolkitError if that is no wrapper."""
    root = stores.physical(package)
    read = wrappers.read(inside.read(root, str(WRAPPER)), name=str(root / WRAPPER))
    if read is None:
        raise ToolkitError(f"{root / WRAPPER}: no wrapper that can be read")
    return read.order


def path_changes(old: PathOrder, new: PathOrder, *, demotion: Demotion | None) -> Iterator[str]:
    """Yield what changed in PATH that should not have, or did not change that should have."""
    if demotion is None:
        if [_own(e) for e in old.prefix + old.suffix] != [_own(e) for e in new.prefix + new.suffix]:
            yield f"PATH changed: {show(old)} → {show(new)}"
        return
    moved = [entry for entry in old.prefix if is_rootlesskit(entry)]
    wanted_prefix = without([_own(entry) for entry in old.prefix])
    wanted_suffix = [*map(_own, old.suffix), *(moved if demotion is Demotion.SUFFIX else [])]
    if not moved:
        yield f"{PREFIX_ENTRY} is not in the prefix before: {show(old)}"
    if (found := [_own(entry) for entry in new.prefix]) != wanted_prefix:
        yield f"the prefix is {_joined(found)} instead of {_joined(wanted_prefix)}"
    if (found := [_own(entry) for entry in new.suffix]) != wanted_suffix:
        yield f"the suffix is '{_joined(found)}' instead of '{_joined(wanted_suffix)}'"


def _own(entry: str) -> str:
    """Name entries in moby itself alike before and after: its store path differs."""
    return re.sub(r"^/nix/store/[^/]+(?=/libexec/docker$)", "/moby", entry)


def _other_changes(before: Path, after: Path) -> Iterator[str]:
    """Yield the files other than the wrapper that differ, when each output's own path is left out."""
    old, new = _listing(before), _listing(after)
    yield from (name for name in sorted({*old, *new} - {str(WRAPPER)}) if old.get(name) != new.get(name))


def _listing(output: Path) -> dict[str, str]:
    """Return name → kind and content of all below a store path, its own path left out."""
    listing: dict[str, str] = {}
    root = stores.physical(output)
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_symlink():
            listing[name] = f"link {path.readlink()}".replace(str(output), "")
        elif path.is_file():
            content = path.read_bytes().replace(str(output).encode(), b"")
            listing[name] = f"{path.stat().st_mode & 0o777:o} {hashlib.sha256(content).hexdigest()}"
    return listing


def without(entries: Iterable[str]) -> list[str]:
    """Return PATH entries without those of rootlesskit."""
    return [entry for entry in entries if not is_rootlesskit(entry)]


def is_rootlesskit(entry: str) -> bool:
    """Return whether a PATH entry belongs to the store path of rootlesskit, whatever its version.

    A version does not begin with a letter (Nix manual, builtins.parseDrvName). For cross compilation, the platform
    stands between name and version.
    """
    name = entry.removeprefix("/nix/store/").partition("/")[0].partition("-")[2]
    return re.fullmatch(rf"{PREFIX_ENTRY}(-\w+-\w+-linux-\w+)?(-[^a-zA-Z].*)?", name) is not None


def other_changes(old: str, new: str, *, kept: bool) -> Iterator[str]:
    """Yield all changes except a PATH suffix of rootlesskit and, unless `kept`, the loss of its prefix."""
    before, after = [_without_kit(words) for words in commands(old)], commands(new)
    if not kept:
        if before != after:
            yield f"moby's installPhase changed by more than the loss of {PREFIX_ENTRY} in the prefix of PATH"
        return
    changed = [index for index, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]]
    if len(before) != len(after) or len(changed) > 1:
        yield "moby's installPhase changed in more than the command that makes bin/dockerd-rootless"
    elif not changed or commands(old) == after:
        yield "moby's installPhase is not changed"
    elif not makes_wrapper(before[changed[0]]):
        yield f"moby's installPhase changed in another command: {' '.join(after[changed[0]])}"
    elif not _is_suffix(added := _added(before[changed[0]], after[changed[0]])):
        yield f"the wrapper's command changed by more than a PATH suffix of {PREFIX_ENTRY}: {' '.join(added)}"


def commands(script: str) -> list[list[str]]:
    """Split a shell script into commands and their words, without comments and empty lines."""
    found: list[list[str]] = []
    begun: list[str] = []
    for line in script.splitlines():
        words = line.removesuffix("\\").split()
        if begun or (words and not words[0].startswith("#")):
            begun += words
        if not line.endswith("\\"):
            if begun:
                found.append(begun)
            begun = []
    return [*found, begun] if begun else found


def makes_wrapper(words: Sequence[str]) -> bool:
    """Return whether a build command names the rootless wrapper."""
    return any(_MADE.fullmatch(word) for word in words)


def is_in_command(script: str) -> bool:
    """Return whether the prefix in the wrapper's command contains rootlesskit."""
    return any(_without_kit(words) != words for words in commands(script))


def _without_kit(words: list[str]) -> list[str]:
    """Return the words of a command, those of the wrapper's without rootlesskit in its prefixes of PATH."""
    if not makes_wrapper(words):
        return words
    left = words.copy()
    for index, word in enumerate(words):
        if words[max(index - 3, 0) : max(index - 1, 0)] == ["--prefix", "PATH"]:
            path = word.strip("\"'")
            left[index] = word.replace(path, ":".join(without(path.split(":"))))
    return left


def _added(old: list[str], new: list[str]) -> list[str]:
    """Return the words of `new` between those that it shares with `old` at both ends; all where `old` is not left."""
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    tail = len(old) - start
    return new[start : len(new) - tail] if new[len(new) - tail :] == old[start:] else new


def _is_suffix(words: list[str]) -> bool:
    try:
        flag = shlex.split(" ".join(words))
    except ValueError:
        return False
    return flag[:-1] == ["--suffix", "PATH", ":"] and all(is_rootlesskit(path) for path in flag[-1].split(":"))
