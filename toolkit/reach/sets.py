"""The package sets of a session with Nix, in which overrides are judged.

There is a package set with all overlays, and one with only a single override.
"""

from collections.abc import Sequence

from msgspec import Struct

from toolkit.asking.session import EvaluationError, Session
from toolkit.nix.program import quoted
from toolkit.reach.answers import Listed, Overlay, Place
from toolkit.reach.effects import Replacement


class Sets(Session):
    """A session with Nix that answers questions about package sets by their names."""

    def used(self, overlays: Sequence[Overlay]) -> str:
        """Return the session's name for a list of overlays."""
        return self.define("used", f"[ {' '.join(each.key for each in overlays)} ]")

    def joint(self, subject: Listed) -> str:
        """Return the session's name for the package set with all overlays."""
        return self.define("joint", f"joint {self.used(subject.overlays)}")

    def alone(self, subject: Listed) -> str:
        """Return the session's name for the package set with only this override."""
        return self.define(
            "alone", f"alone {self.used(subject.overlays)} {called('', subject)}"
        )

    def _without(self, overlays: Sequence[Overlay], overlay: Overlay, name: str) -> str:
        """Return the session's name for the package set without one attribute.

        The attribute is removed from one overlay.
        """
        return self.define(
            "without", f"without {self.used(overlays)} {overlay.key} {quoted(name)}"
        )

    def drv(self, scope: str, path: Sequence[str]) -> str | EvaluationError:
        """Return the derivation path of an attribute path, or an empty text."""
        return self.ask(f"drv {scope} {listed(path)}", str)

    def refusal(self, subject: Listed, path: Sequence[str]) -> str | None:
        """Return a sentence about a package that Nix refuses by default, or None.

        The sentence names the environment variables that make Nix evaluate the package.
        """
        strict = self.define("strict", f"strict {self.used(subject.overlays)}")
        found = self.known(
            f"refusals {self.joint(subject)} {strict} {listed(path)}",
            tuple[str, ...],
            (),
        )
        if not found:
            return None
        allowed = " ".join(f"NIXPKGS_ALLOW_{kind.upper()}=1" for kind in found)
        return f"with {allowed}: Nix refuses packages that are {found[0]}"

    def replacement(self, subject: Listed, path: Sequence[str]) -> Replacement | None:
        """Return the later overlay that replaces an attribute, or None.

        The earlier value of the attribute then has no effect.
        """
        name, overlays = subject.name, subject.overlays
        found = self.drv(self.joint(subject), path) if subject.later else ""
        without = (
            self.drv(self._without(overlays, subject.overlay, name), path)
            if found
            else None
        )
        if without != found:
            return None
        for later in subject.later:
            until = [each for each in overlays if each.number <= later.number]
            both = self.drv(self.define("joint", f"joint {self.used(until)}"), path)
            if self.drv(self._without(until, subject.overlay, name), path) == both:
                place = later.place(name)
                # If two overlays set the same value, the second does not replace the
                # first.
                if (
                    place is None
                    or self.drv(self._without(overlays, later, name), path) == found
                ):
                    return None
                return Replacement(
                    overlay=later.number, file=place.file, line=place.line
                )
        return None


def listed(names: Sequence[str]) -> str:
    """Return Nix code for a list of strings."""
    return f"[ {' '.join(map(quoted, names))} ]"


def called(scope: str, subject: Listed, path: Sequence[str] | None = None) -> str:
    """Return the arguments of a question to Nix, as code.

    They are a package set, an overlay, and an attribute or attribute path.
    """
    return (
        f"{scope} {subject.overlay.key} "
        f"{quoted(subject.name) if path is None else listed(path)}"
    )


class ScopedPath(Struct, frozen=True, kw_only=True):
    """An attribute path that an override sets, in a package set.

    `place` is the override's place in a file. If the override extends a scope such as
    `python3Packages`, `base` is the path of the scope, and `path` leads to a member.
    """

    subject: Listed
    path: Sequence[str]
    scope: str
    base: Sequence[str] | None = None
    place: Place | None = None

    @property
    def call(self) -> str:
        """The arguments of a question to Nix about the path, as code."""
        return called(self.scope, self.subject, self.path)

    @property
    def member(self) -> str:
        """The arguments of a question to Nix about the override's calls, as code."""
        return (
            f"{called(self.scope, self.subject)} "
            f"{quoted('' if self.base is None else self.path[-1])}"
        )
