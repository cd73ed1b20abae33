"""The claim about what is built: moby's own install phase, run in Nix's sandbox, and the wrapper it makes."""

from __future__ import annotations

import hashlib
import platform
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit import process
from toolkit.docker import meaning, wrappers
from toolkit.docker.claims.case import BEFORE
from toolkit.docker.claims.install_phase import without
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.plan import Demotion
from toolkit.docker.readings import Place
from toolkit.errors import CommandError, NotRunError, ToolkitError
from toolkit.nix import evaluator, program, stores
from toolkit.prove import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from toolkit.docker.claims.case import DockerCase
    from toolkit.docker.wrappers import PathOrder

EXPRESSION = EXPRESSIONS / "build.nix"
HOOK = Path("pkgs/build-support/setup-hooks/make-wrapper.sh")
WRAPPER = Path("bin/dockerd-rootless")
FORMS = ("script", "elf")
CALLER = wrappers.CALLER

# Runs a wrapper up to the point where it starts the program, and tells PATH instead. A function comes before a
# builtin of the same name.
_READ_SCRIPT = 'exec() { printf "%s\\n" "$PATH"; exit; }; . "$1"'


def builds(case: DockerCase) -> Finding:
    """Build the newest release's moby before and after, in both wrapper forms, and read PATH back."""
    if not case.before.file.releases():
        return Finding(covers="nothing", failures=("the file exports no docker release",))
    if meaning.of(case.before.file).reading.rootlesskit is Place.NO_WRAPPER:
        raise NotRunError("the file makes no dockerd-rootless wrapper")
    if platform.system() != "Linux":
        raise NotRunError(f"moby is built on Linux, and this is {platform.system()}")
    arguments = {"case": str(case.question), **builder(case)}
    stages = (BEFORE, case.after.name)
    unchanged, changed = ([f"{stage}.{output}" for output in (*FORMS, "path")] for stage in stages)
    names = [*unchanged, *changed, f"{case.after.name}.docker"]
    theirs = [*unchanged, f"{BEFORE}.docker"]
    built = dict(zip(names, build(EXPRESSION, arguments, names, unchanged=theirs), strict=True))
    failures: list[str] = []
    evidence: list[str] = []
    for form in FORMS:
        before, after = (built[f"{stage}.{form}"] for stage in stages)
        if form == "elf":
            old, new = (read_wrapper(stores.physical(moby / WRAPPER)) for moby in (before, after))
        else:
            old, new = (read_seen(stores.physical(built[f"{stage}.path"])) for stage in stages)
        failures += [f"{form}: {fact}" for fact in _path_changes(case, old, new)]
        failures += [f"{form}: {fact}" for fact in _other_changes(before, after)]
        evidence += [f"{form}, before: {show(old)}", f"{form}, after: {show(new)}"]
    link = stores.physical(built[f"{case.after.name}.docker"]) / WRAPPER
    linked = link.readlink() if link.is_symlink() else None
    if linked != built[f"{case.after.name}.script"] / WRAPPER:
        failures.append(f"docker's {WRAPPER} is {f'a link to {linked}' if linked else 'no link to that of moby'}")
    return Finding(
        covers=f"{arguments['release']}, {len(names)} builds, wrapper as script and as ELF file",
        failures=tuple(failures),
        evidence=tuple(evidence),
        commands=(
            evaluator.build_line(EXPRESSION, arguments, names),
            shlex.join(["cat", *(str(stores.physical(built[f"{stage}.path"])) for stage in stages)]),
        ),
    )


def build(
    expression: Path, arguments: dict[str, str], names: Sequence[str], *, unchanged: Sequence[str]
) -> tuple[Path, ...]:
    """Build attributes of `expression`, of which those that are `unchanged` are of the file as it is.

    Raise NotRunError where not even those can be built, or Nix has no sandbox; CommandError where others cannot.
    """
    try:
        outputs = evaluator.build(expression, arguments, names)
    except CommandError as error:
        # What a builder says of a sandbox is a builder's failure.
        if "sandbox" in (why := program.reason(error)) and "cannot be built: " not in why:
            raise NotRunError(f"Nix cannot build in a sandbox here: {why}") from error
        if error.status < 0:
            raise
        try:
            evaluator.build(expression, arguments, unchanged)
        except CommandError as same:
            why = program.reason(same)
            raise NotRunError(
                f"the file cannot be built with stand-ins: {why}; '--tier build' builds the real packages"
            ) from same
        raise
    if len(outputs) != len(names):
        raise ToolkitError(f"nix-build: gave {len(outputs)} results instead of {len(names)}")
    return outputs


def show(order: PathOrder) -> str:
    """Write a PATH as one line, each store path by its package's name."""
    return _joined([*order.prefix, "<PATH>", *order.suffix])


def _joined(entries: Iterable[str]) -> str:
    return ":".join(map(wrappers.short, entries))


def builder(case: DockerCase) -> dict[str, str]:
    """Return what a build of the newest release takes besides the case: its name, tools, and the tree's own hook.

    Raise NotRunError if there are no tools.
    """
    try:
        tools = evaluator.tools()
    except ToolkitError as error:
        raise NotRunError(error.message, hint=error.hint) from error
    hook = case.source.root / HOOK if case.source.root is not None else None
    return {
        "release": case.before.file.newest_release().attr,
        "shell": tools.shell,
        "busybox": tools.busybox,
        "makeWrapperHook": str(hook) if hook is not None and hook.is_file() else "",
    }


def read_seen(output: Path) -> PathOrder:
    """Read the PATH that dockerd-rootless.sh was given, from what it printed, or from a wrapper in its place."""
    if wrappers.read(output.read_bytes(), name=str(output)) is not None:
        return read_wrapper(output)
    return wrappers.order(output.read_text().splitlines()[-1].split(":"), subject=str(output))


def read_wrapper(wrapper: Path) -> PathOrder:
    """Read PATH from a wrapper without running it; raise ToolkitError where it is another file."""
    read = wrappers.read(wrapper.read_bytes(), name=str(wrapper))
    if read is None:
        raise ToolkitError(f"{wrapper}: no wrapper that can be read")
    return read.order


def read_order(wrapper: Path) -> PathOrder:
    """Read PATH from a wrapper: what an ELF file tells, or what a script sets before it starts anything."""
    if wrapper.read_bytes().startswith(b"\x7fELF"):
        return read_wrapper(wrapper)
    shell = stores.physical(Path(evaluator.tools().shell))
    seen = process.run([str(shell), "-c", _READ_SCRIPT, "-", str(wrapper)], env={"PATH": CALLER}).text
    return wrappers.order(seen.split(":"), subject=str(wrapper))


def _path_changes(case: DockerCase, old: PathOrder, new: PathOrder) -> Iterator[str]:
    """Yield what changed in PATH that should not have, or did not change that should have."""
    if case.demoted is None:
        if [_own(e) for e in old.prefix + old.suffix] != [_own(e) for e in new.prefix + new.suffix]:
            yield f"PATH changed: {show(old)} → {show(new)}"
        return
    moved = [entry for entry in old.prefix if entry not in without(list(old.prefix), case.entry)]
    wanted_prefix = without([_own(entry) for entry in old.prefix], case.entry)
    kept = case.demotion is not Demotion.DROP
    wanted_suffix = [*(_own(entry) for entry in old.suffix), *(moved if kept else [])]
    if not moved:
        yield f"{case.entry} is not in the prefix before: {show(old)}"
    if (found := [_own(entry) for entry in new.prefix]) != wanted_prefix:
        yield f"the prefix is {_joined(found)} instead of {_joined(wanted_prefix)}"
    if (found := [_own(entry) for entry in new.suffix]) != wanted_suffix:
        yield f"the suffix is '{_joined(found)}' instead of '{_joined(wanted_suffix)}'"
    if "" in new.prefix + new.suffix:
        yield "PATH has an empty entry, which means the current directory"


def _own(entry: str) -> str:
    """Name entries in moby itself alike before and after: its store path differs."""
    return re.sub(r"^/nix/store/[^/]+(?=/libexec/docker$)", "/moby", entry)


def _other_changes(before: Path, after: Path) -> Iterator[str]:
    """Yield the files other than the wrapper that differ, when each output's own path is left out."""
    old, new = _listing(before), _listing(after)
    for name in sorted(old.keys() | new.keys()):
        if name != str(WRAPPER) and old.get(name) != new.get(name):
            yield f"{name} differs"


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
