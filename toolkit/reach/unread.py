"""Rules that find settings of an override that the build never reads.

They examine the variables of two derivations, without and with the override.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from toolkit.nix.derivations import digest
from toolkit.reach.effects import Left
from toolkit.reach.overridden import Overridden

_FETCHING = frozenset(
    ["branch", "hash", "owner", "repo", "rev", "sha256", "tag", "url", "urls"]
)
"""The arguments of a fetcher, which have no effect as variables of another derivation.
"""

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
"""The variables that a builder has processed before `overrideAttrs` can change them."""

_OF_PYTHON = frozenset(["dependencies", "build-system"])
_PYTHON = re.compile(r"python-.*hook")

_OF_SOURCE = (
    *("src", "srcs", "patches", "configureFlags", "cmakeFlags", "mesonFlags"),
    *("NIX_CFLAGS_COMPILE", "NIX_LDFLAGS"),
)
"""The variables that nothing reads in a package without a source."""

_STEPS = (
    "unpack",
    "patch",
    "configure",
    "build",
    "check",
    "install",
    "fixup",
    "installCheck",
)
_PHASES = frozenset(
    [
        *(
            f"{when}{step[0].upper()}{step[1:]}"
            for step in _STEPS
            for when in ("pre", "post")
        ),
        *(f"{step}Phase" for step in _STEPS),
        *(
            f"{tool}Flags"
            for tool in ("configure", "cmake", "meson", "make", "build", "install")
        ),
        *("src", "srcs", "sourceRoot", "patches", "doCheck", "doInstallCheck"),
    ]
)
"""The variables that the phases of a build read.

A builder with a `buildCommand` runs no phases.
"""

_KNOWN = _PHASES | {
    *(
        f"{kind}Inputs"
        for kind in ("build", "nativeBuild", "propagatedBuild", "propagatedNativeBuild")
    ),
    *(
        f"{native}Inputs"
        for native in ("check", "nativeCheck", "installCheck", "nativeInstallCheck")
    ),
    *(
        "NIX_CFLAGS_COMPILE",
        "NIX_LDFLAGS",
        "hardeningDisable",
        "hardeningEnable",
        "separateDebugInfo",
    ),
    *(
        "dontBuild",
        "dontConfigure",
        "dontStrip",
        "dontUnpack",
        "dontPatchELF",
        "dontWrapQtApps",
        "dontWrapGApps",
    ),
    *(
        "patchFlags",
        "qmakeFlags",
        "ninjaFlags",
        "ldflags",
        "checkFlags",
        "enableParallelBuilding",
    ),
    *("outputs", "version", "pname", "name", "meta", "passthru"),
    # Nix itself reads these.
    *(
        "allowedReferences",
        "allowedRequisites",
        "disallowedReferences",
        "disallowedRequisites",
        "outputChecks",
    ),
    *(
        "allowSubstitutes",
        "preferLocalBuild",
        "requiredSystemFeatures",
        "impureEnvVars",
        "exportReferencesGraph",
    ),
    *(
        "outputHash",
        "outputHashAlgo",
        "outputHashMode",
        "passAsFile",
        "shellHook",
        "unsafeDiscardReferences",
    ),
}
_HOOK = re.compile(r"(?:pre|post)(Unpack|Patch|Configure|Build|Install|Fixup)")
_PHASE = re.compile(r"(unpack|patch|configure|build|install|fixup|dist)Phase")
_CHECKING = frozenset(["checkPhase", "installCheckPhase", "postCheck", "preCheck"])
_CHECKS = re.compile(r"(?<!version-)check-hook")
_OF_HOOKS = re.compile(r"[a-z]+[A-Z]\w*")
"""A pattern for names of variables that setup hooks of nixpkgs read."""
_SWITCH = re.compile(
    r"(?:do|dont|no|disabled?|enable)[A-Z]\w*|[a-z]\w*(?:Features|Flags|FlagsArray|Inputs|Phase)"
)
"""A pattern for names of new variables that are meant for a setup hook.

A variable of another name may be used by the user's other settings.
"""
_NEAR = 0.88
_STORE = re.compile(r"/nix/store/[0-9a-z]{32}-[^\s:\"']+")
_HASH_NAME = re.compile(r"(?:hash|sha\d+)$", re.IGNORECASE)


def is_read(case: Overridden, name: str) -> bool:
    """Return whether the build may read a variable.

    The reader may be the build itself, a phase, a setup hook, or Nix.
    """
    return _OF_HOOKS.fullmatch(name) is None or name in _KNOWN or case.mentions(name)


def wrapper_source(case: Overridden) -> Iterator[Left]:
    """Yield the source, patches and compiler flags that an override gives a wrapper.

    A wrapper package has no source, so nothing reads these variables. If the override
    replaces the wrapper's build, they are read.
    """
    old, new = case.old.environment, case.new.environment
    is_other = any(
        name in old and old[name] != new.get(name)
        for name in ("buildCommand", "dontUnpack")
    )
    if case.source(case.old) or is_other:
        return
    for name in _OF_SOURCE:
        if name in case.changed and new[name]:
            yield Left(
                name=name,
                why=(
                    "the package is a wrapper without its own source, so nothing "
                    f"reads '{name}'"
                ),
            )


def unused_source(case: Overridden) -> Iterator[Left]:
    """Yield a source that the build neither unpacks nor mentions."""
    environment = case.new.environment
    place = environment.get("src", "")
    if "src" not in case.changed or not environment.get("dontUnpack"):
        return
    others = (value for name, value in environment.items() if name != "src")
    if not any(re.search(r"\$\{?src\b", value) or place in value for value in others):
        yield Left(
            name="src", why="the package unpacks no source, so nothing reads 'src'"
        )


def unread_phases(case: Overridden) -> Iterator[Left]:
    """Yield settings of build phases that do not run.

    The builder runs a `buildCommand` instead, or skips the phase.
    """
    environment = case.new.environment
    command = environment.get("buildCommand", "")
    if command and case.old.environment.get("buildCommand") == command:
        for name in case.changed:
            if (
                name in _PHASES
                and environment[name]
                and not re.search(rf"\$\{{?{name}\b", command)
            ):
                yield Left(
                    name=name,
                    why="the package is built by a 'buildCommand', which does not "
                    f"read '{name}'",
                )
        return
    for name in case.changed:
        found = _HOOK.fullmatch(name) or _PHASE.fullmatch(name)
        if found is None or not environment[name]:
            continue
        step = f"{found[1][0].upper()}{found[1][1:]}"
        phase = f"{step[0].lower()}{step[1:]}Phase"
        own = environment.get(phase)
        if name != phase and own and f"runHook {name}" not in own:
            yield Left(
                name=name,
                why=(
                    f"the package defines its own '{phase}', which does not run '"
                    f"{name}'"
                ),
            )
        elif environment.get(f"dont{step}"):
            yield Left(
                name=name,
                why=f"the package sets 'dont{step}', so '{name}' does not run",
            )
        elif (phases := environment.get("phases")) and phase not in phases.split():
            yield Left(
                name=name,
                why=(
                    f"'{phase}' is not one of the package's 'phases', so '{name}' "
                    "does not run"
                ),
            )


def unread_checks(case: Overridden) -> Iterator[Left]:
    """Yield settings of checks that do not run."""
    environment = case.new.environment
    if any(name in case.changed for name in ("doCheck", "doInstallCheck")):
        return
    installs = environment.get("installCheckPhase", "")
    # Hooks such as pytest's run checks; the hook that prints a program's version does
    # not.
    hooks = {
        name
        for path in case.new.inputs
        if _CHECKS.search(name := case.store[path].name)
    }
    for name in case.changed:
        switch = "doInstallCheck" if name == "installCheckPhase" else "doCheck"
        if name not in _CHECKING or not environment[name] or environment.get(switch):
            continue
        is_hook = name != "checkPhase" and (
            bool(hooks) or f"runHook {name}" in installs
        )
        if not (is_hook and environment.get("doInstallCheck")):
            yield Left(
                name=name, why=f"'{switch}' is not set, so '{name}' does not run"
            )


def unused_hash(case: Overridden) -> Iterator[Left]:
    """Yield a hash that no fixed-output derivation uses."""
    hashes = {
        name: value
        for name in case.changed
        if _HASH_NAME.search(name)
        and (value := digest(case.new.environment[name])) is not None
    }
    if not hashes:
        return
    fresh = case.store.closure(case.new.path) - case.store.closure(case.old.path)
    fetched = {case.store[path].hash for path in fresh}
    for name, value in hashes.items():
        if value not in fetched:
            yield Left(
                name=name,
                why=f"no download uses this hash: nothing reads the variable '{name}'",
            )


def turned_too_late(case: Overridden) -> Iterator[Left]:
    """Yield variables whose value the builder has already processed."""
    for name in case.changed:
        other = _TURNED.get(name)
        if other is None or other not in case.old.environment or other in case.changed:
            continue
        # A vim plugin also has such variables, and its builder ignores them.
        if name in _OF_PYTHON and not any(
            _PYTHON.match(case.store[path].name) for path in case.new.inputs
        ):
            continue
        yield Left(
            name=name,
            why=f"the builder has already used '{other}', and keeps the result",
        )


def unread_variable(case: Overridden) -> Iterator[Left]:
    """Yield new variables that the build never reads.

    Such a variable is an argument of the package, a misspelt name, or for a missing
    hook.
    """
    arguments = {
        name
        for call in case.calls
        if call.method != "override"
        for name in call.arguments
    }
    # Variables that Nix itself reads change others, too.
    is_alone = {*case.changed} <= {*case.names, "name"}
    for name in case.added:
        if name in _FETCHING and not case.source_changes and case.source(case.new):
            why = (
                f"'{name}' is an argument of the fetcher; nothing reads it as a "
                "variable here"
            )
            yield Left(name=name, why=why)
        elif name in arguments and not _STORE.search(case.new.environment[name]):
            yield Left(
                name=name,
                why=(
                    f"'{name}' is an argument of the package; nothing reads it as "
                    "a variable"
                ),
            )
        elif name not in _KNOWN and (
            near := get_close_matches(name, _KNOWN, n=1, cutoff=_NEAR)
        ):
            yield Left(
                name=name,
                why=f"nothing reads the variable '{name}'; did you mean '{near[0]}'?",
            )
        elif is_alone and _SWITCH.fullmatch(name) and not is_read(case, name):
            yield Left(
                name=name,
                why=(
                    "no phase and no setup hook of this build reads the variable "
                    f"'{name}'"
                ),
            )
