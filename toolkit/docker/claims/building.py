"""The claim about moby's install phase: a sandboxed build of the newest release gives the right PATH."""

import hashlib
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from toolkit import inside
from toolkit.docker import PREFIX_ENTRY, meaning
from toolkit.docker.case import DockerCase
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.install_phase import is_rootlesskit, without
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


def builds(case: DockerCase) -> Finding:
    """Build the newest release's moby before and after, and read PATH back."""
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
    if (system := os.uname().sysname) != "Linux":
        raise NotRunError(f"the daemon is built for Linux and runs there, and this is {system}")
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
