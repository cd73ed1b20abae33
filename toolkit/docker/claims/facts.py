"""The facts that Nix finds for each release, system and stage.

That is its derivations; the doors of its components, the ways to override one, of which
toolkit/docker/expressions/doors.nix decides what they do; and the rows of matrix.nix, overrides that people use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from toolkit import documents
from toolkit.errors import ToolkitError

WORKS = "works"

UNEVALUABLE = "does not evaluate"
"""The outcome of a door that Nix refuses, or fails at."""

_STANDARD = {
    "override": "override { NAME = …; }",
    "overrideOld": "override (old: { NAME = …; })",
    "overrideAttrs": "overrideAttrs { NAME = …; }",
    "overrideAttrsOld": "overrideAttrs (old: { NAME = …; })",
    "passthru": "overrideAttrs of passthru.NAME",
}

STANDARD = tuple(_STANDARD)
"""The doors that any file may have."""

_FORMS = {
    "attributes": "{ … }",
    "setOfPackages": "{ NAME = …; }",
    "package": "…",
    "attributesFunction": "old: { … }",
    "function": "old: …",
    "setOfAttributes": "{ NAME = { … }; }",
    "setOfAttributesFunctions": "{ NAME = old: { … }; }",
    "setOfFunctions": "{ NAME = old: …; }",
    "setFunction": "old: { NAME = …; }",
    "overlay": "final: prev: { NAME = …; }",
}

FORMS = tuple(_FORMS)
"""Values for a parameter made for overriding a component, in the order of the trials."""

ROWS: tuple[tuple[str, str, str], ...] = (
    ("1", "iptables", "override { iptables = …; }"),
    ("2", "runcSource", "override { runcRev = …; runcHash = …; }"),
    ("3", "containerdAndSources", "override { version, sources of cli and moby, containerd }"),
    ("5", "plugins", "override { buildxSupport = false; composeSupport = false; }"),
    ("5", "pluginsByFunction", "override (old: { buildxSupport = …; })"),
    ("6", "initSupport", "override { initSupport = true; }"),
    ("7", "compose", "override { docker-compose = …; }"),
    ("8", "xfsprogsThenMoby", "(override { xfsprogs = …; }).moby.overrideAttrs"),
    ("9", "mobyAsPath", '"${docker.moby}/libexec/docker/dockerd-rootless.sh"'),
    ("10", "mobyAttribute", "overrideAttrs (old: { moby = old.moby.overrideAttrs …; })"),
    ("10", "mobyThenIptables", "row 10, then override { iptables = …; }"),
    ("10", "mobyThenRunc", "row 10, then overrideAttrs { docker-runc = …; }"),
    ("10", "runcThenMoby", "overrideAttrs { docker-runc = …; }, then row 10"),
    ("10", "clientOfMoby", "row 10, then override { clientOnly = true; }"),
    ("10", "clientOfMobyIfAny", "row 10 if there is a moby, then override { clientOnly = true; }"),
    ("12", "runc", "a different runc in the package set"),
    ("13", "cliPatched", "overrideAttrs with a patch of the cli"),
)
"""Number (of the list of overrides found in public configurations), name in matrix.nix, what it does.

Row 4, the client, is asked of every release, and row 11, an overlay that defines `moby` from docker's own attribute, is
a condition of the package set.
"""


class Answer(Struct, frozen=True):
    """The result of an override: a store path, an `error`, or neither if the file has no such attribute.

    `effect` shows whether a row that replaces a part of moby reaches the build; None for other rows.
    """

    package: str | None = None
    effect: bool | None = None
    error: str | None = None

    @property
    def gives(self) -> str | None:
        """The store path or the error, whichever exists."""
        return self.package or self.error


class Facts(Struct, frozen=True, kw_only=True):
    """One release on one system. Derivations are drvPaths; a component is None if docker has none.

    `attributes` are those of the derivations `docker` and `moby`. `doors` maps each component that docker has to door →
    outcome, `matrix` the rows of matrix.nix to what they give, and `flags` values of boolean parameters, "name = true,
    …", to what they make of docker; all are empty if this release was not evaluated on this system.
    """

    docker: str
    client: str | None
    components: dict[str, str | None]
    attributes: dict[str, dict[str, str]]
    doors: dict[str, dict[str, str]]
    matrix: dict[str, Answer]
    flags: dict[str, Facts]

    @property
    def has_daemon(self) -> bool:
        """Return whether the release contains the daemon, not only the client."""
        return any(path is not None for path in self.components.values())

    def derivations(self) -> Iterator[tuple[str, str]]:
        """Yield name and drvPath of the package, its client form, and each of its components."""
        yield "docker", self.docker
        if self.client is not None:
            yield "client", self.client
        for name, path in self.components.items():
            if path is not None:
                yield name, path


ByRelease = dict[tuple[str, str], Facts]
"""System label and release → facts."""


class Evaluation(Struct, frozen=True, kw_only=True):
    """The facts about each stage, by its name.

    `unevaluated` are system and release if the unchanged file throws. `systems` are those on which it does not evaluate
    at all, each with Nix's reason; no stage has them. Nor has any stage those that are `limited`: system and release
    that exceed a limit, and the limit.
    """

    stages: Mapping[str, ByRelease]
    unevaluated: tuple[tuple[str, str], ...] = ()
    systems: tuple[tuple[str, str], ...] = ()
    limited: tuple[tuple[str, str, str], ...] = ()

    def __getitem__(self, stage: str) -> ByRelease:
        """Return the facts of a stage."""
        return self.stages[stage]


def read(record: dict[str, Any], where: str) -> Facts:
    """Read one release in the output of inspect.nix; raise ToolkitError if the release throws."""
    if "error" in record:
        raise ToolkitError(f"evaluation: {where}: {record['error']}")
    return documents.convert(record, Facts, document=f"evaluation: {where}")


def coverage(facts: ByRelease, what: str) -> str:
    """Return the evidence's coverage: the facts, releases and systems that were examined."""
    releases, systems = ({key[index] for key in facts} for index in (1, 0))
    plurals = ["" if len(found) == 1 else "s" for found in (releases, systems)]
    return f"{what}; {len(releases)} release{plurals[0]}, {len(systems)} system{plurals[1]}"


def show(door: str, component: str) -> str:
    """Return an override method as code after `docker.`."""
    if door in _STANDARD:
        return _STANDARD[door].replace("NAME", component)
    parameter, _, form = door.partition(" ")
    return f"override {{ {parameter} = {_FORMS[form].replace('NAME', component)}; }}"


def working(outcomes: Mapping[str, str]) -> tuple[str, ...]:
    """Return the override methods that work, the standard ones first."""
    return tuple(door for door in dict.fromkeys((*STANDARD, *outcomes)) if outcomes.get(door) == WORKS)


def open_doors(facts: Iterable[Facts]) -> dict[str, tuple[str, ...]]:
    """Return for each component the override methods that work in every examined docker."""
    found: dict[str, tuple[str, ...]] = {}
    for each in facts:
        for component, outcomes in each.doors.items():
            here = working(outcomes)
            found[component] = tuple(door for door in found.get(component, here) if door in here)
    return found


def shown(facts: Iterable[Facts]) -> dict[str, tuple[str, ...]]:
    """Return the result of `open_doors` as code after `docker.`."""
    return {name: tuple(show(door, name) for door in found) for name, found in open_doors(facts).items()}
