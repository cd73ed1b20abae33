"""Claims about the PATH in the built wrapper.

It is built in a sandbox without a network, and from the real sources.
"""

import hashlib
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from toolkit import inside
from toolkit.docker import PACKAGE, PREFIX_ENTRY, PathPlace, meaning
from toolkit.docker.case import DockerCase
from toolkit.docker.expressions import EXPRESSIONS
from toolkit.docker.install_phase import is_rootlesskit
from toolkit.docker.steps import Demotion
from toolkit.errors import CommandError, NotRunError, ToolkitError
from toolkit.judge import ground
from toolkit.nix import evaluator, program, stores, wrappers
from toolkit.nix.wrappers import PathOrder
from toolkit.proposal import outputs
from toolkit.proposal.prove import Finding

EXPRESSION = EXPRESSIONS / "dockers.nix"
WRAPPER = Path("bin/dockerd-rootless")


def builds(case: DockerCase) -> Finding:
    """Build the newest moby before and after, and read its wrapper's PATH."""
    if meaning.place_of(meaning.reading(case.before.file)) is PathPlace.NO_WRAPPER:
        raise NotRunError("the file creates no dockerd-rootless wrapper")
    arguments = dockers(
        case,
        series=str(ground.edited(case.stand_in, case.target, case.after.content).root),
    )
    names = ("plain.moby", "series.moby", "series")
    before, after, docker = build(arguments, names)
    try:
        old = read_wrapper(before)
    except ToolkitError as error:
        raise NotRunError(error.message) from error
    new = read_wrapper(after)
    failures = [
        *path_changes(old, new, demotion=case.demotion if case.demoted else None)
    ]
    files = [listing(moby) for moby in (before, after)]
    others = sorted({*files[0], *files[1]} - {str(WRAPPER)})
    failures += [
        f"{name} differs" for name in others if files[0].get(name) != files[1].get(name)
    ]
    link = stores.physical(docker) / WRAPPER
    linked = link.readlink() if link.is_symlink() else None
    if linked != after / WRAPPER:
        failures.append(
            f"docker's {WRAPPER} is "
            f"{f'a link to {linked}' if linked else 'no link to that of moby'}"
        )
    return Finding(
        covers=f"{arguments['attribute']}, {len(names)} builds",
        failures=tuple(failures),
        evidence=(f"before: {show(old)}", f"after: {show(new)}"),
        commands=(
            evaluator.build_line(EXPRESSION, arguments, names),
            shlex.join(
                [
                    "cat",
                    *(str(stores.physical(moby) / WRAPPER) for moby in (before, after)),
                ]
            ),
        ),
    )


def realised(case: DockerCase, *, system: str) -> Finding:
    """Build docker of the changed tree for a system, and read its wrapper's PATH.

    The result may be in a store whose files cannot be read.
    """
    words = case.request.depth.nix_options
    found = outputs.package(
        PACKAGE, case.tree_of(case.after), system, words=words, progress=case.progress
    )
    if found.failures or case.demoted is None or system.endswith("-darwin"):
        return found
    if "--store" in words:
        return replace(
            found,
            evidence=(
                *found.evidence,
                "the result is in another Nix store, so unlet could not examine it",
            ),
        )
    wrapper = stores.physical(Path(found.evidence[-1])) / WRAPPER
    if not wrapper.is_symlink():
        return replace(
            found,
            failures=(
                f"{found.evidence[-1]}: its {WRAPPER} is no link to that of moby",
            ),
        )
    order = read_wrapper(wrapper.readlink().parents[1])
    failures = [
        f"{entry} is still in the wrapper's prefix"
        for entry in order.prefix
        if is_rootlesskit(entry)
    ]
    if case.demotion is Demotion.SUFFIX and not any(map(is_rootlesskit, order.suffix)):
        failures.append(f"{PREFIX_ENTRY} is not in the wrapper's suffix: {show(order)}")
    return replace(
        found,
        failures=tuple(failures),
        evidence=(*found.evidence, f"{WRAPPER}: {show(order)}"),
    )


def dockers(case: DockerCase, **others: str) -> dict[str, str]:
    """Return the arguments of dockers.nix for the newest release.

    Raise NotRunError if this machine cannot build it.
    """
    if (system := os.uname().sysname) != "Linux":
        raise NotRunError(
            f"the daemon runs only on Linux, and this machine is {system}"
        )
    tree = case.stand_in
    try:
        tools = outputs.tools(tree)
    except ToolkitError as error:
        raise NotRunError(error.message, hint=error.hint) from error
    return {
        "tree": str(tree.root),
        "attribute": case.releases[-1],
        "tools": tools,
        **others,
    }


def build(arguments: Mapping[str, str], names: Sequence[str]) -> tuple[Path, ...]:
    """Build attributes of dockers.nix.

    Raise NotRunError if the unchanged docker fails too, or Nix has no sandbox.
    """
    try:
        outputs = evaluator.build(EXPRESSION, arguments, names)
    except CommandError as error:
        # What a builder says of a sandbox is a builder's failure.
        if (
            "sandbox" in (why := program.reason(error))
            and "cannot be built: " not in why
        ):
            raise NotRunError(f"Nix cannot use a sandbox here: {why}") from error
        if error.status < 0:
            raise
        try:
            evaluator.build(EXPRESSION, arguments, ["plain.moby", "plain"])
        except CommandError as same:
            why = program.reason(same)
            raise NotRunError(
                f"Nix cannot build the file in the stand-in tree: {why}; '--tier "
                "build' builds the real packages"
            ) from same
        raise
    if len(outputs) != len(names):
        raise ToolkitError(
            f"nix-build: gave {len(outputs)} results, but {len(names)} were expected"
        )
    return outputs


def show(order: PathOrder) -> str:
    """Write a PATH as one line, with package names for store paths."""
    return _joined([*order.prefix, "<PATH>", *order.suffix])


def _joined(entries: Iterable[str]) -> str:
    return ":".join(map(wrappers.short, entries))


def read_wrapper(package: Path) -> PathOrder:
    """Read PATH from a package's dockerd-rootless without running it.

    Raise ToolkitError if the file is not a wrapper.
    """
    root = stores.physical(package)
    read = wrappers.read(inside.read(root, str(WRAPPER)), name=str(root / WRAPPER))
    if read is None:
        raise ToolkitError(f"{root / WRAPPER}: is not a wrapper that unlet can read")
    return read.order


def path_changes(
    old: PathOrder, new: PathOrder, *, demotion: Demotion | None
) -> Iterator[str]:
    """Yield each wrong change of PATH, and each intended change that is missing."""
    moved = (
        [entry for entry in old.prefix if is_rootlesskit(entry)]
        if demotion is not None
        else []
    )
    prefix = [entry for entry in old.prefix if entry not in moved]
    suffix = [*old.suffix, *(moved if demotion is Demotion.SUFFIX else [])]
    if demotion is not None and not moved:
        yield f"{PREFIX_ENTRY} was not in the prefix before the change: {show(old)}"
    for kind, entries, wanted in (
        ("prefix", new.prefix, prefix),
        ("suffix", new.suffix, suffix),
    ):
        if [*map(_own, entries)] != [*map(_own, wanted)]:
            yield (
                f"the {kind} is '{_joined(entries)}', but should be '{_joined(wanted)}'"
            )


def _own(entry: str) -> str:
    """Give moby's own entries one name, because their store paths differ."""
    return re.sub(r"^/nix/store/[^/]+(?=/libexec/docker$)", "/moby", entry)


def listing(output: Path) -> dict[str, str]:
    """Return the kind and content of each file below a store path, by name.

    Replace the store path itself in the contents.
    """
    found: dict[str, str] = {}
    root = stores.physical(output)
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"link {path.readlink()}".replace(str(output), "")
        elif path.is_file():
            content = path.read_bytes().replace(str(output).encode(), b"")
            found[name] = (
                f"{path.stat().st_mode & 0o777:o} {hashlib.sha256(content).hexdigest()}"
            )
    return found
