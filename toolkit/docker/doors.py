"""The doors of a component: the ways to override it that there are, and which of them a release has.

toolkit/docker/expressions/doors.nix decides what a door does. This module knows their names, and which parameters of a
file may be one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.nix.attributes import spine

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from toolkit.docker.rewrite.layout import DockerFile

WORKS = "works"

UNEVALUABLE = "does not evaluate"
"""The outcome of what Nix refuses, or fails at."""

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
"""What a parameter may take that was made for overriding a component, in the order in which it is tried."""


def show(door: str, component: str) -> str:
    """Return a door as one writes it behind `docker.`."""
    if door in _STANDARD:
        return _STANDARD[door].replace("NAME", component)
    parameter, _, form = door.partition(" ")
    return f"override {{ {parameter} = {_FORMS[form].replace('NAME', component)}; }}"


def working(outcomes: Mapping[str, str]) -> tuple[str, ...]:
    """Return the doors that work, of outcomes by door, in the order of the outcomes."""
    return tuple(door for door, outcome in outcomes.items() if outcome == WORKS)


def locked(file: DockerFile, components: Iterable[str]) -> bool:
    """Tell whether nothing looks like a way to replace what is bound in dockerGen's let.

    Nothing does if there is no parameter for it, and no function below the let, as where a package is made of its
    final attributes.
    """
    functions = any(node.kind == "function_expression" for node in spine(file.function)[-1].walk())
    return not (functions or parameters(file, components))


def parameters(
    file: DockerFile, components: Iterable[str], *, before: DockerFile | None = None
) -> dict[str, list[str]]:
    """Return for each component the parameters that may be made for overriding it.

    Those have a name with the component's in it, or speak of components, and a default value; without that they are
    new against `before`.
    """
    known: Collection[str] = before.formals if before is not None else file.formals
    candidates = [
        name
        for name, formal in file.formals.items()
        if formal.kind == "formal" and (len(formal.children) > 1 or name not in known)
    ]
    found = {name: list(_of(name, candidates)) for name in components}
    return {name: names for name, names in found.items() if names}


def _of(component: str, candidates: Iterable[str]) -> Iterator[str]:
    stem = component.removeprefix("docker-")
    for name in candidates:
        plain = name.replace("-", "").lower()
        # A parameter that has the component's very name is a standard door.
        if name != component and (stem in plain or "component" in plain):
            yield name
