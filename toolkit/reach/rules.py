"""Rules that find old values in the build of an overridden package.

Each rule compares two derivations, without and with the override, and returns the old
values that remain. Only a replaced value can remain: `src`, `version`, a variable with
a package, an argument, a hash. An additional value takes effect if the derivation
changes and the build reads the value.
"""

import re
from collections.abc import Iterator, Mapping

from toolkit.nix.derivations import Derivation
from toolkit.reach import unread
from toolkit.reach.effects import Left
from toolkit.reach.overridden import FEWEST, Overridden

DEPENDENCIES = (
    "cargoDeps",
    "goModules",
    "go-modules",
    "npmDeps",
    "pnpmDeps",
    "yarnOfflineCache",
    "offlineCache",
    "yarnDeps",
    "bunDeps",
    "composerRepository",
    "composerVendor",
    "mixFodDeps",
    "mitmCache",
    "nugetDeps",
    "fetchedMavenDeps",
    "mvnDeps",
    "zigDeps",
    "deps",
    "frontend",
    "webui",
    "ui",
)
"""The variables of a derivation that contain downloads for its source, or packages made
from them.
"""

_PRECISE = 2
_REGISTRY = re.compile(r"\bnuget\b")


def is_meta(old: Derivation, new: Derivation) -> bool:
    """Return whether two derivations differ only because `meta` was replaced."""
    if new.values.get("NIX_MAIN_PROGRAM"):
        return False
    names = {*old.values, *new.values} - {
        *old.outputs,
        *new.outputs,
        "outputs",
        "NIX_MAIN_PROGRAM",
    }
    same = all(old.values.get(name) == new.values.get(name) for name in names)
    return same and (old.inputs, old.command) == (new.inputs, new.command)


def left(case: Overridden) -> tuple[Left, ...]:
    """Return the old values that remain in the build of an overridden package.

    For a package that intentionally wraps the old one, return only unused settings.
    """
    if case.old.path in case.new.inputs:
        # A setting that nothing reads does not make the package a wrapper, even if its
        # value names the old package.
        return tuple(unread.unread_phases(case))
    if not case.calls and case.old.path in case.store.closure(case.new.path):
        return ()
    found: dict[str, Left] = {}
    for rule in RULES:
        for each in rule(case):
            found.setdefault(each.name, each)
    return tuple(found.values())


def same_source(case: Overridden) -> Iterator[Left]:
    """Yield the source if it stays although the version changes."""
    if (
        case.version_changes
        and case.source(case.old)
        and case.source(case.new)
        and not case.source_changes
    ):
        name = case.first(case.source(case.new))
        yield Left(
            name="src",
            way=(case.new.name, name),
            why=(
                f"version is {case.new.version}, but src is still that of "
                f"{case.old.version}"
            ),
        )


def same_source_within(case: Overridden) -> Iterator[Left]:
    """Yield the source of a wrapped package that stays although its version changes."""
    if not case.version_changes or case.source(case.old):
        return
    gone = {
        each.pname: each
        for each in map(case.store.__getitem__, case.old.inputs)
        if each.path not in case.new.inputs and each.version == case.old.version
    }
    for each in map(case.store.__getitem__, case.new.inputs):
        before = gone.get(each.pname)
        if before is None or each.version != case.new.version:
            continue
        wrapped = Overridden(
            old=before, new=each, store=case.store, calls=(), top=case.top
        )
        for stays in same_source(wrapped):
            yield Left(name=stays.name, way=(case.new.name, *stays.way), why=stays.why)


def same_dependencies(case: Overridden) -> Iterator[Left]:
    """Yield downloaded dependencies that stay although the source changes."""
    if not case.source_changes:
        return
    for name in DEPENDENCIES:
        value = case.new.environment.get(name, "")
        before = case.old.environment.get(name, "")
        if not value.startswith("/nix/store/") or case.is_written(value):
            continue
        if before == value or case.has_same_downloads(before, value):
            what = case.first(value)
            yield Left(
                name=name,
                way=(case.new.name, what),
                why=f"src is new, but {name} still belongs to the old src",
            )
    registered = [
        {path for path in each.inputs if _REGISTRY.search(case.store.address(path))}
        for each in (case.old, case.new)
    ]
    if registered[0] and registered[0] == registered[1]:
        yield Left(
            name="nugetDeps",
            why="src is new, but the NuGet packages still belong to the old src",
        )


def old_source(case: Overridden) -> Iterator[Left]:
    """Yield an input that is still made from the old source."""
    place = case.source(case.old)
    # A package without a source of its own wraps another package on purpose.
    if (
        not case.source_changes
        or not case.source(case.new)
        or not place.startswith("/nix/store/")
    ):
        return
    # An independent package that uses the same source, such as nixf beside nixd, counts
    # as a part of this one.
    around = case.around | {
        path
        for path in case.outsiders(case.new.inputs)
        if case.source(case.store[path]) != place
    }
    while way := case.store.way(
        case.new.path,
        lambda path: place in case.store[path].outputs.values(),
        around=around,
    ):
        # For example the plain package that a vim plugin has in a variable.
        if not case.holders(way[1]) or any(
            unread.is_read(case, name) for name in case.holders(way[1])
        ):
            break
        around |= {way[1]}
    if way:
        names, part = case.names_of(way), case.store[way[1]]
        is_part = case.top([part.pname]).get(part.pname) != part.path
        yield Left(
            name=names[1], way=names, why="is made from the old src", part=is_part
        )


def stale_download(case: Overridden) -> Iterator[Left]:
    """Yield downloads that still have the old hash.

    They belong to the new source or version, so their hash should change.
    """
    if not case.source_changes and not case.version_changes:
        return
    before, after = case.store.closure(case.old.path), case.store.closure(case.new.path)
    gone = {
        each.hash: each
        for each in map(case.store.__getitem__, before - after)
        if each.hash
    }
    sources = {case.source(case.old), case.source(case.new)}
    source = case.store.maker(case.new, case.source(case.new))
    for each in map(case.store.__getitem__, sorted(after - before)):
        old = gone.get(each.hash)
        if (
            old is None
            or each.hash in case.written
            or sources & {*each.outputs.values()}
        ):
            continue
        is_made_of_it = source is not None and source.path in each.inputs
        if is_made_of_it or (each.name != old.name and case.new.pname in each.name):
            way = case.names_of(case.store.way(case.new.path, each.path.__eq__))
            yield Left(
                name=each.name,
                way=way,
                why="the vendored dependencies still have the old hash; update it",
            )


def old_version(case: Overridden) -> Iterator[Left]:
    """Yield inputs of the build that still have the old version."""
    version = case.old.version
    if not case.version_changes or len(version) < FEWEST or "." not in version:
        return
    pattern = re.compile(rf"(?<![\d.]){re.escape(version)}(?![\d.])")
    same = [
        path
        for path in case.new.inputs
        if path in case.old.inputs and pattern.search(case.store[path].name)
    ]
    known: Mapping[str, str] = (
        case.top([case.store[path].pname for path in same]) if same else {}
    )
    # For example, go 1.26.4 is independent of gitea 1.26.4.
    outsiders = case.outsiders(same)
    for each in (case.store[path] for path in same if path not in outsiders):
        is_part = known.get(each.pname) != each.path
        yield Left(
            name=each.name,
            way=(case.new.name, each.name),
            why=f"has the old version {version}",
            part=is_part,
        )


def old_download(case: Overridden) -> Iterator[Left]:
    """Yield downloads whose URL still contains the old version.

    The source and patches are left out.
    """
    version = case.old.version
    # URLs contain a short version such as 1.0 by chance.
    if (
        not case.version_changes
        or not case.source_changes
        or version.count(".") < _PRECISE
    ):
        return
    pattern = re.compile(rf"(?<![\d.]){re.escape(version)}(?![\d.]*\d)")
    patches = case.new.environment.get("patches", "")
    for each in map(case.store.__getitem__, case.new.inputs):
        if (
            not each.hash
            or each.path not in case.old.inputs
            or each.outputs["out"] in patches
        ):
            continue
        address = case.store.address(each.path)
        if pattern.search(address):
            way = (case.new.name, each.name)
            yield Left(
                name=each.name,
                way=way,
                why=(
                    "still comes from the address of the old version: "
                    f"{address.split()[0]}"
                ),
            )


def old_package(case: Overridden) -> Iterator[Left]:
    """Yield a dependency that stays although a variable replaces it."""
    same = [case.store[path] for path in case.new.inputs if path in case.old.inputs]
    for name in case.changed:
        value = case.new.environment[name]
        given = (
            case.store.maker(case.new, value)
            if value and name not in {"src", "stdenv"}
            else None
        )
        if given is None:
            continue
        for each in same:
            if (
                each.path != given.path
                and not each.hash
                and each.pname in {given.pname, name}
            ):
                why = (
                    f"'{name}' is replaced, but the build still contains the "
                    "package's own"
                )
                yield Left(
                    name=each.name, way=(case.new.name, each.name), why=why, part=True
                )


def old_argument(case: Overridden) -> Iterator[Left]:
    """Yield the old value of a replaced argument that is still in the build."""
    packages = {
        name: path
        for call in case.calls
        if call.method == "override"
        for name, path in call.packages.items()
    }
    names = [
        name
        for call in case.calls
        if call.method == "override"
        for name in call.names
        if name != "stdenv"
    ]
    same = {*case.old.inputs} & {*case.new.inputs}
    for name, old in case.top(names).items() if names else ():
        if old in same and old != packages.get(name):
            why = (
                f"the argument '{name}' is replaced, but the build still contains the "
                "old one"
            )
            yield Left(
                name=case.store[old].name,
                way=case.names_of((case.new.path, old)),
                why=why,
            )


RULES = (
    unread.wrapper_source,
    unread.unused_source,
    unread.unread_phases,
    unread.unread_checks,
    same_source,
    same_source_within,
    unread.unused_hash,
    same_dependencies,
    old_source,
    stale_download,
    old_version,
    old_download,
    old_package,
    old_argument,
    unread.turned_too_late,
    unread.unread_variable,
)
