"""What is known of each release on each system at each stage, and how it is read from what Nix says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from toolkit.docker import doors
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from toolkit.docker.claims.record import Record

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
    """What an override gives: a store path, the text of an error if `throws`, or None where the file has no such thing.

    `effect` tells whether a row that replaces a part of moby reaches what is built; None for other rows.
    """

    package: str | None
    effect: bool | None = None
    throws: bool = False


class Facts(Struct, frozen=True, kw_only=True):
    """One release on one system. Derivations are drvPaths; a component is None where docker has none.

    `doors` maps each component that docker has to door → outcome, `matrix` the rows of matrix.nix to what they give,
    and `forms` values of boolean parameters, "name = true, …", to what they make of docker; all are empty where this
    release was not asked on this system.
    """

    docker: str
    client: str | None
    components: Mapping[str, str | None]
    moby_attributes: Mapping[str, str]
    docker_attributes: Mapping[str, str]
    doors: Mapping[str, Mapping[str, str]]
    matrix: Mapping[str, Answer]
    forms: Mapping[str, Facts] = field(default_factory=dict[str, "Facts"])

    @property
    def has_daemon(self) -> bool:
        """Tell whether there is more than a client."""
        return any(path is not None for path in self.components.values())

    def derivations(self) -> Iterator[tuple[str, str]]:
        """Yield name and drvPath of the package, its client form, and each component there is."""
        yield "docker", self.docker
        if self.client is not None:
            yield "client", self.client
        for name, path in self.components.items():
            if path is not None:
                yield name, path


class Evaluation(Struct, frozen=True, kw_only=True):
    """What was found of each stage, by its name: (system label, release) → facts.

    `unevaluated` are those of which the unchanged file throws, and the systems on which it does not evaluate at all,
    each with what Nix says: they are at no stage.
    """

    stages: Mapping[str, Mapping[tuple[str, str], Facts]]
    unevaluated: tuple[tuple[str, str], ...] = ()
    systems: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, stage: str) -> Mapping[tuple[str, str], Facts]:
        """Return the facts of a stage."""
        return self.stages[stage]


def coverage(facts: Mapping[tuple[str, str], Facts], what: str) -> str:
    """Return what was looked at, with the releases and systems that it was looked at for."""
    releases, systems = ({key[index] for key in facts} for index in (1, 0))
    plurals = ["" if len(found) == 1 else "s" for found in (releases, systems)]
    return f"{what}; {len(releases)} release{plurals[0]}, {len(systems)} system{plurals[1]}"


def read(record: Record, where: str) -> Facts:
    """Read what inspect.nix says of one release; raise ToolkitError for one that throws."""
    if "error" in record:
        raise ToolkitError(f"evaluation: {where}: {record.text('error')}")
    components, matrix, forms = (record.record(name) for name in ("components", "matrix", "flags"))
    return Facts(
        docker=record.text("docker"),
        client=record.optional("client", record.text),
        components={name: components.optional(name, components.text) for name in components.names()},
        moby_attributes=_texts(record.record("attributes")),
        docker_attributes=_texts(record.record("dockerAttributes")),
        doors=outcomes(record),
        matrix={name: _answer(matrix.record(name)) for name in matrix.names()},
        forms={
            name: read(form, f"{where}, {name}")
            for name, form in ((name, forms.record(name)) for name in forms.names())
            if "error" not in form
        },
    )


def _texts(record: Record) -> dict[str, str]:
    return {name: record.text(name) for name in record.names()}


def outcomes(record: Record) -> dict[str, dict[str, str]]:
    """Return component → door → outcome, the doors in the order of their kinds and not in that of the alphabet."""
    if "error" in record:
        return {}
    found: dict[str, dict[str, str]] = {}
    by_component = record.record("doors")
    for component in by_component.names():
        by_door = by_component.record(component)
        names = list(by_door.names())
        ordered = dict.fromkeys((*(name for name in doors.STANDARD if name in names), *names))
        found[component] = {name: by_door.text(name) for name in ordered}
    return found


def _answer(record: Record) -> Answer:
    if "error" in record:
        return Answer(record.text("error"), throws=True)
    return Answer(record.optional("package", record.text), record.optional("effect", record.boolean))
