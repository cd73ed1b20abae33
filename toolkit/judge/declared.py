"""Compare the options that NixOS modules declare (judge-modules.nix)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from toolkit.judge.differences import (
    Cause,
    DifferenceFact,
    DifferencePlace,
    Kind,
    Weighed,
    changed,
    noted,
    regression,
)


class TypeShape(Struct, frozen=True, kw_only=True):
    """The type of a NixOS option, described by the sample values that it `accepts`.

    `values` are the values of an enumeration. A `closed` submodule has no options
    besides the declared ones.
    """

    description: Any = None
    accepts: tuple[bool, ...] = ()
    closed: bool = False
    values: tuple[Any, ...] | None = None
    nested: Mapping[str, "TypeShape"] = field(default_factory=dict[str, "TypeShape"])

    def has_lost(self, after: "TypeShape") -> bool:
        """Return whether another type refuses values that this type accepts."""
        pairs = zip(self.accepts, after.accepts, strict=False)
        if any(accepted and not accepts for accepted, accepts in pairs):
            return True
        if self.values is not None and after.values is not None:
            return any(value not in after.values for value in self.values)
        if after.closed and not self.closed:
            return True
        return any(
            self.nested[name].has_lost(inner)
            if name in self.nested
            else not all(inner.accepts)
            for name, inner in after.nested.items()
        )


class OptionShape(Struct, frozen=True, kw_only=True):
    """A NixOS option as the modules in `files` declare it.

    `default` has the default value, if there is one. The other fields have the names of
    mkOption's arguments.
    """

    loc: tuple[str, ...]
    files: tuple[str, ...] = ()
    type: TypeShape
    default: Mapping[str, Any] | None = None
    documentation: Mapping[str, Any] = field(default_factory=dict[str, Any])
    readOnly: Any = False  # noqa: N815 - the name of the attribute in Nix
    internal: Any = False
    visible: Any = True

    @property
    def is_hidden(self) -> bool:
        """Return whether the NixOS manual omits the option."""
        return self.visible is False or self.internal is True

    @property
    def is_settable(self) -> bool:
        """Return whether a configuration can set the option by its name."""
        return not any(name == "*" or name.startswith("<") for name in self.loc)


class AliasArrival(Struct, frozen=True, kw_only=True):
    """The effect of setting an option that the NixOS manual no longer lists.

    `there` is true if the option exists. `reaches` are the other options that receive
    the value; `refusals` are messages of assertions.
    """

    there: bool
    reaches: tuple[tuple[str, ...], ...] = ()
    refusals: tuple[str, ...] = ()


def missing(
    before: OptionShape, after: OptionShape | None, arrival: AliasArrival | None
) -> Weighed | None:
    """Return a difference if the NixOS manual no longer lists an option, or None.

    `arrival` is the effect of setting the option nevertheless.
    """
    if before.is_hidden or (after is not None and not after.is_hidden):
        return None
    if arrival is not None and arrival.reaches:
        other = ".".join(arrival.reaches[0])
        cause = Cause(fact=DifferenceFact.OPTION_RENAMED, other=other)
        return changed(Kind.OPTION, cause)
    if arrival is not None and arrival.refusals:
        reason = " ".join(arrival.refusals[0].split())
        cause = Cause(fact=DifferenceFact.OPTION_REFUSED, other=reason)
        return changed(Kind.OPTION, cause)
    if after is None:
        return regression(Kind.OPTION, Cause(fact=DifferenceFact.OPTION_GONE))
    return changed(Kind.OPTION, Cause(fact=DifferenceFact.OPTION_HIDDEN))


def added(before: OptionShape | None, after: OptionShape) -> Weighed | None:
    """Return a note if the NixOS manual lists a new option, or None."""
    if after.is_hidden or (before is not None and not before.is_hidden):
        return None
    return noted(Kind.OPTION, Cause(fact=DifferenceFact.OPTION_NEW))


def compare(before: OptionShape, after: OptionShape) -> Iterator[Weighed]:
    """Yield the differences of an option that exists before and after the change."""
    yield from _types(before.type, after.type)
    yield from _defaults(before.default, after.default)
    for name, new in after.documentation.items():
        old = before.documentation.get(name)
        if old != new:
            yield noted(Kind.OPTION, _about(name, DifferenceFact.DIFFERS))
    for name in ("readOnly", "internal", "visible"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            weigh = regression if name == "readOnly" and new is True else changed
            cause = _about(name, DifferenceFact.ANOTHER_VALUE)
            yield weigh(Kind.OPTION, cause, _words(old), _words(new))


def _types(before: TypeShape, after: TypeShape) -> Iterator[Weighed]:
    texts = str(before.description), str(after.description)
    if before.has_lost(after):
        cause = Cause(fact=DifferenceFact.TYPE_NARROWER)
        yield regression(Kind.OPTION, cause, *texts)
    elif before != after:
        cause = _about("type", DifferenceFact.ANOTHER_VALUE)
        yield changed(Kind.OPTION, cause, *texts)


def _defaults(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> Iterator[Weighed]:
    if before == after:
        return
    if after is None:
        cause = Cause(fact=DifferenceFact.DEFAULT_GONE)
        yield regression(Kind.OPTION, cause)
    elif before is None:
        yield changed(Kind.OPTION, Cause(fact=DifferenceFact.DEFAULT_NEW))
    else:
        values = _words(before["value"]), _words(after["value"])
        cause = _about("default", DifferenceFact.ANOTHER_VALUE)
        yield changed(Kind.OPTION, cause, *values)


def _about(name: str, fact: DifferenceFact) -> Cause:
    return Cause(fact=fact, place=DifferencePlace.DECLARATION, name=name)


def _words(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return an option's value in a form for display; None stands for no value."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return value


def switches(options: Sequence[OptionShape]) -> list[tuple[str, ...]]:
    """Return the paths of options `enable` that are off by default, outermost first."""
    off = {"value": False}
    names = [
        option.loc
        for option in options
        if option.loc[-1] == "enable"
        and option.default == off
        and option.is_settable
        and not (option.is_hidden or option.readOnly)
    ]
    return sorted(names, key=lambda loc: (len(loc), loc))
