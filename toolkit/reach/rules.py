"""What an override leaves behind: rules about two derivations, one with the override and one without.

Each rule is a function from a `Case` to what stays. Only what was replaced can stay: `src`, `version`, a variable that
is a package, an argument, a hash. What was only added reaches if the derivation changes and something reads it.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from msgspec import Struct, field

from toolkit.reach.derivations import Derivation, Derivations, digest
from toolkit.reach.model import Left

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
    "frontend",
    "webui",
    "ui",
)
"""Variables with what is downloaded for, or made of, the source."""

_FETCHING = frozenset(["branch", "hash", "owner", "repo", "rev", "sha256", "tag", "url", "urls"])
"""What a fetcher is told: in a derivation that is not one it is a variable that nothing reads."""

_TURNED = {
    "buildFeatures": "cargoBuildFeatures",
    "buildNoDefaultFeatures": "cargoBuildNoDefaultFeatures",
    "buildType": "cargoBuildType",
    "checkFeatures": "cargoCheckFeatures",
    "checkNoDefaultFeatures": "cargoCheckNoDefaultFeatures",
    "checkType": "cargoCheckType",
    "cargoPatches": "cargoDeps",
    "dependencies": "propagatedBuildInputs",
    "build-system": "nativeBuildInputs",
    "kernelPatches": "patches",
    "extraConfig": "configfile",
    "structuredExtraConfig": "configfile",
}
"""What a builder makes other variables of, before any derivation is made: `overrideAttrs` comes too late."""

_PHASES = frozenset(
    [
        "src",
        "srcs",
        "sourceRoot",
        "patches",
        "prePatch",
        "postPatch",
        "preConfigure",
        "postConfigure",
        "preBuild",
        "postBuild",
        "preCheck",
        "postCheck",
        "preInstall",
        "postInstall",
        "preFixup",
        "postFixup",
        "preInstallCheck",
        "postInstallCheck",
        "preUnpack",
        "postUnpack",
        "unpackPhase",
        "patchPhase",
        "configurePhase",
        "buildPhase",
        "checkPhase",
        "installPhase",
        "fixupPhase",
        "installCheckPhase",
        "configureFlags",
        "cmakeFlags",
        "mesonFlags",
        "makeFlags",
        "buildFlags",
        "installFlags",
        "doCheck",
        "doInstallCheck",
    ]
)
"""What the phases of a build read; a builder with a `buildCommand` runs none."""

_KNOWN = _PHASES | {
    "buildInputs",
    "nativeBuildInputs",
    "propagatedBuildInputs",
    "propagatedNativeBuildInputs",
    "checkInputs",
    "nativeCheckInputs",
    "installCheckInputs",
    "nativeInstallCheckInputs",
    "NIX_CFLAGS_COMPILE",
    "NIX_LDFLAGS",
    "hardeningDisable",
    "hardeningEnable",
    "patchFlags",
    "dontBuild",
    "dontConfigure",
    "dontStrip",
    "dontUnpack",
    "enableParallelBuilding",
    "qmakeFlags",
    "ninjaFlags",
    "dontPatchELF",
    "dontWrapQtApps",
    "dontWrapGApps",
    "separateDebugInfo",
    "ldflags",
    "checkFlags",
    "outputs",
    "version",
    "pname",
    "name",
    "meta",
    "passthru",
}
_HOOK = re.compile(r"(?:pre|post)(Unpack|Patch|Configure|Build|Install|Fixup)")
_NEAR = 0.88
_STORE = re.compile(r"/nix/store/[0-9a-z]{32}-[^\s:\"']+")
_HASH_NAME = re.compile(r"(?:hash|sha\d+)$", re.IGNORECASE)
_FEWEST = 3
_LABEL = re.compile(r"[-+._][A-Za-z][A-Za-z_-]*")


class Call(Struct, frozen=True, kw_only=True):
    """A call of one of a package's own functions: what it sets, which of that are packages, and what it may set."""

    door: str
    names: tuple[str, ...] = ()
    packages: dict[str, str] = field(default_factory=dict[str, str])
    arguments: tuple[str, ...] = ()


class Case(Struct, frozen=True, kw_only=True):
    """Two derivations of a store, the calls that made one of the other, and what the package set has by a name.

    `top` returns for names the derivations that the set has of them, without those that it has not.
    """

    old: Derivation
    new: Derivation
    store: Derivations
    calls: Sequence[Call]
    top: Callable[[Sequence[str]], Mapping[str, str]]

    @property
    def changed(self) -> list[str]:
        """The variables whose values differ or that are new, without the outputs."""
        old, new = self.old.environment, self.new.environment
        return [name for name in new if name not in self.new.outputs and old.get(name) != new[name]]

    @property
    def added(self) -> list[str]:
        """The variables that are new."""
        return [name for name in self.changed if name not in self.old.environment]

    @property
    def version_changes(self) -> bool:
        """Tell whether the version is another one, and not only has a word behind it."""
        old, new = self.old.version, self.new.version
        is_label = new.startswith(old) and _LABEL.fullmatch(new[len(old) :]) is not None
        return bool(old) and old != new and not is_label

    def source(self, derivation: Derivation) -> str:
        """Return the path of a derivation's source, empty for none."""
        return derivation.environment.get("src") or derivation.environment.get("srcs", "")

    @property
    def source_changes(self) -> bool:
        """Tell whether the source has another content, as far as its hash and path show."""
        old, new = self.source(self.old), self.source(self.new)
        if not old or not new or old == new:
            return bool(old) != bool(new)
        makers = [self.store.maker(self.old, old), self.store.maker(self.new, new)]
        digests = {maker.hash for maker in makers if maker is not None and maker.hash}
        return len(digests) != 1 or None in makers

    @property
    def around(self) -> frozenset[str]:
        """What the standard environment is built from, which is never the package's own."""
        place = self.new.environment.get("stdenv", "")
        maker = self.store.maker(self.new, place) if place else None
        return self.store.closure(maker.path) if maker is not None else frozenset()

    def outsiders(self, inputs: Sequence[str]) -> frozenset[str]:
        """Return which inputs are packages of the set with names of their own, not parts of this one."""
        known = self.top([self.store[path].pname for path in inputs]) if inputs else {}
        own = _words(self.new.pname)
        return frozenset(
            path
            for path in inputs
            if known.get(self.store[path].pname) == path and not own & _words(self.store[path].pname)
        )

    def names(self, way: Sequence[str]) -> tuple[str, ...]:
        """Return the names of derivations."""
        return tuple(self.store[path].name for path in way)

    def first(self, place: str) -> str:
        """Return what a store path is called."""
        maker = self.store.maker(self.new, place)
        return maker.name if maker is not None else place[44:]


def is_meta(old: Derivation, new: Derivation) -> bool:
    """Tell whether two derivations differ in nothing but what nixpkgs makes of `meta`."""
    names = {*old.environment, *new.environment} - {*old.outputs, *new.outputs, "NIX_MAIN_PROGRAM"}
    return old.inputs == new.inputs and all(old.environment.get(name) == new.environment.get(name) for name in names)


def left(case: Case) -> tuple[Left, ...]:
    """Return what stays, each once; nothing for a package that wraps the old one on purpose."""
    if case.old.path in case.new.inputs:
        return ()
    if not case.calls and case.old.path in case.store.closure(case.new.path):
        return ()
    found: dict[str, Left] = {}
    for rule in RULES:
        for each in rule(case):
            found.setdefault(each.name, each)
    return tuple(found.values())


def wrapper_source(case: Case) -> Iterator[Left]:
    """Yield a wrapper's `src` and `patches`: it has no source, and nothing reads them."""
    if case.source(case.old):
        return
    for name in ("src", "srcs", "patches"):
        if name in case.changed and case.new.environment[name]:
            yield Left(
                name=name, why=f"the package is a wrapper without a source of its own, and nothing reads '{name}'"
            )


def unused_source(case: Case) -> Iterator[Left]:
    """Yield a source that is not unpacked, and that nothing names."""
    environment = case.new.environment
    place = environment.get("src", "")
    if "src" not in case.changed or not environment.get("dontUnpack"):
        return
    others = (value for name, value in environment.items() if name != "src")
    if not any(re.search(r"\$\{?src\b", value) or place in value for value in others):
        yield Left(name="src", why="the package unpacks no source, and nothing reads 'src'")


def unread_phases(case: Case) -> Iterator[Left]:
    """Yield what belongs to phases that do not run: their builder runs a `buildCommand` or leaves them out."""
    environment = case.new.environment
    command = environment.get("buildCommand", "")
    if command and case.old.environment.get("buildCommand") == command:
        for name in case.changed:
            if name in _PHASES and environment[name] and not re.search(rf"\$\{{?{name}\b", command):
                yield Left(name=name, why=f"the package is built by a 'buildCommand', which does not read '{name}'")
        return
    for name in case.changed:
        hook = _HOOK.fullmatch(name)
        if hook is None or not environment[name]:
            continue
        phase = f"{hook[1][0].lower()}{hook[1][1:]}Phase"
        own = environment.get(phase)
        if own and f"runHook {name}" not in own:
            yield Left(name=name, why=f"the package has a '{phase}' of its own, which does not run '{name}'")
        elif environment.get(f"dont{hook[1]}"):
            yield Left(name=name, why=f"the package sets 'dont{hook[1]}', so that '{name}' does not run")
        elif (phases := environment.get("phases")) and phase not in phases.split():
            yield Left(name=name, why=f"'{phase}' is not one of the package's 'phases', so that '{name}' does not run")


def same_source(case: Case) -> Iterator[Left]:
    """Yield a source that stays though the version changes."""
    if case.version_changes and case.source(case.old) and case.source(case.new) and not case.source_changes:
        name = case.first(case.source(case.new))
        yield Left(
            name="src",
            way=(case.new.name, name),
            why=f"version is {case.new.version}, src is still that of {case.old.version}",
        )


def unread_fetching(case: Case) -> Iterator[Left]:
    """Yield what belongs to the fetcher, if the source stays."""
    if case.source_changes or not case.source(case.new):
        return
    for name in case.added:
        if name in _FETCHING:
            yield Left(
                name=name, why=f"'{name}' is an argument of the fetcher; here it is a variable that nothing reads"
            )


def unused_hash(case: Case) -> Iterator[Left]:
    """Yield a hash which nothing that is fetched has."""
    hashes = {
        name: value
        for name in case.changed
        if _HASH_NAME.search(name) and (value := digest(case.new.environment[name])) is not None
    }
    if not hashes:
        return
    fresh = case.store.closure(case.new.path) - case.store.closure(case.old.path)
    fetched = {case.store[path].hash for path in fresh}
    for name, value in hashes.items():
        if value not in fetched:
            yield Left(
                name=name, why=f"nothing that is fetched anew has this hash: '{name}' is a variable that nothing reads"
            )


def same_dependencies(case: Case) -> Iterator[Left]:
    """Yield what is downloaded for the source and does not change with it."""
    if not case.source_changes:
        return
    for name in DEPENDENCIES:
        value = case.new.environment.get(name, "")
        if value.startswith("/nix/store/") and case.old.environment.get(name) == value:
            what = case.first(value)
            yield Left(name=name, way=(case.new.name, what), why=f"src is new, {name} is still that of the old one")


def old_source(case: Case) -> Iterator[Left]:
    """Yield what is still made of the old source."""
    place = case.source(case.old)
    if not case.source_changes or not place.startswith("/nix/store/"):
        return
    outsiders = case.around | case.outsiders(case.new.inputs)
    way = case.store.way(case.new.path, lambda path: place in case.store[path].outputs.values(), around=outsiders)
    if way:
        names = case.names(way)
        yield Left(name=names[1], way=names, why="made from the old src")


def stale_download(case: Case) -> Iterator[Left]:
    """Yield what is fetched for the new source or version, and must have the hash of the old one."""
    if not case.source_changes and not case.version_changes:
        return
    before, after = case.store.closure(case.old.path), case.store.closure(case.new.path)
    gone = {each.hash: each for each in map(case.store.__getitem__, before - after) if each.hash}
    sources = {case.source(case.old), case.source(case.new)}
    source = case.store.maker(case.new, case.source(case.new))
    for path in sorted(after - before):
        each = case.store[path]
        old = gone.get(each.hash)
        if not each.hash or old is None or sources & {*each.outputs.values()} or old.path == each.path:
            continue
        is_made_of_it = source is not None and source.path in each.inputs
        if is_made_of_it or (each.name != old.name and case.new.pname in each.name):
            way = case.names(case.store.way(case.new.path, path.__eq__))
            yield Left(name=each.name, way=way, why="is fetched for the new source, but has the hash of the old one")


def old_version(case: Case) -> Iterator[Left]:
    """Yield inputs that still have the old version."""
    version = case.old.version
    if not case.version_changes or len(version) < _FEWEST or "." not in version:
        return
    pattern = re.compile(rf"(?<![\d.]){re.escape(version)}(?![\d.]|\d)")
    same = [
        path
        for path in case.new.inputs
        if path in case.old.inputs and pattern.search(case.store[path].name) is not None
    ]
    known = case.top([case.store[path].pname for path in same]) if same else {}
    # go 1.26.4 beside gitea 1.26.4 is an outsider.
    outsiders = case.outsiders(same)
    for each in (case.store[path] for path in same if path not in outsiders):
        is_part = known.get(each.pname) != each.path
        yield Left(name=each.name, way=(case.new.name, each.name), why=f"has the old version {version}", part=is_part)


def old_package(case: Case) -> Iterator[Left]:
    """Yield the package's own, if a variable is set to another package of that name."""
    inputs = {each.path: each for each in map(case.store.__getitem__, case.new.inputs)}
    old = case.old.environment
    for name in case.changed:
        places = _STORE.findall(case.new.environment[name])
        if len(places) != 1 or case.new.environment[name] != places[0] or name in {"src", "stdenv"}:
            continue
        given = case.store.maker(case.new, places[0])
        if given is None or old.get(name) == places[0]:
            continue
        for each in inputs.values():
            if each.path == given.path or each.path not in case.old.inputs or each.hash:
                continue
            if each.pname in {given.pname, name}:
                why = f"'{name}' is replaced, and the build still has the package's own"
                yield Left(name=each.name, way=(case.new.name, each.name), why=why, part=True)


def old_argument(case: Case) -> Iterator[Left]:
    """Yield the old value of an argument that the build still has."""
    packages = {name: path for call in case.calls if call.door == "override" for name, path in call.packages.items()}
    names = [name for call in case.calls if call.door == "override" for name in call.names if name != "stdenv"]
    if not names:
        return
    before = case.top(names)
    fresh = case.store.closure(case.new.path) - case.store.closure(case.old.path)
    for name in names:
        old = before.get(name)
        given = packages.get(name)
        if old is None or given == old or old not in case.old.inputs:
            continue
        within = case.store.closure(given) if given is not None else frozenset[str]()
        holders = {path for path in fresh - within if old in case.store[path].inputs}
        if case.new.path in holders:
            why = f"the argument '{name}' is replaced, and the build still has the old one"
            yield Left(name=case.store[old].name, way=case.names((case.new.path, old)), why=why)


def turned_too_late(case: Case) -> Iterator[Left]:
    """Yield variables that the builder has already made others of."""
    for name in case.changed:
        other = _TURNED.get(name)
        if other is None or other not in case.old.environment or other in case.changed:
            continue
        yield Left(name=name, why=f"the builder has made '{other}' of it before, and that stays")


def unread_variable(case: Case) -> Iterator[Left]:
    """Yield variables that are arguments of the package, or nearly have the name of one that builds read."""
    arguments = {name for call in case.calls if call.door != "override" for name in call.arguments}
    for name in case.added:
        if name in arguments and not _STORE.search(case.new.environment[name]):
            yield Left(name=name, why=f"'{name}' is an argument of the package; as a variable nothing reads it")
        elif name not in _KNOWN and (near := get_close_matches(name, _KNOWN, n=1, cutoff=_NEAR)):
            yield Left(name=name, why=f"nothing reads the variable '{name}'; did you mean '{near[0]}'?")


def _words(name: str) -> set[str]:
    return {word for word in re.split(r"[-_.]", name) if len(word) >= _FEWEST}


RULES = (
    wrapper_source,
    unused_source,
    unread_phases,
    same_source,
    unread_fetching,
    unused_hash,
    same_dependencies,
    old_source,
    stale_download,
    old_version,
    old_package,
    old_argument,
    turned_too_late,
    unread_variable,
)
