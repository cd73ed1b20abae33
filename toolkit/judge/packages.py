"""All packages of a set as digests, and the differences between two sets."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from toolkit.judge.differences import Difference, Kind, Weight
from toolkit.judge.subject import Compared

THROWS, SKIPPED, ENDS = "throws", "skipped", "ends"
"""Attributes without a derivation: they throw, are no package, or end their evaluation by an uncatchable error."""

DERIVATION = "derivation"
DIGESTS = {
    "arguments": Kind.ARGUMENTS,
    "kinds": Kind.OVERRIDE,
    "meta": Kind.META,
    "passthru": Kind.PASSTHRU,
    "position": Kind.POSITION,
}
"""The digests, and what they are of."""

AttrPath = tuple[str, ...]
Answer = str | dict[str, str]
"""THROWS, SKIPPED or ENDS, or the parts of a package: `derivation`, and a digest of each other that does not end."""


class Packages(Struct, frozen=True, kw_only=True):
    """The digests of each attribute path of a set. `partial` names those that exceed a limit of memory or time."""

    answers: Mapping[AttrPath, Answer]
    partial: tuple[str, ...] = ()

    @property
    def derivations(self) -> dict[str, str]:
        """The drvPath of each package, by its dotted attribute path."""
        return {
            ".".join(path): answer[DERIVATION]
            for path, answer in sorted(self.answers.items())
            if not isinstance(answer, str)
        }

    @property
    def failed(self) -> tuple[str, ...]:
        """The dotted attribute paths that do not evaluate."""
        return tuple(".".join(path) for path, answer in sorted(self.answers.items()) if answer in (THROWS, ENDS))

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The dotted paths of packages with a part that ends its evaluation."""
        return tuple(
            ".".join(path)
            for path, answer in sorted(self.answers.items())
            if not isinstance(answer, str) and any(name not in answer for name in DIGESTS)
        )


def differing(before: Packages, after: Packages) -> list[AttrPath]:
    """Return the attribute paths that differ between the sides, first those that only one has or evaluates."""

    def rank(path: AttrPath) -> tuple[bool, int, AttrPath]:
        sides = (before.answers.get(path), after.answers.get(path))
        return all(isinstance(each, dict) for each in sides), len(path), path

    paths = {**before.answers, **after.answers}
    return sorted((path for path in paths if before.answers.get(path) != after.answers.get(path)), key=rank)


def unexplained(subject: Compared, path: AttrPath, before: Packages, after: Packages) -> Iterator[Difference]:
    """Yield an attribute's differences as far as the digests show them."""
    one, other = before.answers.get(path), after.answers.get(path)
    if isinstance(one, str) or isinstance(other, str) or one is None or other is None:
        if isinstance(one, dict):
            what = "is no longer there" if other is None else "no longer evaluates"
            yield subject.differs(
                Kind.REMOVED if other is None else Kind.EVALUATION, Weight.REGRESSION, what, None, other
            )
        elif isinstance(other, dict):
            what = "is new" if one is None else "evaluates now"
            yield subject.differs(Kind.ADDED if one is None else Kind.EVALUATION, Weight.CHANGE, what, one, None)
        return
    sides = one[DERIVATION], other[DERIVATION]
    if one["outputs"] != other["outputs"]:
        yield subject.differs(Kind.DERIVATION, Weight.CHANGE, "is built differently", *sides)
    elif sides[0] != sides[1]:
        what = "a fixed output among its inputs is made by a different derivation, and has the same hash"
        yield subject.differs(Kind.FIXED_OUTPUT, Weight.NOTE, what, *sides)
    for name, kind in DIGESTS.items():
        if one.get(name) != other.get(name):
            weight = Weight.NOTE if kind is Kind.POSITION else Weight.CHANGE
            yield subject.differs(kind, weight, f"its {name} differ", one.get(name), other.get(name))
