"""Turn a `rec` set into a plain one whose names are taken from the final ones."""

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
"""Attributes that the builder decides on as well, by whether what it builds can run."""

_PROGRAM = "mainProgram"
_DOC = "/share/doc/"
"""Below it, a directory has its name written out as well."""

_AS_TEXT = frozenset(["owner", "repo", _PROGRAM])
"""Attributes that nixpkgs wants without `pname` (pkgs/README.md; 387725)."""


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
    """Make some `rec` sets plain: return the uses' final paths, and edits.

    Names that a set inherits from a scope of a `kept` kind mean the same without `rec`,
    unless `leaving` contains them. Raise RefusalError for a use of an attribute whose
    final value may differ.
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
    """Raise RefusalError for a name whose final attribute is not what the set has."""
    if use.name in _DECIDED:
        lost = f"finalAttrs.{use.name} is not what the builder makes of it"
    elif _PYTHON.fullmatch(builder) and use.name in _DROPPED:
        lost = f"{builder} drops it: there is no finalAttrs.{use.name}"
    else:
        return
    raise RefusalError(
        f"{use.node.location}: '{use.name}' is used within 'rec', and {lost}",
        hint=f"write its value there, or bind '{use.name}' in a let around the package",
    )


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
        f"{use.node.location}: '{attribute}' is made with 'pname', which is computed; "
        "nixpkgs requires a literal value"
    )


def _literals(owner: Node, name: str) -> Iterator[Node]:
    """Yield the plain string that a set or a let binds to a name."""
    for binding in statements(owner, "binding"):
        literal = value(binding)
        is_string = literal.kind == "string_expression"
        is_plain = is_string and static_name(literal) is not None
        if is_plain and path_of(binding) == (name,):
            yield literal
