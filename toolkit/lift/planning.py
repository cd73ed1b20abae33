"""Plan a lift: which definitions leave the let, and which attribute replaces a use.

A plan that cannot be right is refused, with the place in the file.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from shlex import quote

from toolkit.errors import RefusalError
from toolkit.lift.bindings import PASSTHRU, Origin, origin, own_names, shown_attributes
from toolkit.lift.following import between, can_follow
from toolkit.lift.kinds import is_derivation
from toolkit.lift.plan import OWN, AttributeRoute, Design, LiftPlan, LiftWay
from toolkit.lift.requirements import require_followers, require_right
from toolkit.lift.shape import Shape, callee, selection
from toolkit.lift.wanted import construction, wanted
from toolkit.nix.attributes import inherited_from, inside, value
from toolkit.nix.tree import Node

_TAKEN = frozenset(
    [
        "all",
        "args",
        "bin",
        "builder",
        "debug",
        "dev",
        "devdoc",
        "doc",
        "drvAttrs",
        "drvPath",
        "env",
        "info",
        "lib",
        "man",
        "meta",
        "name",
        "out",
        "outPath",
        "outputName",
        "outputs",
        "override",
        "overrideAttrs",
        "overrideDerivation",
        "overridePythonAttrs",
        "passthru",
        "patches",
        "pname",
        "src",
        "static",
        "stdenv",
        "system",
        "tests",
        "type",
        "updateScript",
        "userHook",
        "version",
    ]
)
"""Names that `package.NAME` has for any package, whatever its file contains."""

_OF_SOURCES = frozenset(["meta", "name", "outPath", "pname", "rev", "version"])
"""Attributes that all fetched sources have."""

_ANONYMOUS = frozenset(
    [
        "base",
        "deps",
        "derivation",
        "drv",
        "package",
        "packageBuild",
        "pkg",
        "self",
        "src'",
        "this",
        "thisPackage",
        "thisPkg",
    ]
)
"""Names that have a meaning only within a file."""


def plan(shape: Shape, way: LiftWay) -> LiftPlan:
    """Plan a lift.

    Raise LayoutError for a file of another shape, and RefusalError if no plan can be
    right.
    """
    design, follow = way.design, way.follow
    is_inner = design is Design.INNER
    origins = {name: origin(shape, name) for name in follow}
    follows = {name: where for name, where in origins.items() if where is not None}
    lifted = wanted(shape, way.bindings)
    moving = _moving(shape, lifted, way)
    if is_inner:
        lifted = tuple(name for name in lifted if name in moving and follow)
    leaving = _leaving(shape, lifted, moving, follows)
    if design is Design.STAY and leaving.intersection(lifted):
        leaving = _leaving(shape, lifted, frozenset(lifted) - shape.inner, follows)
    own = _own(shape, leaving, follows) if way.whole else frozenset[str]()
    leaving |= own
    sources = {} if is_inner else {name: _source(shape, name) for name in leaving}
    taken = {name: source for name, source in sources.items() if source}
    moved = tuple(name for name in shape.bindings if name in leaving - taken.keys())
    for name in moved:
        require_plain(shape, name)
        if not is_inner and name not in lifted:
            _require_attribute(shape, name)
    routed = {*own, *lifted} if is_inner else {*own, *lifted, *moved}
    fresh = moved if design is Design.LAYER else ()
    planned = LiftPlan(
        shape=shape,
        construction=construction(shape),
        design=design,
        names=tuple(name for name in shape.bindings if name in lifted),
        routes={
            name: _route(shape, name, way.called, fresh=name in fresh)
            for name in shape.bindings
            if name in routed
        },
        moved=moved,
        taken=taken,
        follows=follows,
        own=tuple(name for name in moved if name in own),
    )
    require_right(planned)
    if follow or is_inner:
        require_followers(planned, follow)
    return planned


def _moving(shape: Shape, lifted: Sequence[str], way: LiftWay) -> frozenset[str]:
    """Return the lifted bindings that the design moves: all, or those that follow."""
    if way.design not in {Design.INNER, Design.MOVE}:
        return frozenset()
    return frozenset(
        name for name in lifted if not way.follow or can_follow(shape, name, way.follow)
    )


def _require_attribute(shape: Shape, name: str) -> None:
    """Raise RefusalError for a function that would have to move."""
    node = shape.bindings[name]
    if inside(value(node)).kind == "function_expression":
        fact = (
            f"'{name}' would have to move, but it is a function, which cannot be an "
            "attribute of a package"
        )
        raise RefusalError(f"{node.location}: {fact}")


def _leaving(
    shape: Shape,
    lifted: Sequence[str],
    moving: frozenset[str],
    follows: Mapping[str, Origin],
) -> frozenset[str]:
    """Return the bindings that must be where the final attributes are known.

    They use a lifted binding, or are derivations that a moving one uses and that take a
    followed value from the let.
    """
    leaving = set(moving)
    staying = {
        name
        for name, node in shape.bindings.items()
        if name not in shape.inner and not node.contains(shape.body)
    }
    has_grown = True
    while has_grown:
        has_grown = False
        along = _along(shape, leaving, follows)
        for name in shape.bindings:
            if name not in staying - leaving:
                continue
            used = shape.needs(name) - {name}
            is_made_with = name in shape.reached and not used.isdisjoint(lifted)
            if name in along or used & leaving or is_made_with:
                leaving.add(name)
                has_grown = True
    return frozenset(leaving)


def _along(
    shape: Shape, leaving: Iterable[str], follows: Mapping[str, Origin]
) -> set[str]:
    """Return the derivations that moving ones use, and that take a followed value."""
    made_with = {made for name in leaving for made in between(shape, name, follows)}
    others = made_with - _taken(shape)
    return {name for name in others if is_derivation(shape, name)}


def _own(
    shape: Shape, leaving: frozenset[str], follows: Mapping[str, Origin]
) -> frozenset[str]:
    """Return the package's own attributes that a let holds for it alone.

    Raise RefusalError if a followed value would have to stay.
    """
    followed = {name for _, name, _ in follows.values()}
    whole = {name: part for part, (_, name, rest) in follows.items() if not rest}
    attributes = {name: name for name in OWN} | whole
    own: set[str] = set()
    for name in attributes.keys() & shape.bindings.keys() - leaving - shape.inner:
        paths = [shown.path for shown in shown_attributes(shape, name)]
        is_own = (attributes[name],) in paths
        if is_own and (name in followed or is_plain(shape.bindings[name])):
            own.add(name)
    while stays := _staying(shape, own, leaving, attributes):
        own -= stays
    if not own or not followed & shape.bindings.keys() <= own:
        raise RefusalError(
            f"{shape.body.location}: the let needs what the part would take from the "
            "package, so that cannot move"
        )
    for name in own:
        require_plain(shape, name)
    return frozenset(own)


def _staying(
    shape: Shape,
    own: Collection[str],
    leaving: Collection[str],
    attributes: Mapping[str, str],
) -> set[str]:
    """Return the package's own attributes that something else in the let needs."""
    argument = construction(shape).argument
    stays: set[str] = set()
    for use in shape.uses:
        owner = shape.owner(use.node)
        if use.name not in own or owner in leaving or owner in own:
            continue
        is_source = attributes[use.name] == "src"
        selects = not _OF_SOURCES.issuperset(selection(use.node))
        if not argument.contains(use.node) or (is_source and selects):
            stays.add(use.name)
    return stays


def _source(shape: Shape, name: str) -> tuple[str, ...]:
    """Return the binding from which `inherit (it.a) name;` takes a name, with `a`.

    Return nothing for another form.
    """
    node = shape.bindings[name]
    if node.kind != "inherit_from":
        return ()
    source = inherited_from(node)
    is_selection = source.kind == "select_expression" and source.child("or") is None
    root = source.children[0] if is_selection else source
    if not any(use.node is root for use in shape.uses):
        raise RefusalError(
            f"{node.location}: '{name}' is inherited from an expression that uses a "
            "lifted part"
        )
    return callee(source)


def is_plain(node: Node) -> bool:
    """Return whether a statement binds exactly one name."""
    path = node.child("attrpath")
    return path is not None and len(path.children) == 1


def require_plain(shape: Shape, name: str) -> None:
    """Raise RefusalError for a binding of several names, or of a nested attribute."""
    if not is_plain(node := shape.bindings[name]):
        raise RefusalError(
            f"{node.location}: '{name}' would have to move, but is not defined by one "
            f"plain '{name} = …;'"
        )


def _route(
    shape: Shape, name: str, called: Mapping[str, str], *, fresh: bool
) -> AttributeRoute:
    """Return the attribute of a binding.

    A `fresh` one is added beside the existing one, which then uses it. It has the
    binding's name if that has a meaning outside the file, else the name of the package
    behind it.
    """
    shown = () if fresh else shown_attributes(shape, name)
    if shown:
        first = min(shown, key=lambda one: (one.path != (name,), len(one.path)))
        return AttributeRoute(path=first.path, shown=first)
    attributes = dict(construction(shape).attributes)
    attribute = called[name] if name in called else _attribute_name(shape, name)
    outputs = attributes.get(("outputs",))
    parts = outputs.walk() if outputs is not None else []
    strings = {part.text for part in parts if part.kind == "string_fragment"}
    if attribute is None or attribute in {*_taken(shape), *strings}:
        fact = (
            f"'{attribute or name}' is not a usable name for an attribute of this "
            "package"
        )
        raise RefusalError(
            f"{shape.bindings[name].location}: {fact}",
            hint=f"choose another name with --as {quote(name)}=NAME",
        )
    for path in ((PASSTHRU, attribute), (attribute,)):
        if (other := attributes.get(path)) is not None:
            raise RefusalError(
                f"{other.location}: the attribute '{'.'.join(path)}' differs from '"
                f"{name}' in the let"
            )
    return AttributeRoute(path=(PASSTHRU, attribute))


def _attribute_name(shape: Shape, name: str) -> str | None:
    """Return the name for a binding's attribute: its own, or that of its package."""
    taken = _taken(shape)
    is_clear = name not in _ANONYMOUS and name not in taken and "'" not in name
    names = [name] if is_clear else own_names(shape, name)
    return next((own for own in names if own not in taken), None)


def _taken(shape: Shape) -> frozenset[str]:
    """Return the names that already mean something as attributes.

    `src` does not if the package has no source.
    """
    names = {path[-1] for path, _ in construction(shape).attributes}
    return _TAKEN if names & {"src", "srcs"} else _TAKEN - {"src"}
