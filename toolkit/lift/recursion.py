"""Replace a `rec` set by a plain one that takes its names from the final attributes."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from toolkit.errors import RefusalError
from toolkit.lift.bindings import PASSTHRU
from toolkit.lift.shape import BuilderCall, path_of
from toolkit.nix.attributes import inherited, statements, value
from toolkit.nix.edit import Edit, replaced
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
"""Arguments that Python's builders put only into passthru.

See nixpkgs' manual, "Writing override-compatible packages".
"""

_DROPPED = frozenset(
    ["checkInputs", "checkPhase", "nativeCheckInputs", "pytestFlagsArray", "stdenv"]
)
"""Arguments that mk-python-derivation.nix renames or drops (excludeDrvArgNames)."""

_DECIDED = frozenset(["doCheck", "doInstallCheck"])
"""Attributes that the builder changes, for example if it cannot run the result."""

_PROGRAM = "mainProgram"
_DOC = "/share/doc/"
"""The path prefix below which nixpkgs wants the package's name written out."""

_AS_TEXT = frozenset(["owner", "repo", _PROGRAM])
"""Attributes in which nixpkgs wants no `pname` (pkgs/README.md; 387725)."""


def recursive(construction: BuilderCall) -> frozenset[int]:
    """Return the indexes of the `rec` sets in a builder's call."""
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
    """Make some `rec` sets plain; return the uses' final paths, and edits.

    A name that a set inherits from a scope of a `kept` kind means the same without
    `rec`, unless `leaving` contains it. Raise RefusalError if the file uses an
    attribute whose final value may differ.
    """
    edits = [
        Edit(literal.start, literal.symbol("{").start, "")
        for literal in construction.sets
        if literal.index in sets
    ]
    targets: dict[int, tuple[str, ...]] = {}
    builder = construction.name.rpartition(".")[2]
    is_python = _PYTHON.fullmatch(builder) is not None
    for use in references:
        if use.binder is None or use.binder.index not in sets:
            continue
        owner = source(use.name, use.binder)
        if use.name not in leaving and owner is not None and owner.kind in kept:
            continue
        _require_final(use, builder)
        if (edit := written_out(use)) is not None:
            edits.append(edit)
        elif is_python and use.name in _IN_PASSTHRU:
            targets[use.node.index] = (PASSTHRU, use.name)
        else:
            targets[use.node.index] = (use.name,)
    return targets, edits


def _require_final(use: Reference, builder: str) -> None:
    """Raise RefusalError for a name whose final attribute may have another value."""
    if use.name in _DECIDED:
        lost = f"the builder changes it, so finalAttrs.{use.name} differs"
    elif _PYTHON.fullmatch(builder) and use.name in _DROPPED:
        lost = f"{builder} removes it, so there is no finalAttrs.{use.name}"
    else:
        return
    raise RefusalError(
        f"{use.node.location}: 'rec' lets other attributes use '{use.name}', but "
        f"{lost}",
        hint=(
            f"write the value there, or define '{use.name}' in a let around the package"
        ),
    )


def source(name: str, owner: Node) -> Node | None:
    """Return the node that binds a name.

    If a `rec` set only inherits it, return the node that it comes from.
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
    """Return an edit that writes out a name where nixpkgs requires it, or None.

    Raise RefusalError if the name of a repository is itself computed.
    """
    binding, around = use.node.enclosing("binding"), use.node.parent
    if use.name != "pname" or use.binder is None or binding is None or around is None:
        return None
    attribute = path_of(binding)[-1]
    is_part = around.kind == "interpolation"
    if is_part and use.node.tree.text[: around.start].endswith(_DOC):
        attribute = _PROGRAM
    else:
        string = around.parent
        is_part &= string is not None and string.kind == "string_expression"
        if attribute not in _AS_TEXT or not (is_part or value(binding) is use.node):
            return None
    owner = source(use.name, use.binder)
    literal = next(_literals(owner, use.name), None) if owner is not None else None
    if literal is not None:
        if is_part:
            return replaced(around, literal.text[1:-1])
        return replaced(use.node, literal.text)
    if attribute == _PROGRAM:
        return None
    raise RefusalError(
        f"{use.node.location}: '{attribute}' uses 'pname', whose value is computed; "
        "nixpkgs requires a literal there"
    )


def _literals(owner: Node, name: str) -> Iterator[Node]:
    """Yield the plain string that a set or a let gives a name."""
    for binding in statements(owner, "binding"):
        literal = value(binding)
        is_string = literal.kind == "string_expression"
        is_plain = is_string and static_name(literal) is not None
        if is_plain and path_of(binding) == (name,):
            yield literal
