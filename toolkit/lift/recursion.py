"""Turn a `rec` set into a plain one: uses of its own names go through the final attributes, by scope."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from toolkit.errors import RefusalError
from toolkit.lift.bindings import PASSTHRU
from toolkit.lift.shape import BuilderCall, path_of
from toolkit.nix.attributes import inherited, statements, value
from toolkit.nix.edit import Edit
from toolkit.nix.scope import Reference, look_up, static_name
from toolkit.nix.tree import Node

_PYTHON = re.compile(r"buildPython(Package|Application)")
_IN_PASSTHRU = frozenset(
    [
        "build-system",
        "dependencies",
        "disabled",
        "format",
        "optional-dependencies",
        "pyproject",
    ]
)
"""Arguments that Python's builders put only into passthru (nixpkgs' manual, "Writing override-compatible packages")."""

_DROPPED = frozenset(
    ["checkInputs", "checkPhase", "nativeCheckInputs", "pytestFlagsArray", "stdenv"]
)
"""Arguments that the builder renames or drops (`excludeDrvArgNames` of mk-python-derivation.nix)."""

_DECIDED = frozenset(["doCheck", "doInstallCheck"])
"""Attributes that the builder decides on as well, by whether what it builds can run."""

_PROGRAM = "mainProgram"
_DOC = "/share/doc/"
"""Below it, a directory has its name written out as well."""

_AS_TEXT = frozenset(["owner", "repo", _PROGRAM])
"""Attributes that nixpkgs wants written out, and not made with `pname` (pkgs/README.md; 387725)."""


def recursive(construction: BuilderCall) -> frozenset[int]:
    """Return the indexes of the literal sets of a builder's call that are `rec`."""
    return frozenset(
        literal.index
        for literal in construction.sets
        if literal.kind == "rec_attrset_expression"
    )


def unfold(
    construction: BuilderCall,
    references: Iterable[Reference],
    sets: Collection[int],
    leaving: Collection[str],
    kept: Collection[str] = ("let_expression",),
) -> tuple[Mapping[int, tuple[str, ...]], list[Edit]]:
    """Make some `rec` sets of a builder's call plain: return the uses' paths among the final attributes, and edits.

    Names that a set inherits from a scope of a `kept` kind mean the same without `rec`,
    unless `leaving` contains them. Raise RefusalError for a use of an attribute whose
    final value may differ.
    """
    edits = [
        Edit(
            literal.start,
            next(child for child in literal.children if child.kind == "{").start,
            "",
        )
        for literal in construction.sets
        if literal.index in sets
    ]
    targets: dict[int, tuple[str, ...]] = {}
    builder = construction.name.rpartition(".")[2]
    python = _PYTHON.fullmatch(builder) is not None
    for use in references:
        if use.scope is None or use.scope.node.index not in sets:
            continue
        owner = source(use.name, use.scope.node)
        if use.name not in leaving and owner is not None and owner.kind in kept:
            continue
        lost = (
            f"{builder} drops it: there is no finalAttrs.{use.name}"
            if python and use.name in _DROPPED
            else None
        )
        if use.name in _DECIDED:
            lost = f"finalAttrs.{use.name} is not what the builder makes of it"
        if lost is not None:
            fact = f"'{use.name}' is used within 'rec', and {lost}"
            hint = (
                f"write its value there, or bind '{use.name}' in a let around the "
                "package"
            )
            raise RefusalError(f"{use.node.location}: {fact}", hint=hint)
        if (edit := written_out(use)) is not None:
            edits.append(edit)
        else:
            targets[use.node.index] = (
                (PASSTHRU, use.name)
                if python and use.name in _IN_PASSTHRU
                else (use.name,)
            )
    return targets, edits


def source(name: str, owner: Node) -> Node | None:
    """Return the node that binds a name.

    If a `rec` set only inherits it, the origin of that.
    """
    if owner.kind != "rec_attrset_expression":
        return owner
    if not any(
        name in map(static_name, inherited(each))
        for each in statements(owner, "inherit")
    ):
        return owner
    outer = look_up(name, owner).scope
    return outer.node if outer is not None else None


def written_out(use: Reference) -> Edit | None:
    """Return an edit that inserts a name literally if nixpkgs requires that, else None.

    Raise RefusalError if a repository's name is itself computed.
    """
    if use.name != "pname" or use.scope is None:
        return None
    binding, around = use.node.enclosing("binding"), use.node.parent
    if binding is None or around is None:
        return None
    attribute = path_of(binding)[-1]
    within = (
        around.kind == "interpolation"
        and around.parent is not None
        and around.parent.kind == "string_expression"
    )
    if around.kind == "interpolation" and use.node.tree.text[: around.start].endswith(
        _DOC
    ):
        attribute, within = _PROGRAM, True
    if attribute not in _AS_TEXT or (not within and value(binding) is not use.node):
        return None
    owner = source(use.name, use.scope.node)
    literal = next(_literals(owner, use.name), None) if owner is not None else None
    if literal is None and attribute != _PROGRAM:
        fact = (
            f"'{attribute}' is made with 'pname', which is computed; nixpkgs "
            "wants it written out"
        )
        raise RefusalError(f"{use.node.location}: {fact}")
    if literal is None:
        return None
    return (
        Edit(around.start, around.end, literal.text[1:-1])
        if within
        else Edit(use.node.start, use.node.end, literal.text)
    )


def _literals(owner: Node, name: str) -> Iterator[Node]:
    """Yield the string without anything computed in it that a set or a let binds to a name."""
    for binding in statements(owner, "binding"):
        literal = value(binding)
        if (
            path_of(binding) == (name,)
            and literal.kind == "string_expression"
            and static_name(literal) is not None
        ):
            yield literal
