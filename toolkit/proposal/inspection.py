"""Inspect a package: where its file defines each part, and which overrides reach it."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct, field

from toolkit import confined, inside
from toolkit.asking.trials import Effect, LiftQuestion, ask, why_not
from toolkit.errors import ToolkitError
from toolkit.lift.candidates import (
    FileBindings,
    file_bindings,
    method_name,
    question_name,
    questions,
)
from toolkit.nix import limits
from toolkit.nix.derivations import version_of
from toolkit.nix.limits import sealed
from toolkit.proposal.target import find_target

SYSTEMS = ("x86_64-linux", "aarch64-darwin")
"""The systems to try in turn until the package evaluates on one."""


class Methods(Struct, frozen=True, kw_only=True):
    """The working override methods of bindings, on one system.

    `reason` explains why Nix cannot answer.

    `limited` is true if it might answer another time. Methods that work `partly` leave
    some of the replaced part in the build. `version` is the version of the derivation,
    because a file may take it as an argument.
    """

    methods: dict[str, tuple[str, ...]]
    partly: dict[str, tuple[str, ...]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )
    version: str | None = None
    system: str = SYSTEMS[0]
    reason: str | None = None
    limited: bool = False


class Part(Struct, frozen=True, kw_only=True):
    """A part of a package: `bound` is let, attribute, parameter, elsewhere or absent.

    `reached` is whether an override reaches it, None if unknown; `state` is the answer
    that the syntax gives.
    """

    name: str
    bound: str
    builder: str | None = None
    line: int | None
    state: str | None = None
    reached: bool | None
    methods: tuple[str, ...]
    partly: tuple[str, ...] = ()


class PackageInspection(Struct, frozen=True, kw_only=True):
    """A package, its file and its parts.

    `reason` explains why Nix did not decide, `system` is the evaluated one.
    """

    package: str
    file: PurePosixPath
    version: str | None
    parts: tuple[Part, ...]
    system: str | None
    reason: str | None


def working_methods(
    tree: Path, package: str, file: FileBindings, names: Sequence[str]
) -> Methods:
    """Try the override methods of a package in a whole nixpkgs.

    A method works if the replacement appears in the build.
    """
    question = LiftQuestion(package=package, methods=questions(file, names))
    answers = ((system, ask(tree, tree, system, [question])[0]) for system in SYSTEMS)
    known = (each for each in answers if each[1].before is not None or each[1].limited)
    system, answer = next(known, (SYSTEMS[0], None))
    if answer is None:
        return Methods(
            methods={},
            reason=f"does not evaluate: {why_not(tree, SYSTEMS[0], package)}",
        )
    if answer.limited:
        return Methods(methods={}, reason=answer.error, limited=True)
    effects = {key: method.after.effect for key, method in answer.methods.items()}

    def having(effect: Effect) -> dict[str, tuple[str, ...]]:
        found = {
            name: [
                path
                for path in file.paths(name)
                if effects.get(question_name(name, path)) is effect
            ]
            for name in names
        }
        return {name: tuple(map(method_name, paths)) for name, paths in found.items()}

    return Methods(
        methods=having(Effect.WORKS),
        partly=having(Effect.PARTLY),
        version=version_of(answer.before or ""),
        system=system,
    )


def part(name: str, file: FileBindings, answer: Methods | None) -> Part:
    """Return the facts about a part, from Nix if it answered, else from the syntax."""
    bound, place, found = (
        file.named(name),
        file.place(name),
        answer or Methods(methods={}),
    )
    methods = found.methods.get(name, ())
    by_nix = answer is not None and (methods or place != "absent")
    return Part(
        name=name,
        bound=place,
        builder=bound.builder if bound is not None else None,
        line=bound.line if bound is not None else None,
        state=bound.state.value if bound is not None else None,
        reached=bool(methods) if by_nix else file.reached(name),
        methods=methods,
        partly=found.partly.get(name, ()),
    )


def inspect_package(root: Path, name: str) -> PackageInspection:
    """Inspect a package of the tree at `root`.

    Raise ToolkitError for an unknown name or an unreadable file.
    """
    with sealed(seconds=limits.seconds(limits.TOGETHER_SECONDS)):
        target = find_target(root, name)
        (file,) = confined.each(file_bindings, [inside.read(root, target.file)])
        problem = file.reason if isinstance(file, confined.Unread) else file.problem
        if isinstance(file, confined.Unread) or problem is not None:
            raise ToolkitError(f"{target.file}: {problem}")
        names = [*(each.name for each in file.bound), *file.routed]
        methods = working_methods(root, target.package, file, names) if names else None
    by_nix = methods is not None and methods.reason is None
    return PackageInspection(
        package=target.package,
        file=target.file,
        version=file.version or (methods.version if methods is not None else None),
        parts=tuple(part(each, file, methods if by_nix else None) for each in names),
        system=methods.system if methods is not None and by_nix else None,
        reason=methods.reason if methods is not None else None,
    )


def lines(found: PackageInspection) -> Iterator[str]:
    """Yield the inspection as lines for people."""
    version = f", {found.version}" if found.version is not None else ""
    yield f"{found.package}: {found.file}{version}"
    if not found.parts:
        nothing = (
            "the file defines no package in a let, and takes none from "
            "finalAttrs.passthru"
        )
        yield f"  {found.reason or nothing}"
        return
    width = max(len(each.name) for each in found.parts)
    for each in found.parts:
        yield f"  {each.name.ljust(width)}  {_place(each)}"
    yield "  overrides that have an effect on the build:"
    for each in found.parts:
        without = "unknown" if found.reason is not None else "none"
        partly = f"; in part: {', '.join(each.partly)}" if each.partly else ""
        yield (
            f"    {each.name.ljust(width)}  "
            f"{', '.join(each.methods) or without}{partly}"
        )
    decider = (
        f"Nix's evaluation for {found.system}"
        if found.system is not None
        else "the syntax"
    )
    yield (
        f"  decided by {decider}"
        f"{f': {found.reason}' if found.reason is not None else ''}"
    )


def _place(found: Part) -> str:
    where = found.bound if found.line is None else f"{found.bound}, line {found.line}"
    if found.builder is not None:
        return f"{where}  {found.builder}  {found.state}"
    return (
        f"{where}, taken from the final attributes"
        if found.bound == "attribute"
        else where
    )


def graph(found: PackageInspection) -> bytes:
    """Return a Mermaid flowchart of the parts, and of the overrides that reach them."""
    text = [
        f"%% {found.package}: {found.file}",
        "flowchart LR",
        f'  package["{found.package}"]',
    ]
    groups = {True: "overridable", False: "not overridable", None: "unknown"}
    numbered = [(f"p{number}", each) for number, each in enumerate(found.parts)]
    for number, (reached, title) in enumerate(groups.items()):
        boxes = [
            f'    {box}["{_label(each)}"]'
            for box, each in numbered
            if each.reached is reached
        ]
        text += [f'  subgraph g{number}["{title}"]', *boxes, "  end"] if boxes else []
    text += [f"  {box} --> package" for box, _ in numbered]
    for box, each in numbered:
        text += [
            f'  {box}d{number}(["{_escaped(method)}"]) -.-> {box}'
            for number, method in enumerate(each.methods)
        ]
    return ("\n".join(text) + "\n").encode(errors="backslashreplace")


def _label(found: Part) -> str:
    return _escaped(
        f"{found.name} "
        f"({found.bound}{f', line {found.line}' if found.line is not None else ''})"
    )


def _escaped(text: str) -> str:
    plain = " ".join(text.split())
    return (
        plain.replace("&", "&amp;")
        .replace('"', "&quot;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
    )
